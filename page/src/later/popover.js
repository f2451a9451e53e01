/** Something small that opens below a button, and closes when the keyboard leaves it. */

/**
 * @param {import('../kit.js').Kit} kit
 * @param {HTMLElement} button
 * @param {HTMLElement} content
 * @param {string} sheet
 * @returns {(isKept: boolean) => void} closes it; whether the button gets the keyboard
 */
export function openBelow({ addStyles }, button, content, sheet) {
    addStyles(button.getRootNode(), sheet);
    let isOpen = true;
    const close = (isKept) => {
        // What is removed loses the keyboard, which closes once more.
        if (!isOpen)
            return;
        isOpen = false;
        button.setAttribute('aria-expanded', 'false');
        content.remove();
        if (isKept)
            button.focus();
    };
    content.addEventListener('focusout', ({ relatedTarget }) => {
        if (!content.contains(relatedTarget))
            close(false);
    });
    content.addEventListener('keydown', (event) => {
        if (event.key !== 'Escape')
            return;
        event.preventDefault();
        close(true);
    });
    button.setAttribute('aria-expanded', 'true');
    button.after(content);
    (content.querySelector('button, input:not(:disabled)') ?? content).focus();
    return close;
}

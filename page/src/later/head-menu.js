/** What else one does with the open conversation. */

import sheet from './menu.css';

const texts = {
    menu: 'Autres actions',
    link: 'Copier le lien',
    linkCopied: 'Lien copié.',
    print: 'Imprimer la conversation',
};

/**
 * Opens the menu, or closes it.
 * @param {import('../kit.js').Kit} kit
 * @param {HTMLElement} button to which it belongs
 * @param {object} what
 * @param {import('../messenger.js').Messenger} what.messenger
 * @param {HTMLElement} what.frame
 * @param {(text: string, frame: HTMLElement) => Promise<boolean>} what.copy
 */
export function toggleMenu(kit, button, { messenger, frame, copy }) {
    if (button.getAttribute('aria-expanded') === 'true')
        return;
    const { addStyles, element, icon } = kit;
    addStyles(frame.getRootNode(), sheet);
    const item = (name, act) => element('button', {
        type: 'button', role: 'menuitem', tabindex: '-1', onclick: () => {
            close(true);
            act();
        },
    }, icon(name), texts[name]);
    const menu = element('div', {
        class: 'menu', role: 'menu', 'aria-label': texts.menu,
        onkeydown: (event) => move(event, () => close(true)),
        onfocusout: ({ relatedTarget }) => !menu.contains(relatedTarget) && close(false),
    },
    item('link', async () => {
        if (await copy(location.href, frame))
            messenger.tell(texts.linkCopied);
    }),
    item('print', () => printAll(messenger)));
    let isOpen = true;
    const close = (isKept) => {
        // What is removed loses the keyboard, which closes once more.
        if (!isOpen)
            return;
        isOpen = false;
        button.setAttribute('aria-expanded', 'false');
        menu.remove();
        if (isKept)
            button.focus();
    };
    button.setAttribute('aria-expanded', 'true');
    button.after(menu);
    menu.firstChild.focus();
}

function move(event, close) {
    const items = [...event.currentTarget.children];
    const index = items.indexOf(event.target);
    const to = {
        ArrowDown: index + 1, ArrowUp: index - 1 + items.length, Home: 0, End: items.length - 1,
    }[event.key];
    if (to === undefined && event.key !== 'Escape')
        return;
    event.preventDefault();
    if (event.key === 'Escape')
        close();
    else
        items[to % items.length].focus();
}

/** The whole conversation, not only what has been read so far.
 * @param {import('../messenger.js').Messenger} messenger */
export async function printAll(messenger) {
    await messenger.loadAll();
    // Not before it is drawn.
    requestAnimationFrame(() => requestAnimationFrame(() => window.print()));
}

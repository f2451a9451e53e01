/**
 * What one types is nobody else's: a site has shortcuts, and handlers for what is typed, pasted and
 * dropped on it, that take our text for theirs.
 */

const TYPED = ['keydown', 'keypress', 'keyup', 'beforeinput', 'input', 'change', 'cut', 'copy', 'paste',
    'drop', 'compositionstart', 'compositionupdate', 'compositionend'];
/** These close and leave what the site has put around us. */
const SHARED_KEYS = new Set(['Escape', 'Tab']);

/** What Option types on a Mac; elsewhere Alt with a letter or digit is a shortcut. */
const TYPED_WITH_OPTION = /^[^a-z0-9]$/iu;

/** Stops at the edge of a shadow root what is typed in it, after everything inside has had it.
 * @param {ShadowRoot} root */
export function keepInside(root) {
    for (const type of TYPED)
        root.addEventListener(type, (event) => {
            if (event.defaultPrevented || !isShared(event))
                event.stopPropagation();
        });
}

/** Whether the site may have it, too: a key that closes or leaves, or a combination that types nothing. */
function isShared(event) {
    if (!(event instanceof KeyboardEvent))
        return false;
    const isCombination = event.ctrlKey || event.metaKey ||
        (event.altKey && !TYPED_WITH_OPTION.test(event.key));
    return SHARED_KEYS.has(event.key) || (isCombination && !event.getModifierState('AltGraph'));
}

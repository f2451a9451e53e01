/** What else one does with the open conversation. */

import sheet from './menu.css';
import { openBelow } from './popover.js';

const texts = {
    menu: 'Autres actions',
    link: 'Copier le lien',
    linkCopied: 'Lien copié.',
    print: 'Imprimer la conversation',
};

const paths = {
    link: 'M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 6 6l1-1',
    print: 'M7 9V4h10v5M7 17H4v-8h16v8h-3M7 14h10v6H7z',
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
    const { element, icon } = kit;
    const item = (name, act) => element('button', {
        type: 'button', role: 'menuitem', tabindex: '-1', onclick: () => {
            close(true);
            act();
        },
    }, icon(paths[name]), texts[name]);
    const menu = element('div', {
        class: 'menu', role: 'menu', 'aria-label': texts.menu, onkeydown: move,
    },
    item('link', async () => {
        if (await copy(location.href, frame))
            messenger.tell(texts.linkCopied);
    }),
    item('print', () => printAll(messenger)));
    const close = openBelow(kit, button, menu, sheet);
}

function move(event) {
    const items = [...event.currentTarget.children];
    const index = items.indexOf(event.target);
    const to = {
        ArrowDown: index + 1, ArrowUp: index - 1 + items.length, Home: 0, End: items.length - 1,
    }[event.key];
    if (to === undefined)
        return;
    event.preventDefault();
    items[to % items.length].focus();
}

/** The whole conversation, not only what has been read so far.
 * @param {import('../messenger.js').Messenger} messenger */
export async function printAll(messenger) {
    await messenger.loadAll();
    // Not before it is drawn.
    requestAnimationFrame(() => requestAnimationFrame(() => window.print()));
}

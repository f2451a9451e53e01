/** What is not needed for what one sees first. */

import { watchPresence } from './away.js';
import { watchIcon } from './icon.js';
import media from './media.css';
import { notify } from './notify.js';

/**
 * @param {import('../kit.js').Kit} kit
 * @param {object} where
 * @param {ShadowRoot} where.root
 * @param {import('../messenger.js').Messenger} where.messenger
 * @param {boolean} where.isPage
 * @param {(id: string) => void} where.open a conversation
 * @param {AbortSignal} where.signal until when
 */
export function addRest(kit, { root, messenger, isPage, open, signal }) {
    kit.addStyles(root, media);
    watchPresence(messenger, signal);
    if (!messenger.mayOpen)
        messenger.askMayOpen();
    if (!isPage)
        return;
    watchIcon(messenger, signal);
    notify(kit, { messenger, open, signal });
}

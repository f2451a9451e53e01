/**
 * Tells of messages that nobody has seen: a notification of the browser's, and a soft sound, once over
 * all tabs of the page.
 */

import { readSettings } from './settings.js';
import { playSound } from './sound.js';

/** So long may a tab take in which the message is seen, so that it is read. */
const SETTLE_MS = 1000;
const CONVERSATIONS = 10;
const BODY_UNITS = 200;
/** Of which messages people have been told, over all tabs. */
const TOLD_KEY = 'messagerie told';
const TOLD_MAX = 50;

/**
 * @param {import('../kit.js').Kit} kit
 * @param {object} where
 * @param {import('../messenger.js').Messenger} where.messenger
 * @param {(id: string) => void} where.open a conversation
 * @param {AbortSignal} where.signal until when
 */
export function notify(kit, { messenger, open, signal }) {
    /** By conversation. @type {Map<string, Notification>} */
    const shown = new Map();
    let total = messenger.totalUnread;
    let timer;

    const isNew = ({ unreadCount, lastMessage }) => unreadCount > 0 && lastMessage &&
        lastMessage.senderId !== messenger.userId &&
        // What was there before says nothing new.
        !messenger.list.firstMessages?.has(lastMessage.id);

    const look = async () => {
        const settings = readSettings();
        if (!(settings.isOn || settings.hasSound) || !messenger.list.isLoaded)
            return;
        for (const conversation of (await messenger.readNewest(CONVERSATIONS)).filter(isNew))
            await once(conversation.lastMessage.id, () => tell(conversation, settings));
    };

    const tell = (conversation, { isOn, hasSound }) => {
        if (hasSound)
            playSound();
        if (isOn)
            show(conversation);
    };

    const show = (conversation) => {
        const { id } = conversation;
        const { beginningOf, otherPerson, personName, previewOf } = kit;
        try {
            const notification = new Notification(
                personName(otherPerson(conversation, messenger.userId)), {
                    body: beginningOf(previewOf(conversation.lastMessage, messenger.userId), BODY_UNITS),
                    icon: document.querySelector('link[rel="apple-touch-icon"]')?.href,
                    lang: 'fr',
                    tag: `messagerie ${id}`,
                    renotify: true,
                    silent: true,
                });
            notification.onclick = () => {
                window.focus();
                notification.close();
                open(id);
            };
            shown.set(id, notification);
        } catch {
            // A telephone's browser wants a service worker for it.
        }
    };

    const closeRead = () => {
        for (const [id, notification] of shown)
            if (!messenger.list.conversations.get(id)?.unreadCount) {
                notification.close();
                shown.delete(id);
            }
    };

    const lookSoon = () => {
        clearTimeout(timer);
        timer = setTimeout(look, SETTLE_MS);
    };

    lookSoon();
    messenger.addEventListener('change', ({ detail }) => {
        if (detail === 'list')
            closeRead();
        if (detail !== 'unread')
            return;
        if (messenger.totalUnread > total)
            lookSoon();
        total = messenger.totalUnread;
    }, { signal });
    signal.addEventListener('abort', () => {
        clearTimeout(timer);
        shown.forEach((notification) => notification.close());
    });
}

/** Does it in one tab alone, whichever comes first. */
function once(messageId, act) {
    const actNew = () => {
        const told = readTold();
        if (told.includes(messageId))
            return;
        writeTold([...told, messageId].slice(-TOLD_MAX));
        act();
    };
    return navigator.locks ? navigator.locks.request(TOLD_KEY, actNew) : actNew();
}

function readTold() {
    try {
        const told = JSON.parse(localStorage.getItem(TOLD_KEY));
        return Array.isArray(told) ? told : [];
    } catch {
        return [];
    }
}

function writeTold(told) {
    try {
        localStorage.setItem(TOLD_KEY, JSON.stringify(told));
    } catch {
        // Without storage every tab tells.
    }
}

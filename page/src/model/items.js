/** What the thread shows, line by line: day separators, where what is new begins, messages, and what
 * is being sent. */

import { dayLabel, dayOf, timeLabel } from './days.js';

/** Messages of one person that follow within this time stand together. */
const GROUP_MS = 5 * 60 * 1000;

/**
 * @typedef {object} Item
 * @property {string} key stays the same from sending to being read
 * @property {'day'|'new'|'message'} kind
 * @property {string} [day]
 * @property {string} [label] the day's words, as of now
 * @property {string} [time] of the day, as one reads it here and now
 * @property {'own'|'other'|'system'} [side]
 * @property {'sending'|'sent'|'read'|'failed'} [state]
 * @property {import('./thread.js').Message} [message]
 * @property {boolean} [isFirst] of its group
 * @property {boolean} [isLast] of its group
 * @property {string} [reason]
 */

/**
 * Everything that is drawn is in the items, so that what looks different is drawn anew: also when it is
 * the day or the time zone that has changed.
 *
 * @param {import('./thread.js').Thread} thread
 * @param {string} userId who looks at it
 * @param {Date} [now]
 * @returns {Item[]}
 */
export function makeItems(thread, userId, now = new Date()) {
    const entries = [
        ...thread.messages.map((message) => fromMessage(message, userId)),
        ...thread.pending.map((pending) => fromPending(pending, userId)),
    ];
    for (const entry of entries)
        entry.time = timeLabel(entry.message.createdAt);
    return withLines(grouped(entries, thread.newFrom), thread.newFrom, now);
}

function fromMessage(message, userId) {
    const isSystem = message.type === 'SYSTEM';
    const isOwn = !isSystem && message.sender.id === userId;
    return {
        key: isOwn && message.clientMessageId ? `own ${message.clientMessageId}` : message.id,
        kind: 'message',
        side: isSystem ? 'system' : isOwn ? 'own' : 'other',
        state: message.isRead ? 'read' : 'sent',
        message,
    };
}

function fromPending({ clientMessageId, content, createdAt, state, reason, message }, userId) {
    return {
        key: `own ${clientMessageId}`,
        kind: 'message',
        side: 'own',
        state: message?.isRead ? 'read' : state,
        reason,
        message: message ?? {
            id: '', clientMessageId, content, createdAt,
            type: 'TEXT', isRead: false, sender: { id: userId }, attachments: [],
        },
    };
}

function grouped(entries, newFrom) {
    const areTogether = (before, after) => areNear(before, after) && after.message.id !== newFrom;
    return entries.map((entry, index) => ({
        ...entry,
        isFirst: !areTogether(entries[index - 1], entry),
        isLast: !areTogether(entry, entries[index + 1]),
    }));
}

function areNear(before, after) {
    return Boolean(before && after) && before.side === after.side && before.side !== 'system' &&
        Date.parse(after.message.createdAt) - Date.parse(before.message.createdAt) < GROUP_MS &&
        dayOf(before.message.createdAt) === dayOf(after.message.createdAt);
}

/** With the lines between: days, and where what is new begins. */
function withLines(entries, newFrom, now) {
    const items = [];
    const used = new Set();
    let previous;
    for (const entry of entries) {
        const day = dayOf(entry.message.createdAt);
        if (day !== previous) {
            // A clock that was set back can bring a day twice; a key may not come twice.
            const key = `day ${day}${used.has(day) ? ` ${entry.key}` : ''}`;
            items.push({ key, kind: 'day', day, label: dayLabel(day, now) });
            used.add(day);
        }
        previous = day;
        if (newFrom && entry.message.id === newFrom)
            items.push({ key: 'new', kind: 'new' });
        items.push(entry);
    }
    return items;
}

/** Whether two items of the same key look the same.
 * @param {Item} a
 * @param {Item} b */
export function isSameItem(a, b) {
    return a.message === b.message && a.state === b.state && a.isFirst === b.isFirst &&
        a.isLast === b.isLast && a.reason === b.reason && a.label === b.label && a.time === b.time;
}

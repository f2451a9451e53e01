/** Texts of other people: shown as text, and never more than that. */

import { texts } from '../texts.js';

/** Characters (Unicode code points) that a message may have. */
export const MESSAGE_CHARACTERS_MAX = 10000;

const address = /https?:\/\/[^\s<>"«»]+/gi;
const trailing = new Set('.,;:!?\'’…])}');
// Controls that turn the direction of text around them, as in U+202E.
const directions = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Cuts a text into plain parts and links. Only http and https become links.
 * @param {string} text
 * @returns {Array<{text: string, url?: string}>}
 */
export function splitLinks(text) {
    const parts = [];
    let end = 0;
    for (const match of text.matchAll(address)) {
        const found = withoutTrailing(match[0]);
        if (!isWebAddress(found))
            continue;
        if (match.index > end)
            parts.push({ text: text.slice(end, match.index) });
        parts.push({ text: found, url: found });
        end = match.index + found.length;
    }
    if (end < text.length)
        parts.push({ text: text.slice(end) });
    return parts;
}

/** Not by a pattern: one would take time with the square of the length. */
function withoutTrailing(text) {
    let end = text.length;
    while (trailing.has(text[end - 1]))
        end--;
    return text.slice(0, end);
}

/** @param {string} text */
export function isWebAddress(text) {
    try {
        return ['http:', 'https:'].includes(new URL(text).protocol);
    } catch {
        return false;
    }
}

/** Whether a picture is loaded: over https, or from the page's or service's own host.
 * @param {string} url
 * @param {string[]} origins */
export function isShowablePicture(url, origins) {
    try {
        const { protocol, origin } = new URL(url, origins[0]);
        return protocol === 'https:' || (protocol === 'http:' && origins.includes(origin));
    } catch {
        return false;
    }
}

/** Number of Unicode code points.
 * @param {string} text */
export function countCharacters(text) {
    let count = 0;
    for (let i = 0; i < text.length; i++, count++)
        if (text.codePointAt(i) > 0xffff)
            i++;
    return count;
}

/** A text for places that cannot isolate its direction: labels, titles.
 * @param {string} text */
export function withoutDirections(text) {
    return text.replace(directions, '');
}

/** Without what would turn around the other half of a name.
 * @param {{salonName?: string, firstName?: string, lastName?: string, role?: string}} [person] */
export function personName(person) {
    const name = person?.salonName || [person?.firstName, person?.lastName].filter(Boolean).join(' ');
    return withoutDirections(name) || (person?.role === 'client' ? texts.aClient : texts.aSalon);
}

/** Two letters in the place of a picture.
 * @param {string} name */
export function initials(name) {
    const words = withoutDirections(name).split(/[\s'’-]+/).filter(Boolean);
    const letters = [words[0], words.length > 1 ? words.at(-1) : undefined];
    return letters.map((word) => (word ? [...word][0] : '')).join('').toUpperCase();
}

/** One line that tells what a message says.
 * @param {{content: string, type: string, senderId?: string}|undefined} message
 * @param {string} userId */
export function previewOf(message, userId) {
    if (!message)
        return '';
    const content = message.content.trim() ? message.content.slice(0, 200) : texts.aPicture;
    return message.senderId === userId && message.type !== 'SYSTEM' ? texts.you(content) : content;
}

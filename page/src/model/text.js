/** Texts of other people: shown as text, and never more than that. */

import { texts } from '../texts.js';

/** Characters (Unicode code points) that a message may have. */
export const MESSAGE_CHARACTERS_MAX = 10000;

// Controls that turn the direction of text around them, as in U+202E.
const directions = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

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
    return withoutDirections(name).trim() || (person?.role === 'client' ? texts.aClient : texts.aSalon);
}

/** Texts that have no character of more than one unit. */
const simple = /^[\u0020-\u02ff\u2010-\u2027]*$/;
let segmenter;

/** What a reader takes for one character each: a flag, a letter with its accents.
 * @param {string} text
 * @returns {string[]} */
export function graphemes(text) {
    if (simple.test(text) || !Intl.Segmenter)
        return [...text];
    segmenter ??= new Intl.Segmenter('fr', { granularity: 'grapheme' });
    return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** The beginning of a text, of whole characters.
 * @param {string} text
 * @param {number} length about so many units at most */
export function beginningOf(text, length) {
    if (text.length <= length)
        return text;
    // A few more, so that the last one that counts is not cut itself.
    const all = graphemes(text.slice(0, length * 2));
    let beginning = all.shift();
    while (all.length > 0 && beginning.length + all[0].length <= length)
        beginning += all.shift();
    return beginning;
}

/** Two characters in the place of a picture: of the first and the last word that have a letter.
 * @param {string} name */
export function initials(name) {
    const words = withoutDirections(name).split(/[\s'’-]+/).map(firstSign).filter(Boolean);
    const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
    return letters.join('') || graphemes(withoutDirections(name).trim())[0] || '';
}

/** The first letter, digit or picture of a word. (What has two letters for its capital, as ß, begins
 * no name.) */
function firstSign(word) {
    const signs = graphemes(word).filter((one) =>
        /[\p{L}\p{N}\p{Extended_Pictographic}\p{RI}]/u.test(one));
    const capitals = signs.map((one) => one.toUpperCase());
    return capitals.find((one) => graphemes(one).length === 1) ?? signs[0] ?? '';
}

const quoted = /^(?:>[^\n]*(?:\n|$))+/;

/** What a text quotes at its beginning, line by line behind a `>`, and what it says itself.
 * @param {string} text */
export function splitQuote(text) {
    const [quote = ''] = quoted.exec(text) ?? [];
    return {
        quote: quote.replace(/^> ?/gm, '').trimEnd(),
        rest: quote ? text.slice(quote.length).trimStart() : text,
    };
}

const PREVIEW_UNITS = 200;

/** One line that tells what a message says.
 * @param {{content: string, type: string, senderId?: string}|undefined} message
 * @param {string} userId */
export function previewOf(message, userId) {
    if (!message)
        return '';
    const { quote, rest } = splitQuote(message.content.trim());
    const content = beginningOf(rest || quote, PREVIEW_UNITS) || texts.aPicture;
    return message.senderId === userId && message.type !== 'SYSTEM' ? texts.you(content) : content;
}

/**
 * What in a text can be tapped: web addresses, mail addresses, telephone numbers. And what is left as a
 * text because it says something else than where it leads.
 *
 * All patterns take time with the length of the text, not with its square: texts are other people's.
 */

/** Characters that one does not see, or that turn the direction of others. */
const hidden = /[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/u;
/** Of these, what goes on until it is ended: it turns what stands far behind, too. */
const lasting = /[\u202a-\u202e\u2066-\u2069]/u;
const quotes = '"«»“”„‟‹›〈-】';
const web = new RegExp(`(?:https?://|(?<![\\p{L}\\p{N}@./-])www\\.(?=[\\p{L}\\p{N}]))[^\\s<>—\\0-\\x1f\\x7f${quotes}]+`,
    'giu');
const local = /[\p{L}\p{N}.!#$%&'*+=?^_`{|}~-]/u;
const domain = /^[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.\p{L}{2,}/u;
const MAILTO = 'mailto:';
const LOCAL_MAX = 64;
const DOMAIN_MAX = 255;
/** Digits by twos as one writes them in France, or anything behind a `+`. */
const telephone = new RegExp('(?<![\\p{L}\\p{N}+._/:@-])(?:' +
    '(?:0033|0)[ .\\u00a0\\u202f-]?[1-9]([ .\\u00a0\\u202f-]?)\\d\\d(?:\\1\\d\\d){3}(?!\\1\\d\\d(?![\\p{L}\\d:]))|' +
    '\\+[1-9][\\d .\\u00a0\\u202f()-]{6,20}\\d)(?![\\p{L}\\d])', 'gu');
const DIGITS_MIN = 8;
const DIGITS_MAX = 15;

const ends = new Set('.,;:!?\'’…|');
const brackets = { ')': '(', ']': '[', '}': '{' };
/** What people put around words to stress them. */
const stresses = new Set('*_~`');

/** A host as it may be written: letters, digits and hyphens between dots. No look-alike of a slash. */
const host = /^(?:[\p{L}\p{M}\p{N}.-]+|\[[\da-f:.]+\])(?::\d+)?$/iu;
/** Strokes that are laid over a letter, and make a slash or a hyphen of it. */
const stroke = /[\u0335-\u0338\u20d2\u20d3\u20e5\u20eb]/u;
/** Cyrillic letters that look like Latin ones. */
const lookAlike = /^[асеорхуіјѕһӏԁԛԝ\d-]+$/iu;

/**
 * Cuts a text into plain parts and links.
 * @param {string} text
 * @returns {Array<{text: string, url?: string}>}
 */
export function splitLinks(text) {
    const parts = [];
    let end = 0;
    for (const { index, found, url } of lasting.test(text) ? [] : findLinks(text)) {
        if (index > end)
            parts.push({ text: text.slice(end, index) });
        parts.push({ text: found, url });
        end = index + found.length;
    }
    if (end < text.length)
        parts.push({ text: text.slice(end) });
    return parts;
}

/** In the order of the text; none within another. */
function findLinks(text) {
    const webs = [...text.matchAll(web)].map((match) => webLink(text, match));
    const links = [];
    let from = 0;
    // What looked like an address and is none to be tapped is not looked at again.
    for (const { index, found, url } of [...webs, { index: text.length, found: '' }]) {
        const between = text.slice(from, index);
        const others = [...mailLinks(between), ...telephoneLinks(between)];
        links.push(...others.map((link) => ({ ...link, index: link.index + from })));
        if (url)
            links.push({ index, found, url });
        from = index + found.length;
    }
    return links.sort((a, b) => a.index - b.index);
}

function webLink(text, { 0: match, index }) {
    const found = withoutEnd(match, text[index - 1]);
    const url = /^www/i.test(found) ? `https://${found}` : found;
    return isHonest(url) ? { index, found, url } : { index, found: match };
}

/** Without the punctuation of the sentence around it, and without brackets that are opened before it. */
function withoutEnd(address, before) {
    const open = {};
    for (const character of address)
        open[character] = (open[character] ?? 0) + 1;
    let end = address.length;
    for (; end > 0; end--) {
        const last = address[end - 1];
        const isStress = stresses.has(last) && last === before;
        const isUnopened = last in brackets && open[last] > (open[brackets[last]] ?? 0);
        if (!ends.has(last) && !isStress && !isUnopened)
            break;
        open[last]--;
    }
    return address.slice(0, end);
}

/** Whether an address leads where it says: its host is what one takes for it. */
function isHonest(address) {
    if (hidden.test(address) || address.includes('\\') || !isWebAddress(address))
        return false;
    const { username, password } = new URL(address);
    const authority = /^https?:\/\/([^/?#]*)/i.exec(address)?.[1] ?? '';
    return !username && !password && host.test(authority) && !stroke.test(authority)
        && !authority.split('.').some(isDisguised);
}

/** Letters of one alphabet among those of another, or in their clothes. */
function isDisguised(label) {
    const isMixed = /[a-z]/i.test(label) && /(?!\p{Script=Latin})\p{L}/u.test(label);
    return isMixed || (/\p{L}/u.test(label) && lookAlike.test(label));
}

function mailLinks(text) {
    const links = [];
    let from = 0;
    for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
        let start = at;
        while (start > from && at - start < LOCAL_MAX && local.test(text[start - 1]))
            start--;
        while (start < at && !/[\p{L}\p{N}]/u.test(text[start]))
            start++;
        const [where] = domain.exec(text.slice(at + 1, at + 1 + DOMAIN_MAX)) ?? [];
        const found = text.slice(start, at + 1 + (where?.length ?? 0));
        const before = text.slice(Math.max(from, start - MAILTO.length), start);
        const isWhole = start < at && (before === MAILTO || !/[/:@]$/.test(before))
            && text[start + found.length] !== '@';
        if (!where || !isWhole || where.split('.').some(isDisguised))
            continue;
        links.push({ index: start, found, url: `mailto:${encodeURI(found)}` });
        from = start + found.length;
    }
    return links;
}

function telephoneLinks(text) {
    return [...text.matchAll(telephone)].flatMap(({ 0: found, index }) => {
        const number = found.replace(/\(0\)/, '').replace(/[^+\d]/g, '');
        const digits = number.replace('+', '').length;
        return digits < DIGITS_MIN || digits > DIGITS_MAX ? []
            : [{ index, found, url: `tel:${number}` }];
    });
}

/** @param {string} text */
export function isWebAddress(text) {
    try {
        return ['http:', 'https:'].includes(new URL(text).protocol);
    } catch {
        return false;
    }
}

/** Style sheets of the shadow roots, made once. Constructed ones need no `unsafe-inline`. */

import { paletteSheet } from './palette.js';
import base from './styles/base.css';
import list from './styles/list.css';
import thread from './styles/thread.css';

let made;
const added = new Map();

/** @returns {CSSStyleSheet[]} */
export function styles() {
    made ??= [unitSheet(), paletteSheet(), base, list, thread].map(makeSheet);
    return made;
}

function makeSheet(text) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text.replace(/(-?[\d.]+)rem\b/g, 'calc($1*var(--messagerie-unit))'));
    return sheet;
}

/** Adds what has been loaded later, once.
 * @param {ShadowRoot} root
 * @param {string} text */
export function addStyles(root, text) {
    const sheet = added.get(text) ?? makeSheet(text);
    added.set(text, sheet);
    if (!root.adoptedStyleSheets.includes(sheet))
        root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}

/**
 * What `rem` in our style sheets becomes: the size of letters that the reader has chosen in
 * the browser, or the site for us. The real `rem` is the site's, which may be anything.
 */
function unitSheet() {
    try {
        // A length: where it is used it is not counted again from the letters of that place.
        CSS.registerProperty(
            { name: '--messagerie-unit', syntax: '<length>', inherits: true, initialValue: '16px' });
    } catch {
        if (!CSS.registerProperty)
            return '.frame{--messagerie-unit:16px}';
    }
    return '.frame{--messagerie-unit:1em}';
}

/** Style sheets of the shadow roots, made once. Constructed ones need no `unsafe-inline`. */

import { paletteSheet } from './palette.js';
import base from './styles/base.css';
import list from './styles/list.css';
import start from './styles/start.css';
import thread from './styles/thread.css';

let made;

/** @returns {CSSStyleSheet[]} */
export function styles() {
    made ??= [unitSheet(), paletteSheet(), base, list, thread, start].map((text) => {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(text);
        return sheet;
    });
    return made;
}

/**
 * What `rem` in our style sheets becomes (build.mjs): the size of letters that the reader has chosen in
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

/** Style sheets of the shadow roots, made once. Constructed ones need no `unsafe-inline`. */

import { paletteSheet } from './palette.js';
import base from './styles/base.css';
import list from './styles/list.css';
import start from './styles/start.css';
import thread from './styles/thread.css';

let made;

/** @returns {CSSStyleSheet[]} */
export function styles() {
    made ??= [paletteSheet(), base, list, thread, start].map((text) => {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(text);
        return sheet;
    });
    return made;
}

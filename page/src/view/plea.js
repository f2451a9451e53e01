/** A sentence in the place of everything. */

import { element } from '../dom.js';
import { texts } from '../texts.js';

/** @param {string} text
 * @param {() => void} [onRetry] for a button beside */
export function makePlea(text, onRetry) {
    return element('div', { class: 'start' }, element('div', { class: 'plea' },
        element('p', { class: 'hint', role: 'status', text }),
        onRetry && element('button', {
            type: 'button', class: 'primary', text: texts.retry, onclick: onRetry,
        })));
}

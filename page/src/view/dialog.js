/** Asks before something is lost. */

import { element } from '../dom.js';
import { texts } from '../texts.js';

/**
 * @param {HTMLElement} root where the dialog is put
 * @returns {Promise<boolean>} whether the person agreed
 */
export function askToDelete(root) {
    return new Promise((resolve) => {
        const dialog = element('dialog', { 'aria-labelledby': 'question', onclose: () => {
            dialog.remove();
            resolve(dialog.returnValue === 'yes');
        } },
        element('form', { method: 'dialog' },
            element('h2', { id: 'question', text: texts.deleteQuestion }),
            element('p', { text: texts.deleteHint }),
            element('div', { class: 'buttons' },
                element('button', { value: 'no', class: 'plain', text: texts.cancel, autofocus: true }),
                element('button', { value: 'yes', class: 'danger', text: texts.delete }))));
        root.append(dialog);
        dialog.showModal();
    });
}

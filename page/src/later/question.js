/** Asks before something is lost. */

import sheet from './question.css';

const texts = {
    question: 'Supprimer ce message ?',
    hint: 'Il disparaîtra aussi chez votre correspondant.',
    delete: 'Supprimer',
    cancel: 'Annuler',
};

/**
 * @param {import('../kit.js').Kit} kit
 * @param {HTMLElement} frame where the question is put
 * @returns {Promise<boolean>} whether the person agreed
 */
export function askToDelete({ addStyles, element }, frame) {
    addStyles(frame.getRootNode(), sheet);
    return new Promise((resolve) => {
        const dialog = element('dialog', { 'aria-labelledby': 'question', onclose: () => {
            dialog.remove();
            resolve(dialog.returnValue === 'yes');
        } },
        element('form', { method: 'dialog' },
            element('h2', { id: 'question', text: texts.question }),
            element('p', { text: texts.hint }),
            element('div', { class: 'buttons' },
                element('button', { value: 'no', class: 'plain', text: texts.cancel, autofocus: true }),
                element('button', { value: 'yes', class: 'danger', text: texts.delete }))));
        frame.append(dialog);
        dialog.showModal();
    });
}

/** What stands there before one is somebody: a choice of people, or a form for a token. */

import { readClaims } from '../credentials.js';
import { element, icon } from '../dom.js';
import { personName } from '../model/text.js';
import { texts } from '../texts.js';
import { avatar } from './avatar.js';

function frame(title, hint, ...children) {
    return element('main', { class: 'start' },
        element('div', { class: 'card' },
            element('div', { class: 'mark' }, icon('chat')),
            element('h1', { text: title }), element('p', { class: 'hint', text: hint }),
            ...children));
}

/**
 * The people of the demonstration.
 * @param {Array<{id: string, role: string, name: string, image?: string}>} people
 * @param {string[]} origins
 * @param {(id: string) => void} onChoose
 */
export function makeChooser(people, origins, onChoose) {
    const group = (title, isMember) => element('section', { class: 'people' },
        element('h2', { text: title }),
        element('ul', {}, ...people.filter(isMember).map((person) =>
            element('li', {}, element('button', {
                type: 'button', class: 'person', onclick: () => onChoose(person.id),
            }, avatar({ ...person, salonName: person.name }, origins),
            element('bdi', { text: personName({ ...person, salonName: person.name }) }))))));
    return frame(texts.demoTitle, texts.demoHint,
        group(texts.demoSalons, ({ role }) => role !== 'client'),
        group(texts.demoClients, ({ role }) => role === 'client'));
}

/** @param {(token: string) => void} onToken */
export function makeTokenForm(onToken) {
    const box = element('textarea', {
        id: 'token', rows: '4', required: true, spellcheck: 'false', autocomplete: 'off',
        'aria-describedby': 'token-error',
    });
    const error = element('p', { class: 'error', id: 'token-error', role: 'alert' });
    const submit = (event) => {
        event.preventDefault();
        const token = box.value.trim();
        if (readClaims(token)) {
            onToken(token);
            return;
        }
        error.textContent = texts.tokenInvalid;
        box.setAttribute('aria-invalid', 'true');
        box.focus();
    };
    return frame(texts.tokenTitle, texts.tokenHint,
        element('form', { onsubmit: submit },
            element('label', { for: 'token', text: texts.token }), box, error,
            element('button', { class: 'primary', text: texts.open })));
}

/** @param {string} text
 * @param {() => void} [onRetry] for a button beside */
export function makeMessage(text, onRetry) {
    return element('div', { class: 'start' }, element('div', { class: 'plea' },
        element('p', { class: 'hint', role: 'status', text }),
        onRetry && element('button', {
            type: 'button', class: 'primary', text: texts.retry, onclick: onRetry,
        })));
}

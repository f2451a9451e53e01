/** What stands there before one is somebody: a choice of people, or a form for a token. */

import sheet from './start.css';

const texts = {
    demoTitle: 'Qui êtes-vous ?',
    demoHint: 'C’est une démonstration : choisissez une personne. Dans une seconde fenêtre, ' +
        'choisissez-en une autre et écrivez-vous.',
    demoSalons: 'Les salons',
    demoClients: 'Les clients',
    tokenTitle: 'Ouvrir la messagerie',
    tokenHint: 'Collez le jeton que votre site vous a donné.',
    token: 'Jeton',
    tokenInvalid: 'Ce jeton n’est pas lisible : il a trois parties, séparées par des points.',
    open: 'Ouvrir',
};

function frame({ element, icon }, title, hint, ...children) {
    return element('main', { class: 'start' },
        element('div', { class: 'card' },
            element('div', { class: 'mark' }, icon('chat')),
            element('h1', { text: title }), element('p', { class: 'hint', text: hint }),
            ...children));
}

/**
 * The people of the demonstration.
 * @param {import('../kit.js').Kit} kit
 * @param {ShadowRoot} root
 * @param {Array<{id: string, role: string, name: string, image?: string}>} people
 * @param {string[]} origins
 * @param {(id: string) => void} onChoose
 */
export function makeChooser(kit, root, people, origins, onChoose) {
    const { addStyles, avatar, element, personName } = kit;
    addStyles(root, sheet);
    const group = (title, isMember) => element('section', { class: 'people' },
        element('h2', { text: title }),
        element('ul', {}, ...people.filter(isMember).map((person) =>
            element('li', {}, element('button', {
                type: 'button', class: 'person', onclick: () => onChoose(person.id),
            }, avatar({ ...person, salonName: person.name }, origins),
            element('bdi', { text: personName({ ...person, salonName: person.name }) }))))));
    return frame(kit, texts.demoTitle, texts.demoHint,
        group(texts.demoSalons, ({ role }) => role !== 'client'),
        group(texts.demoClients, ({ role }) => role === 'client'));
}

/**
 * @param {import('../kit.js').Kit} kit
 * @param {ShadowRoot} root
 * @param {(token: string) => void} onToken
 */
export function makeTokenForm(kit, root, onToken) {
    const { addStyles, element, readClaims } = kit;
    addStyles(root, sheet);
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
    return frame(kit, texts.tokenTitle, texts.tokenHint,
        element('form', { onsubmit: submit },
            element('label', { for: 'token', text: texts.token }), box, error,
            element('button', { class: 'primary', text: texts.open })));
}

/** Opens a conversation: with whom, and what about. */

import sheet from './opening.css';
import question from './question.css';

/** More nobody looks through: one writes the beginning of a name. */
const SHOWN_MAX = 50;
const SUBJECT_MAX = 200;

const texts = {
    title: 'Nouvelle conversation',
    search: 'Chercher une personne',
    people: 'Avec qui ?',
    subject: 'Objet (facultatif)',
    begin: 'Commencer',
    cancel: 'Annuler',
    loading: 'Chargement…',
    nobody: 'Personne à qui écrire : il faut un rendez-vous en commun.',
    noMatch: 'Aucun nom ne correspond.',
    more: (count) => `Et ${count} ${count > 1 ? 'autres' : 'autre'} : précisez le nom.`,
    choose: 'Choisissez une personne.',
};

/** Without case and accents. */
const fold = (text) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

/** Whether each word of a search begins a word of the name. */
function matches(name, search) {
    const words = fold(name).split(/[^\p{L}\p{N}]+/u);
    return fold(search).split(/[^\p{L}\p{N}]+/u).every((sought) =>
        words.some((word) => word.startsWith(sought)));
}

/**
 * @param {import('../kit.js').Kit} kit
 * @param {object} how
 * @param {HTMLElement} how.root where the dialog is put
 * @param {import('../messenger.js').Messenger} how.messenger
 * @param {string[]} how.origins
 * @param {(id: string) => void} how.open shows a conversation
 */
export function openConversation(kit, { root, messenger, origins, open }) {
    const { addStyles, element } = kit;
    addStyles(root.getRootNode(), question);
    addStyles(root.getRootNode(), sheet);
    const chooser = makeChooser(kit, origins);
    const subject = element('input', { id: 'about', class: 'field', maxlength: SUBJECT_MAX, dir: 'auto',
        autocomplete: 'off' });
    const error = element('p', { class: 'error', role: 'alert' });
    const begin = element('button', { class: 'primary', text: texts.begin });
    const dialog = element('dialog', {
        class: 'opening', 'aria-labelledby': 'opening', onclose: () => dialog.remove(),
    },
    element('form', { novalidate: true, onsubmit: async (event) => {
        event.preventDefault();
        error.textContent = chooser.chosen ? '' : texts.choose;
        if (!chooser.chosen || begin.disabled)
            return;
        begin.disabled = true;
        try {
            const id = await messenger.begin(chooser.chosen, subject.value.trim());
            dialog.close();
            open(id);
        } catch ({ message }) {
            error.textContent = message;
        }
        begin.disabled = false;
    } },
    element('h2', { id: 'opening', text: texts.title }), ...chooser.nodes,
    element('label', { for: 'about', text: texts.subject }), subject, error,
    element('div', { class: 'buttons' },
        element('button', {
            type: 'button', class: 'plain', text: texts.cancel, onclick: () => dialog.close(),
        }), begin)));
    root.append(dialog);
    dialog.showModal();
    chooser.load(messenger, () => dialog.isConnected).catch(({ message }) => {
        error.textContent = message;
        chooser.failed();
    });
}

/** Where one chooses a person, by a name and of a list. */
function makeChooser({ avatar, element, personName }, origins) {
    let people = [];
    let chosen = '';
    let isLoading = true;
    const search = element('input', { id: 'who', class: 'field', type: 'search', dir: 'auto',
        autocomplete: 'off', autofocus: true, oninput: () => show() });
    const list = element('fieldset', { class: 'whom', onchange: ({ target }) => {
        chosen = target.value;
    } });
    const count = element('p', { role: 'status', text: texts.loading });

    const draw = (person) => element('label', {},
        element('input', { type: 'radio', name: 'whom', value: person.id, checked: person.id === chosen }),
        avatar(person, origins), element('bdi', { text: personName(person) }));

    function show() {
        const found = people.filter((person) => matches(personName(person), search.value.trim()));
        if (!found.some(({ id }) => id === chosen))
            chosen = found.length === 1 ? found[0].id : '';
        const rest = found.length - SHOWN_MAX;
        list.replaceChildren(element('legend', { text: texts.people }),
            ...found.slice(0, SHOWN_MAX).map(draw));
        count.textContent = found.length > 0 ? rest > 0 ? texts.more(rest) : ''
            : isLoading ? texts.loading : people.length > 0 ? texts.noMatch : texts.nobody;
    }

    show();
    return {
        nodes: [element('label', { for: 'who', text: texts.search }), search, list, count],
        get chosen() {
            return chosen;
        },
        failed() {
            count.textContent = '';
        },
        async load(messenger, isWanted) {
            for await (const page of messenger.people()) {
                if (!isWanted())
                    return;
                people = [...people, ...page].sort((one, other) =>
                    personName(one).localeCompare(personName(other), 'fr'));
                show();
            }
            isLoading = false;
            show();
        },
    };
}

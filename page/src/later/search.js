/** Looks for what was said, and with whom, in all conversations. */

import sheet from './search.css';

/** Who goes on typing asks once. */
const DELAY_MS = 200;

const texts = {
    searching: 'Recherche…',
    nothing: 'Aucun résultat.',
    count: (count, hasMore) => (hasMore ? `Plus de ${count} résultats` : count > 1 ? `${count} résultats`
        : `${count} résultat`),
    incomplete: ' Les messages les plus anciens ne sont pas encore tous indexés.',
    more: 'Afficher plus de résultats',
    you: 'Vous : ',
};

/**
 * @param {import('../kit.js').Kit} kit
 * @param {object} where
 * @param {HTMLInputElement} where.field
 * @param {HTMLElement} where.list around it: what is found takes the place of what is there
 * @param {import('../messenger.js').Messenger} where.messenger
 * @param {string[]} where.origins
 * @param {(hit: import('../messenger.js').Hit) => void} where.open
 */
export function searchIn(kit, { field, list, messenger, origins, open }) {
    const { addStyles, element } = kit;
    addStyles(list.getRootNode(), sheet);
    const status = element('p', { class: 'status', role: 'status' });
    const rows = element('ul', { class: 'items' });
    const more = element('button', {
        type: 'button', class: 'quiet more', text: texts.more, hidden: true, onclick: () => ask(page + 1),
    });
    const found = element('div', { class: 'found' });
    let asked = '';
    let page = 1;
    let timer;
    let count = 0;

    /** What is looked for; of what holds no letter there is nothing to find. */
    const sought = () => (/[\p{L}\p{N}]/u.test(field.value) ? field.value.trim() : '');

    function changed() {
        const text = sought();
        list.toggleAttribute('data-searching', field.value.trim() !== '');
        clearTimeout(timer);
        if (text === asked)
            return;
        asked = text;
        found.replaceChildren(...text ? [status, rows, more] : []);
        if (!text)
            return;
        if (!rows.firstChild)
            status.textContent = texts.searching;
        timer = setTimeout(() => ask(1), DELAY_MS);
    }

    async function ask(next) {
        const text = asked;
        try {
            const answer = await messenger.search(text, next);
            if (text === asked)
                show(answer, next);
        } catch ({ message }) {
            if (text === asked)
                status.textContent = message;
        }
    }

    function show({ data, hasMore, isComplete }, next) {
        page = next;
        if (page === 1) {
            rows.replaceChildren();
            count = 0;
        }
        const first = data.map((hit) => rows.appendChild(draw(kit, hit, { messenger, origins, open })))[0];
        count += data.length;
        if (page > 1)
            first?.firstChild.focus();
        more.hidden = !hasMore;
        status.textContent = (count > 0 ? texts.count(count, hasMore) : texts.nothing)
            + (isComplete ? '' : texts.incomplete);
    }

    field.addEventListener('input', changed);
    field.addEventListener('keydown', (event) => {
        if (event.key === 'Escape' && field.value && !event.isComposing) {
            // Not the open conversation's.
            event.preventDefault();
            field.value = '';
            changed();
        } else if (event.key === 'ArrowDown' && rows.firstChild) {
            event.preventDefault();
            rows.querySelector('button').focus();
        }
    });
    found.addEventListener('keydown', (event) => {
        const isBack = event.key === 'Escape'
            || (event.key === 'ArrowUp' && event.target === rows.querySelector('button'));
        if (!isBack)
            return;
        event.preventDefault();
        event.stopPropagation();
        field.focus();
    });
    field.after(found);
    changed();
}

function draw({ avatar, element, personName, shortLabel }, hit, { messenger, origins, open }) {
    const isOwn = hit.senderId === messenger.userId;
    return element('li', { 'data-id': hit.conversationId },
        element('button', { type: 'button', class: 'row', onclick: () => open(hit) },
            avatar(hit.other, origins),
            element('span', { class: 'what' },
                element('bdi', { class: 'name', text: personName(hit.other) }),
                element('time', { class: 'when', datetime: hit.createdAt, text: shortLabel(hit.createdAt) }),
                element('bdi', { class: 'excerpt' },
                    hit.type === 'message' && isOwn && texts.you, ...marked(element, hit)))));
}

/** The excerpt, what was found in it marked. */
function marked(element, { excerpt, highlights }) {
    let at = 0;
    const parts = highlights.flatMap(({ start, end }) => {
        const before = excerpt.slice(at, start);
        at = end;
        return [before, element('mark', { text: excerpt.slice(start, end) })];
    });
    return [...parts, excerpt.slice(at)];
}

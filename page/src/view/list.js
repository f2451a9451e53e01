/** The list of conversations. */

import { element, icon, reconcile, setAttributes, spoken } from '../dom.js';
import { kit } from '../kit.js';
import { otherPerson } from '../model/conversations.js';
import { shortLabel } from '../model/days.js';
import { personName, previewOf } from '../model/text.js';
import { texts } from '../texts.js';
import { presentAvatar } from './avatar.js';

export class ListView {
    #messenger;
    #origins;
    #onOpen;
    #items = element('ul', { class: 'items' });
    #empty = element('div', { class: 'empty' });
    #more = element('button', {
        type: 'button', class: 'quiet more', text: texts.moreConversations,
        onclick: () => this.#messenger.loadMoreConversations(),
    });
    #begin = element('button', {
        type: 'button', class: 'quiet begin', 'aria-haspopup': 'dialog', onclick: () => this.#beginOne(),
    }, icon('add'), texts.newConversation);
    #search = element('input', {
        type: 'search', class: 'search', 'aria-label': texts.search, placeholder: texts.search, dir: 'auto',
        autocomplete: 'off', enterkeyhint: 'search', onfocus: () => this.#beginSearch(),
    });
    #onHit;
    #searching;
    #root;
    #filters = [];
    #filter;
    /** The button for what is not read. */
    #unread;

    /**
     * @param {import('../messenger.js').Messenger} messenger
     * @param {{origins: string[], root: HTMLElement, onOpen: (id: string) => void,
     *   onHit: (hit: import('../messenger.js').Hit) => void}} how
     */
    constructor(messenger, { origins, root, onOpen, onHit }) {
        this.#messenger = messenger;
        this.#root = root;
        this.#origins = origins;
        this.#onOpen = onOpen;
        this.#onHit = onHit;
        this.node = element('nav', {
            class: 'list', 'aria-label': texts.conversations, onkeydown: (event) => this.#pressed(event),
        });
        this.#filter = this.#makeFilter();
        this.node.append(this.#search, this.#filter, this.#begin, this.#items, this.#empty, this.#more);
        this.update();
        this.updateUnread();
    }

    update() {
        const focused = this.#items.querySelector(':focus')?.closest('li').dataset.id;
        this.#update();
        // A row that moves, or is drawn anew, loses the keyboard.
        if (focused && !this.#items.querySelector(':focus'))
            this.focus(focused);
    }

    #update() {
        const messenger = this.#messenger;
        const conversations = messenger.list.shown();
        reconcile(this.#items, conversations.map((conversation) => this.#describe(conversation)), {
            key: ({ conversation }) => conversation.id,
            isSame: (a, b) => a.conversation === b.conversation && a.isOpen === b.isOpen &&
                a.isOnline === b.isOnline && a.when === b.when && a.isTyping === b.isTyping,
            make: (row) => this.#draw(element('li'), row),
            update: (node, row) => this.#draw(node, row),
        });
        this.#items.hidden = conversations.length === 0;
        this.#more.hidden = !messenger.list.hasMore;
        this.#begin.hidden = !messenger.mayOpen;
        this.#showEmpty(conversations.length === 0);
        for (const { button, filter } of this.#filters)
            button.setAttribute('aria-pressed', String(filter === messenger.list.filter));
        // With one conversation there is nothing to choose from.
        this.#filter.hidden = !messenger.isSalon && !messenger.list.filter && conversations.length < 2;
    }

    /** How much is not read, also of what is not shown. */
    updateUnread() {
        const { totalUnread } = this.#messenger;
        this.#unread.replaceChildren(texts.unreadOnly, ...totalUnread > 0 ? [unreadBadge(totalUnread)] : []);
    }

    /** Puts the keyboard on a conversation.
     * @param {string} id */
    focus(id) {
        const rows = this.#stops('.row');
        (rows.find((row) => row.parentNode.dataset.id === id) ?? rows[0])?.focus();
    }

    /** Arrows go from one conversation to the next. */
    #pressed(event) {
        const stops = this.#stops('.row, .more');
        const index = stops.indexOf(event.target);
        const to = {
            ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: stops.length - 1,
        }[event.key];
        if (index < 0 || to === undefined || event.ctrlKey || event.metaKey || event.altKey)
            return;
        event.preventDefault();
        stops[to]?.focus();
    }

    /** What of it can be seen: of the list, or of what was found. */
    #stops(selector) {
        return [...this.node.querySelectorAll(selector)].filter((node) => node.getClientRects().length > 0);
    }

    async #beginSearch() {
        if (this.#searching)
            return;
        this.#searching = true;
        try {
            const { searchIn } = await import('../later/search.js');
            searchIn(kit, {
                field: this.#search, list: this.node, messenger: this.#messenger, origins: this.#origins,
                open: this.#onHit,
            });
        } catch {
            this.#searching = false;
            this.#messenger.tell(texts.unreachable);
        }
    }

    async #beginOne() {
        const { openConversation } = await import('../later/opening.js');
        openConversation(kit, {
            root: this.#root, messenger: this.#messenger, origins: this.#origins, open: this.#onOpen,
        });
    }

    #makeFilter() {
        const messenger = this.#messenger;
        this.#filters = (messenger.isSalon
            ? [['ACTIVE', texts.active], ['UNREAD', ''], ['ARCHIVED', texts.archived]]
            : [[undefined, texts.all], ['UNREAD', '']])
            .map(([filter, text]) => ({
                filter,
                button: element('button', {
                    type: 'button', text, onclick: () => messenger.setFilter(filter),
                }),
            }));
        this.#unread = this.#filters[1].button;
        return element('div', { class: 'filter', role: 'group', 'aria-label': texts.filter },
            ...this.#filters.map(({ button }) => button));
    }

    #showEmpty(isEmpty) {
        this.#empty.hidden = !isEmpty;
        if (!isEmpty)
            return;
        const messenger = this.#messenger;
        const { filter } = messenger.list;
        const lines = messenger.session.ending ? [messenger.session.ending]
            : !messenger.list.isLoaded ? [texts.loading]
            : filter === 'ARCHIVED' ? [texts.noArchived]
            : filter === 'UNREAD' ? [texts.noUnread]
                : [texts.noConversation, texts.noConversationHint];
        this.#empty.replaceChildren(icon(filter === 'ARCHIVED' ? 'archive' : 'chat'),
            ...lines.map((text) => element('p', { text })));
    }

    #describe(conversation) {
        const messenger = this.#messenger;
        const other = otherPerson(conversation, messenger.userId);
        return {
            conversation,
            other,
            isOpen: conversation.id === messenger.openId,
            isOnline: messenger.presence.isOnline(other.id),
            isTyping: messenger.typing.names(conversation.id).length > 0,
            when: shortLabel(conversation.lastMessageAt),
        };
    }

    #draw(node, { conversation, other, isOpen, isOnline, isTyping, when }) {
        const name = personName(other);
        const preview = previewOf(conversation.lastMessage, this.#messenger.userId);
        node.dataset.id = conversation.id;
        const button = element('button', {
            type: 'button', class: 'row', 'aria-current': isOpen && 'true',
            'data-unread': conversation.unreadCount > 0,
            onclick: () => this.#onOpen(conversation.id),
        },
        presentAvatar(other, this.#origins, isOnline),
        element('span', { class: 'what' },
            element('bdi', { class: 'name', text: name }),
            element('time', { class: 'when', datetime: conversation.lastMessageAt, text: when }),
            conversation.subject && element('bdi', { class: 'subject', text: conversation.subject }),
            element('span', { class: 'last' },
                element('bdi', {
                    class: isTyping ? 'preview typing' : 'preview',
                    text: isTyping ? texts.typing(name) : preview,
                }),
                conversation.unreadCount > 0 && unreadBadge(conversation.unreadCount))));
        node.replaceChildren(button);
        return node;
    }
}

function unreadBadge(count) {
    return element('span', { class: 'badge' },
        element('span', { 'aria-hidden': 'true', text: count > 99 ? '99+' : String(count) }),
        spoken(`, ${texts.unread(count)}`));
}

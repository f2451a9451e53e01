/** The open conversation: who it is with, its messages, and where one writes. */

import { element, icon, setAttributes } from '../dom.js';
import { kit } from '../kit.js';
import { otherPerson } from '../model/conversations.js';
import { personName, withoutDirections } from '../model/text.js';
import { texts } from '../texts.js';
import { avatar } from './avatar.js';
import { Composer, touch } from './composer.js';
import { LogView } from './log.js';

export class ThreadView {
    #messenger;
    #origins;
    #pictured = '';
    #picture = element('span');
    #name = element('h2', {}, element('bdi'));
    #detail = element('p', { class: 'detail' });
    #archive = element('button', { type: 'button', class: 'tool', onclick: () => this.#toggle() });
    #more = element('button', {
        type: 'button', class: 'tool', 'aria-label': texts.more, title: texts.more,
        'aria-haspopup': 'menu', 'aria-expanded': 'false', onclick: () => this.#toggleMenu(),
    }, icon('more'));
    #archived = element('p', { class: 'archived', text: texts.isArchived, hidden: true });
    #typing = element('p', { class: 'writing', role: 'status' });
    #root;
    #empty;
    #panel;

    /**
     * @param {import('../messenger.js').Messenger} messenger
     * @param {object} how
     * @param {string[]} how.origins
     * @param {() => void} how.onBack
     * @param {HTMLElement} how.root
     * @param {boolean} how.isPage
     */
    constructor(messenger, { origins, onBack, root, isPage }) {
        this.#messenger = messenger;
        this.#origins = origins;
        this.log = new LogView(messenger, {
            origins,
            nameOf: ({ message }) => personName(this.#asKnown(message.sender)),
            onReply: async (text) => {
                const { quoteOf } = await import('../later/actions.js');
                this.composer.insertBefore(quoteOf(kit, text));
            },
            onCopy: async (text) => {
                const { copy } = await import('../later/actions.js');
                if (await copy(text, root))
                    messenger.tell(texts.copied);
            },
            onDelete: async (id) => {
                const { askToDelete } = await import('../later/question.js');
                if (await askToDelete(kit, root))
                    await messenger.deleteMessage(id);
                this.composer.focus();
            },
            onRetry: (id) => messenger.retry(id),
            onDiscard: (id) => messenger.discard(id),
        });
        this.composer = new Composer(messenger);
        this.#root = root;
        this.#build(onBack, isPage);
        this.update();
    }

    update() {
        const messenger = this.#messenger;
        this.#empty.hidden = Boolean(messenger.openId);
        this.#panel.hidden = !messenger.openId;
        if (!messenger.openId)
            return;
        this.composer.update();
        this.updateHead();
        this.updateTyping();
        this.log.update();
    }

    /** For good. */
    close() {
        this.composer.close();
    }

    /** Where one writes; not on a touch screen, whose keyboard would hide the messages. */
    focus() {
        if (touch.matches)
            this.log.focus();
        else
            this.composer.focus();
    }

    updateHead() {
        const messenger = this.#messenger;
        const conversation = messenger.openConversation;
        if (!conversation)
            return;
        const other = otherPerson(conversation, messenger.userId);
        const isOnline = messenger.presence.isOnline(other.id);
        const name = personName(other);
        this.#panel.setAttribute('aria-label', texts.conversationWith(name));
        this.#name.firstChild.textContent = name;
        this.#showPicture(other);
        this.#detail.replaceChildren(
            messenger.connectionState === 'polling' ? ''
                : element('span', { class: 'presence', 'data-online': isOnline,
                    text: isOnline ? texts.online : texts.offline }),
            conversation.subject ? element('bdi', { class: 'subject', text: conversation.subject }) : '');
        this.#showStatus(conversation);
    }

    updateTyping() {
        const [name] = this.#messenger.typing.names(this.#messenger.openId);
        setAttributes(this.#typing, { 'data-on': Boolean(name) });
        const text = name ? texts.typing(withoutDirections(name)) : '';
        if (this.#typing.textContent !== text)
            this.#typing.textContent = text;
    }

    /** The sender by their name of today: a message has that of when it was read. */
    #asKnown(sender) {
        const { openConversation, userId } = this.#messenger;
        const other = openConversation && otherPerson(openConversation, userId);
        return other?.id === sender.id ? other : sender;
    }

    /** Once for a person: a picture that is made anew flickers. */
    #showPicture(person) {
        const key = `${person.id} ${person.image} ${personName(person)}`;
        if (key === this.#pictured)
            return;
        this.#pictured = key;
        this.log.rename(personName(person));
        this.#picture.replaceChildren(avatar(person, this.#origins));
    }

    #showStatus({ salonId, status }) {
        const isArchived = status === 'ARCHIVED';
        const text = isArchived ? texts.restore : texts.archive;
        this.#archived.hidden = !isArchived;
        this.#archive.hidden = salonId !== this.#messenger.userId;
        if (this.#archive.textContent !== text)
            this.#archive.replaceChildren(icon(isArchived ? 'restore' : 'archive'),
                element('span', { text }));
    }

    #toggle() {
        const isArchived = this.#messenger.openConversation?.status === 'ARCHIVED';
        this.#messenger.setStatus(isArchived ? 'ACTIVE' : 'ARCHIVED');
    }

    async #toggleMenu() {
        const [{ toggleMenu }, { copy }] = await Promise.all(
            [import('../later/head-menu.js'), import('../later/actions.js')]);
        toggleMenu(kit, this.#more, { messenger: this.#messenger, frame: this.#root, copy });
    }

    #build(onBack, isPage) {
        this.#empty = element('div', { class: 'empty' }, icon('chat'),
            element('p', { text: texts.chooseConversation }),
            element('p', { text: texts.chooseConversationHint }));
        this.#panel = element('section', { class: 'panel' },
            element('header', { class: 'head' },
                element('button', { type: 'button', class: 'tool back', 'aria-label': texts.back,
                    title: texts.back, onclick: onBack }, icon('back')),
                this.#picture,
                element('div', { class: 'who' }, this.#name, this.#detail),
                this.#archive, isPage && this.#more),
            this.#archived, this.log.node, this.#typing, this.composer.node);
        this.node = element('div', { class: 'thread' }, this.#empty, this.#panel);
    }
}

/** List and thread side by side, or one after the other where it is narrow. */

import { element, icon, setAttributes } from '../dom.js';
import { texts } from '../texts.js';
import { isComposing } from './composer.js';
import { ListView } from './list.js';
import { Sight } from './sight.js';
import { ThreadView } from './thread.js';

/** The whole thread goes on paper, as far as there is time to get it. */
const print = matchMedia('print');

export class Workspace {
    #messenger;
    #list;
    #thread;
    #connection = element('p', { class: 'connection', role: 'status' });
    #notice = element('div', { class: 'notice', role: 'alert' });
    #sight;
    #due = new Set();
    #onPrint = () => print.matches && this.#messenger.openId && this.#messenger.loadAll();
    #onChange = ({ detail }) => this.#schedule(detail);
    #lastId = '';

    /**
     * @param {import('../messenger.js').Messenger} messenger
     * @param {object} how
     * @param {HTMLElement} how.root
     * @param {string[]} how.origins
     * @param {HTMLElement} [how.head] above the list
     * @param {boolean} [how.isSingle] one conversation alone, without the list
     * @param {boolean} [how.isPage] it is all of the page, not a part of it
     */
    constructor(messenger, { root, origins, head, isSingle = false, isPage = false }) {
        this.#messenger = messenger;
        this.#list = new ListView(messenger, { origins, root, onOpen: (id) => this.open(id),
            onHit: (hit) => this.#openHit(hit) });
        this.#thread = new ThreadView(messenger, {
            origins, root, isPage, onBack: () => this.back(),
        });
        this.node = element(isPage ? 'main' : 'div', {
            class: isSingle ? 'workspace single' : 'workspace',
            onkeydown: (event) => !isSingle && this.#pressed(event),
        }, this.#connection, this.#notice,
        element('div', { class: 'panes' },
            element('div', { class: 'side' }, head, this.#list.node), this.#thread.node));
        if (isPage)
            this.node.prepend(element('h1', { class: 'spoken', text: texts.title }));
        this.#sight = this.#makeSight();
        print.addEventListener('change', this.#onPrint);
        messenger.addEventListener('change', this.#onChange);
        this.#updateConnection();
        this.#updateNotice();
    }

    /** For good. */
    close() {
        this.#messenger.removeEventListener('change', this.#onChange);
        print.removeEventListener('change', this.#onPrint);
        this.#sight.close();
        this.#thread.close();
    }

    /** @param {string} id */
    open(id) {
        this.#lastId = id;
        this.#messenger.open(id);
        this.#flush();
        this.#thread.focus();
    }

    /** Goes to where it was said. */
    async #openHit({ conversationId, messageId }) {
        this.open(conversationId);
        if (!messageId)
            return;
        const isThere = await this.#messenger.loadTo(messageId);
        this.#flush();
        if (isThere)
            this.#thread.log.show(messageId);
        else if (conversationId === this.#messenger.openId)
            this.#messenger.tell(texts.notFound);
    }

    back() {
        this.#messenger.open('');
        this.#flush();
        this.#list.focus(this.#lastId);
    }

    /** Escape closes the open conversation. (A dialog has it first.) */
    #pressed(event) {
        const isMeant = event.key === 'Escape' && !event.defaultPrevented && !isComposing(event) &&
            !event.target.closest('dialog');
        if (!isMeant || !this.#messenger.openId)
            return;
        event.preventDefault();
        this.back();
    }

    #makeSight() {
        const { frame, end } = this.#thread.log.parts;
        const sight = new Sight([this.node, frame, end], () => this.#messenger.setSight({
            whole: sight.isSeen(this.node), frame: sight.isSeen(frame), end: sight.isSeen(end),
        }));
        return sight;
    }

    /** What changes in one go is drawn in one go. */
    #schedule(topic) {
        if (this.#due.size === 0)
            queueMicrotask(() => this.#flush());
        this.#due.add(topic);
    }

    #flush() {
        const due = this.#due;
        this.#due = new Set();
        const isDue = (...topics) => topics.some((topic) => due.has(topic));
        if (due.has('open')) {
            this.node.toggleAttribute('data-open', Boolean(this.#messenger.openId));
            this.#thread.update();
        }
        if (isDue('list', 'open', 'presence', 'typing'))
            this.#list.update();
        if (isDue('list', 'presence', 'connection'))
            this.#thread.updateHead();
        if (due.has('thread'))
            this.#thread.log.update();
        if (due.has('list'))
            this.#thread.log.updateJump();
        if (due.has('unread'))
            this.#list.updateUnread();
        if (due.has('typing'))
            this.#thread.updateTyping();
        if (due.has('connection'))
            this.#updateConnection();
        if (due.has('notice'))
            this.#updateNotice();
    }

    #updateConnection() {
        const state = this.#messenger.connectionState;
        setAttributes(this.#connection, { 'data-state': state });
        // Why a session has ended is said elsewhere.
        const isQuiet = state === 'connected' || this.#messenger.session.ending;
        this.#connection.textContent = isQuiet ? '' : texts.connections[state];
    }

    #updateNotice() {
        const { notice, session } = this.#messenger;
        this.#notice.replaceChildren(...notice ? [
            element('span', { text: notice }),
            session.canRetry
                ? element('button', { type: 'button', class: 'link', text: texts.retry,
                    onclick: () => session.retry() })
                : element('button', { type: 'button', class: 'tool', 'aria-label': texts.close,
                    title: texts.close, onclick: () => this.#messenger.tell('') }, icon('close')),
        ] : []);
    }
}

/** The messages of the open conversation, and where they are scrolled to. */

import { element, icon, reconcile } from '../dom.js';
import { isSameItem, makeItems } from '../model/items.js';
import { texts } from '../texts.js';
import { makeLine, updateLine } from './message.js';

/** Nearer to the end than this, new messages are followed. */
const END_PIXELS = 80;
/** Older messages are asked for when their place comes this near. */
const AHEAD_PIXELS = 1000;

export class LogView {
    #messenger;
    #context;
    #lines = element('ol', { class: 'lines' });
    #older = element('button', {
        type: 'button', class: 'quiet older', text: texts.olderMessages, hidden: true,
        onclick: () => this.#messenger.loadOlder(),
    });
    #hint = element('p', { class: 'beginning' });
    #log;
    #jump = element('button', {
        type: 'button', class: 'jump', hidden: true, onclick: () => this.scrollToEnd(),
    }, icon('down'), element('span', { text: texts.newMessages }));
    #followsEnd = true;
    #shownId = '';
    #lastKey = '';

    /**
     * @param {import('../messenger.js').Messenger} messenger
     * @param {import('./message.js').MessageContext} context
     */
    constructor(messenger, context) {
        this.#messenger = messenger;
        this.#context = context;
        // The log scrolls, so the keyboard must reach it.
        this.#log = element('div', {
            class: 'log', role: 'log', 'aria-label': texts.messages, tabindex: '0',
            onscroll: () => this.#scrolled(),
        }, this.#hint, this.#older, this.#lines);
        this.node = element('div', { class: 'log-frame' }, this.#log, this.#jump);
        const resize = new ResizeObserver(() => this.#followsEnd && this.scrollToEnd());
        resize.observe(this.#log);
        resize.observe(this.#lines);
    }

    update() {
        const { openThread, openId, userId } = this.#messenger;
        if (!openThread)
            return;
        if (openId !== this.#shownId) {
            this.#shownId = openId;
            this.#lastKey = '';
            this.#followsEnd = true;
            // A screen reader is not to read out what was there already.
            this.#log.setAttribute('aria-busy', 'true');
        } else if (!this.#isAtEnd()) {
            // The event that tells of it may not have come yet.
            this.#followsEnd = false;
        }
        const items = makeItems(openThread, userId);
        this.#keepingPlace(() => this.#draw(items, openThread));
        this.#follow(items.at(-1));
        this.#log.setAttribute('aria-busy', String(!openThread.isLoaded));
        this.#loadAhead();
    }

    scrollToEnd() {
        this.#followsEnd = true;
        this.#jump.hidden = true;
        this.#log.scrollTop = this.#log.scrollHeight;
    }

    /** The other person is called differently now.
     * @param {string} name */
    rename(name) {
        for (const label of this.#lines.querySelectorAll('.message.other > .bubble > .spoken'))
            label.textContent = texts.saidBy(name);
    }

    focus() {
        this.#log.focus({ preventScroll: true });
    }

    #draw(items, thread) {
        reconcile(this.#lines, items, {
            key: ({ key }) => key,
            isSame: isSameItem,
            make: (item) => makeLine(item, this.#context),
            update: (node, item, before) => updateLine(node, item, before, this.#context),
        });
        this.#older.hidden = !thread.cursor;
        this.#hint.hidden = Boolean(thread.cursor);
        this.#hint.textContent = !thread.isLoaded ? texts.loading
            : items.length === 0 ? texts.noMessage : texts.beginning;
    }

    /** Draws so that the message at the top of the view stays where it is. (Not the day above it:
     * that goes to the first message of the day.) */
    #keepingPlace(draw) {
        if (this.#followsEnd) {
            draw();
            return;
        }
        const top = this.#log.getBoundingClientRect().top;
        const anchor = [...this.#lines.querySelectorAll('.message')]
            .find((line) => line.getBoundingClientRect().bottom > top);
        const before = anchor?.getBoundingClientRect().top;
        draw();
        if (anchor?.isConnected)
            this.#log.scrollTop += anchor.getBoundingClientRect().top - before;
    }

    #follow(last) {
        const isNew = last !== undefined && last.key !== this.#lastKey;
        const isFirst = this.#lastKey === '';
        this.#lastKey = last?.key ?? '';
        if (this.#followsEnd || (isNew && last.side === 'own'))
            this.scrollToEnd();
        else if (isNew && !isFirst)
            this.#jump.hidden = false;
    }

    #scrolled() {
        this.#followsEnd = this.#isAtEnd();
        if (this.#followsEnd)
            this.#jump.hidden = true;
        this.#loadAhead();
    }

    #isAtEnd() {
        const { scrollHeight, scrollTop, clientHeight } = this.#log;
        return scrollHeight - scrollTop - clientHeight < END_PIXELS;
    }

    #loadAhead() {
        if (this.#log.scrollTop < AHEAD_PIXELS && this.#log.clientHeight > 0)
            this.#messenger.loadOlder();
    }
}

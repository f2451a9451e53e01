/** The messages of the open conversation, and where they are scrolled to. */

import { element, icon, reconcile } from '../dom.js';
import { isSameItem, makeItems } from '../model/items.js';
import { texts } from '../texts.js';
import { equip, makeLine, updateLine } from './message.js';

/** Nearer to the end than this, new messages are followed: the mark at the end (.end in thread.css,
 * twice as high) is then in sight. */
const END_PIXELS = 32;
/** Older messages are asked for when their place comes this near. */
const AHEAD_PIXELS = 1000;
/** What is new begins this far below the upper edge, with what was read last above it. */
const ABOVE_NEW_PIXELS = 120;
/** Not more of what is in sight than this. */
const ABOVE_NEW_PART = 0.25;

export class LogView {
    #messenger;
    #context;
    #lines = element('ol', { class: 'lines' });
    #end = element('div', { class: 'end' });
    #older = element('button', {
        type: 'button', class: 'quiet older', text: texts.olderMessages, hidden: true,
        onclick: () => this.#messenger.loadOlder(),
    });
    #hint = element('p', { class: 'beginning' });
    #log;
    #jumpText = element('span');
    #jump = element('button', {
        type: 'button', class: 'jump', hidden: true, onclick: () => this.scrollToEnd(),
    }, icon('down'), this.#jumpText);
    #followsEnd = true;
    /** Where it was scrolled to last. */
    #top = 0;
    #shownId = '';
    #lastKey = '';
    #newFrom;
    /** What has come below what is in sight, not counted by the server: it came before one had left. */
    #belowCount = 0;
    /** The button among those of messages at which the keyboard stops. */
    #stop;
    /** How a finger came down last. */
    #touch;
    /** What is kept where it is: a message, and its distance from the upper edge. */
    #anchor;

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
            onpointerdown: (event) => this.#touched(event),
        }, this.#hint, this.#older, this.#lines, this.#end);
        this.#lines.addEventListener('keydown', (event) => this.#pressed(event));
        for (const type of ['pointerover', 'focusin'])
            this.#lines.addEventListener(type, ({ target }) => this.#equip(target.closest('.message')));
        // Before it comes to what was touched.
        this.#log.addEventListener('click', (event) => this.#tapped(event), true);
        this.node = element('div', { class: 'log-frame' }, this.#log, this.#jump);
        const resize = new ResizeObserver(() => this.#keepPlace());
        resize.observe(this.#log);
        resize.observe(this.#lines);
    }

    /** What is in sight when one reads, and when one reads what is newest. */
    get parts() {
        return { frame: this.#log, end: this.#end };
    }

    update() {
        const { openThread, openId, userId } = this.#messenger;
        if (!openThread)
            return;
        if (openId !== this.#shownId) {
            this.#shownId = openId;
            this.#lastKey = '';
            this.#newFrom = undefined;
            this.#followsEnd = true;
            // A screen reader is not to read out what was there already.
            this.#log.setAttribute('aria-busy', 'true');
        } else {
            // The event that tells of it may not have come yet.
            this.#notePlace();
        }
        const items = makeItems(openThread, userId);
        this.#findAnchor();
        this.#draw(items, openThread);
        this.#keepPlace();
        this.#follow(items.at(-1), openThread.newFrom);
        this.#log.setAttribute('aria-busy', String(!openThread.isLoaded));
        this.#loadAhead();
    }

    /** How many have come, and a way to them, where they are out of sight. */
    updateJump() {
        const count = this.#belowCount + this.#messenger.unseenCount;
        this.#jump.hidden = this.#followsEnd || (count === 0 && this.#distance() < this.#log.clientHeight);
        this.#jumpText.textContent = count > 0 ? texts.newMessages(count) : texts.toEnd;
    }

    /** Puts a message that is there into the middle, the keyboard on it.
     * @param {string} id */
    show(id) {
        const line = this.#lines.querySelector(`[data-id="${CSS.escape(id)}"]`);
        if (!line)
            return;
        for (const other of this.#lines.querySelectorAll('[data-found]'))
            other.removeAttribute('data-found');
        line.toggleAttribute('data-found', true);
        line.tabIndex = -1;
        line.focus({ preventScroll: true });
        const { top, height } = line.getBoundingClientRect();
        this.#scrollTo(this.#log.scrollTop + top - this.#log.getBoundingClientRect().top
            - Math.max(0, this.#log.clientHeight - height) / 2);
        this.#followsEnd = this.#isAtEnd();
        this.#findAnchor();
        this.updateJump();
    }

    scrollToEnd() {
        this.#followsEnd = true;
        this.#belowCount = 0;
        this.#scrollTo(this.#log.scrollHeight);
        this.updateJump();
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
        this.#placeStop();
        this.#older.hidden = !thread.cursor;
        this.#hint.hidden = Boolean(thread.cursor);
        this.#hint.textContent = !thread.isLoaded ? texts.loading
            : items.length === 0 ? texts.noMessage : texts.beginning;
    }

    /** The message at the top of the view. (Not the day above it: that goes to the first message of
     * the day.) */
    #findAnchor() {
        const lines = this.#lines.children;
        let [low, high] = [0, lines.length];
        while (low < high) {
            const middle = (low + high) >> 1;
            if (this.#topOf(lines[middle]) + lines[middle].offsetHeight > 0)
                high = middle;
            else
                low = middle + 1;
        }
        let node = lines[low];
        while (node && !node.matches('.message'))
            node = node.nextElementSibling;
        this.#anchor = node && { node, distance: this.#topOf(node) };
    }

    /** Whatever comes, goes or grows, what one reads stays in its place. */
    #keepPlace() {
        if (this.#followsEnd) {
            this.scrollToEnd();
            return;
        }
        const { node, distance } = this.#anchor ?? {};
        if (node?.isConnected)
            this.#scrollTo(this.#log.scrollTop + this.#topOf(node) - distance);
        this.updateJump();
    }

    #follow(last, newFrom) {
        const isLast = last !== undefined && last.key !== this.#lastKey;
        const isFirst = this.#lastKey === '';
        this.#lastKey = last?.key ?? '';
        const isNew = newFrom !== undefined && newFrom !== this.#newFrom;
        this.#newFrom = newFrom;
        if (isLast && last.side === 'own' && !isFirst)
            this.scrollToEnd();
        else if (isNew)
            this.#scrollToNew();
        else if (isLast && !isFirst && !this.#followsEnd)
            this.#belowCount++;
        this.updateJump();
    }

    #scrollToNew() {
        const line = this.#lines.querySelector('.new');
        if (!line)
            return;
        const above = Math.min(ABOVE_NEW_PIXELS, this.#log.clientHeight * ABOVE_NEW_PART);
        this.#scrollTo(this.#log.scrollTop + this.#topOf(line) - above);
        this.#followsEnd = this.#isAtEnd();
        this.#findAnchor();
    }

    #scrolled() {
        this.#notePlace();
        if (this.#followsEnd)
            this.#belowCount = 0;
        this.#findAnchor();
        this.updateJump();
        this.#loadAhead();
    }

    /** The keyboard stops once among the messages' buttons: where it was last, or at the newest. */
    #placeStop(to) {
        if (!to && this.#stop?.isConnected && this.#stop.matches(':focus'))
            return;
        if (this.#stop)
            this.#stop.tabIndex = -1;
        this.#stop = to ?? this.#toolsFrom(this.#lines.lastElementChild, 'previousElementSibling');
        if (this.#stop)
            this.#stop.tabIndex = 0;
    }

    /** Arrows go through the buttons of a message, and to those of the next one. */
    #pressed(event) {
        const tools = event.target.closest('.tools');
        const sideways = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        const along = { ArrowUp: 'previousElementSibling', ArrowDown: 'nextElementSibling' }[event.key];
        if (!tools || !(sideways || along))
            return;
        event.preventDefault();
        const buttons = [...tools.children];
        const next = sideways ? buttons[buttons.indexOf(event.target) + sideways]
            : this.#toolsFrom(tools.closest('.message')[along], along);
        if (next) {
            this.#placeStop(next);
            next.focus();
        }
    }

    /** The last button of the first message that has any, from a line on. */
    #toolsFrom(line, along) {
        for (let node = line; node; node = node[along]) {
            this.#equip(node.closest('.message'));
            const tools = node.querySelector('.tools');
            if (tools)
                return tools.lastChild;
        }
        return undefined;
    }

    #equip(message) {
        if (message)
            equip(message, this.#context);
    }

    #touched({ pointerType, target }) {
        this.#touch = pointerType === 'touch' && {
            wasActive: target.closest('.message')?.hasAttribute('data-active'),
        };
    }

    /** A finger does not hover: it first brings a message's buttons, and what was invisible when it came
     * down does nothing. */
    #tapped(event) {
        const message = event.target.closest('.message');
        if (!this.#touch)
            return;
        if (event.target.closest('.actions') && !this.#touch.wasActive)
            event.stopPropagation();
        for (const other of this.#lines.querySelectorAll('[data-active]'))
            other.removeAttribute('data-active');
        message?.toggleAttribute('data-active', !this.#touch.wasActive);
        this.#touch = undefined;
    }

    #scrollTo(top) {
        this.#log.scrollTop = top;
        this.#top = this.#log.scrollTop;
    }

    /** Who has scrolled up does not follow the end any more. (It may also have moved away by itself, as
     * when a picture has come.) */
    #notePlace() {
        const { scrollTop } = this.#log;
        if (this.#isAtEnd())
            this.#followsEnd = true;
        else if (scrollTop < this.#top - 1)
            this.#followsEnd = false;
        this.#top = scrollTop;
    }

    /** Where a line begins, below the upper edge of what is in sight. In the log's own pixels: the site
     * may have shrunk the widget, to nothing even, and on the screen all lines are then in one place. */
    #topOf(line) {
        let top = -this.#log.scrollTop;
        for (let node = line; node && node !== this.#log; node = node.offsetParent)
            top += node.offsetTop;
        return top;
    }

    /** From the end, in pixels. */
    #distance() {
        const { scrollHeight, scrollTop, clientHeight } = this.#log;
        return scrollHeight - scrollTop - clientHeight;
    }

    #isAtEnd() {
        return this.#distance() < END_PIXELS;
    }

    #loadAhead() {
        if (this.#log.scrollTop < AHEAD_PIXELS && this.#log.clientHeight > 0)
            this.#messenger.loadOlder();
    }
}

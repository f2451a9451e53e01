/** Where one writes. */

import { element, icon } from '../dom.js';
import { countCharacters, MESSAGE_CHARACTERS_MAX } from '../model/text.js';
import { texts } from '../texts.js';

/** Devices without a keyboard of their own. */
export const touch = matchMedia('(hover: none) and (pointer: coarse)');
/** Browsers that do not know it are told the height at every key. */
const growsByItself = CSS.supports('field-sizing', 'content');
/** From here on it is said how many characters are left. */
const WARN_CHARACTERS = 9500;

export class Composer {
    #messenger;
    #openId = '';
    #box = element('textarea', {
        rows: '1', 'aria-label': texts.yourMessage, placeholder: texts.placeholder, dir: 'auto',
        autocomplete: 'off', 'aria-describedby': 'length',
        oninput: () => this.#edited(),
        onkeydown: (event) => this.#pressed(event),
        onblur: () => this.#messenger.typing.stop(),
    });
    #send = element('button', { type: 'submit', class: 'send', 'aria-label': texts.send,
        title: texts.send }, icon('send'));
    #onTouch = () => this.#labelEnter();
    #length = element('p', { class: 'length', id: 'length', role: 'status' });

    /** @param {import('../messenger.js').Messenger} messenger */
    constructor(messenger) {
        this.#messenger = messenger;
        this.node = element('form', { class: 'composer', onsubmit: (event) => this.#submitted(event) },
            this.#length, element('div', { class: 'box' }, this.#box, this.#send));
        this.#labelEnter();
        touch.addEventListener('change', this.#onTouch);
    }

    /** For good. */
    close() {
        touch.removeEventListener('change', this.#onTouch);
    }

    /** Shows what was begun in the open conversation. */
    update() {
        const { openId } = this.#messenger;
        if (openId === this.#openId)
            return;
        this.#openId = openId;
        this.#box.value = this.#messenger.keep.draft(openId);
        this.#measure();
    }

    focus() {
        this.#box.focus();
    }

    /** Puts something before what has been begun, and the keyboard behind.
     * @param {string} text */
    insertBefore(text) {
        this.#box.value = text + this.#box.value;
        this.#edited();
        this.#box.focus();
        this.#box.setSelectionRange(this.#box.value.length, this.#box.value.length);
    }

    #edited() {
        this.#messenger.keep.setDraft(this.#openId, this.#box.value);
        this.#measure();
        this.#messenger.typing.edited(this.#openId, !this.#box.value.trim());
    }

    #measure() {
        const box = this.#box;
        const count = countCharacters(box.value.trim());
        this.#length.textContent = count > MESSAGE_CHARACTERS_MAX ? texts.tooLong(count)
            : count > WARN_CHARACTERS ? texts.remaining(MESSAGE_CHARACTERS_MAX - count) : '';
        this.#send.disabled = count === 0 || count > MESSAGE_CHARACTERS_MAX;
        if (!growsByItself) {
            box.style.blockSize = 'auto';
            box.style.blockSize = `${box.scrollHeight}px`;
        }
    }

    /** Enter sends where there is a keyboard for another line; with Ctrl or Cmd everywhere. */
    #pressed(event) {
        if (event.key !== 'Enter' || event.shiftKey || event.altKey || isComposing(event))
            return;
        if (!event.ctrlKey && !event.metaKey && touch.matches)
            return;
        event.preventDefault();
        // A key that is held says it once.
        if (!event.repeat)
            this.#submitted(event);
    }

    /** What the key of a keyboard on the screen says it does. */
    #labelEnter() {
        this.#box.enterKeyHint = touch.matches ? 'enter' : 'send';
    }

    #submitted(event) {
        event.preventDefault();
        if (this.#send.disabled)
            return;
        const content = this.#box.value.trim();
        this.#box.value = '';
        this.#messenger.keep.setDraft(this.#openId, '');
        this.#measure();
        this.#messenger.send(content);
        this.#box.focus();
    }
}

/** Whether the key belongs to an input method, which ends a word with Enter. (Safari says so by the
 * code alone: to it, the composition has just ended.)
 * @param {KeyboardEvent} event */
export function isComposing({ isComposing: isOpen, keyCode }) {
    return isOpen || keyCode === 229;
}

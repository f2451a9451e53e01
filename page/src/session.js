/**
 * Whether there is a token. Where nothing gives one, what is shown stays, what is written waits, and
 * the site is asked again: after longer and longer pauses, and whenever the person says so.
 */

import { growing, Pause } from './pause.js';
import { texts } from './texts.js';

const FIRST_PAUSE_MS = 1000;
const LAST_PAUSE_MS = 60000;

export class Session {
    /** Why it is over, for the person. Empty: it is not. */
    ending = '';
    #isFinal = false;
    #credentials;
    #onChange;
    #pause = new Pause();
    #pauses = growing(FIRST_PAUSE_MS, LAST_PAUSE_MS);
    #live = Promise.resolve();
    #goOn = () => {};

    /**
     * @param {import('./credentials.js').Credentials} credentials
     * @param {() => void} onChange it has ended, or goes on
     */
    constructor(credentials, onChange) {
        this.#credentials = credentials;
        this.#onChange = onChange;
    }

    /** For good, and silently. */
    close() {
        this.#isFinal = true;
        this.#pause.end();
    }

    /** Whether the person can have it tried again. */
    get canRetry() {
        return Boolean(this.ending) && !this.#isFinal && this.#credentials.canRenew;
    }

    /** Resolves when there is a token. */
    whenLive() {
        return this.#live;
    }

    /** Nothing gives a token.
     * @param {string} [sentence] */
    lost(sentence = this.#credentials.canRenew ? texts.sessionEnded : texts.sessionEndedReload) {
        if (this.ending || this.#isFinal)
            return;
        this.#end(sentence);
        this.#tryAgain();
    }

    /** For good: the person is no more.
     * @param {string} sentence */
    finish(sentence) {
        this.#isFinal = true;
        this.#end(sentence);
    }

    /** The server has accepted a token: the next time pauses are short again. */
    accepted() {
        this.#pauses = growing(FIRST_PAUSE_MS, LAST_PAUSE_MS);
    }

    /** Does not wait any longer before the next attempt. */
    retry() {
        this.#pause.end();
    }

    /** There is a token, which somebody has brought. */
    resume() {
        if (!this.ending || this.#isFinal)
            return;
        this.ending = '';
        this.#pause.end();
        this.#goOn();
        this.#onChange();
    }

    #end(sentence) {
        if (!this.ending)
            this.#live = new Promise((resolve) => {
                this.#goOn = resolve;
            });
        this.ending = sentence;
        this.#onChange();
    }

    async #tryAgain() {
        while (this.ending && !this.#isFinal) {
            await this.#pause.wait(this.#pauses.next().value);
            if (this.canRetry && await this.#credentials.renew().then(() => true, () => false))
                this.resume();
        }
    }
}

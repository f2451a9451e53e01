/**
 * What is being sent: one message after the other, tried again until the server has answered. Each
 * keeps its clientMessageId, so that one that did arrive is not written a second time.
 */

import { growing, Pause } from './pause.js';

const FIRST_DELAY_MS = 500;
const LAST_DELAY_MS = 10000;

/**
 * @typedef {object} Outgoing
 * @property {string} conversationId
 * @property {string} clientMessageId
 * @property {string} content
 * @property {string} createdAt by one's own clock
 * @property {number} order among those of the same moment
 * @property {string} [reason] why it was refused
 */

export class Outbox {
    /** @type {Outgoing[]} */
    #queue = [];
    #isRunning = false;
    #isClosed = false;
    #pause = new Pause();
    #deliver;
    #onSent;
    #onRefused;

    /**
     * @param {object} how
     * @param {(outgoing: Outgoing) => Promise<object>} how.deliver gives the Message, or throws;
     *        an error with isTemporary is tried again
     * @param {(outgoing: Outgoing, message: object) => void} how.onSent
     * @param {(outgoing: Outgoing, error: Error) => void} how.onRefused
     */
    constructor({ deliver, onSent, onRefused }) {
        this.#deliver = deliver;
        this.#onSent = onSent;
        this.#onRefused = onRefused;
    }

    /** @param {Outgoing} outgoing */
    add(outgoing) {
        this.#queue.push(outgoing);
        this.#run();
    }

    /** Does not wait any longer before the next attempt. */
    hurry() {
        this.#pause.end();
    }

    close() {
        this.#isClosed = true;
        this.#pause.end();
    }

    async #run() {
        if (this.#isRunning)
            return;
        this.#isRunning = true;
        let delays = growing(FIRST_DELAY_MS, LAST_DELAY_MS);
        while (this.#queue.length > 0 && !this.#isClosed) {
            const error = await this.#attempt(this.#queue[0]);
            if (error?.isTemporary) {
                await this.#pause.wait(error.retryAfterMs ?? delays.next().value);
            } else {
                this.#queue.shift();
                delays = growing(FIRST_DELAY_MS, LAST_DELAY_MS);
            }
        }
        this.#isRunning = false;
    }

    /** The error, if there was one. */
    async #attempt(outgoing) {
        let message;
        try {
            message = await this.#deliver(outgoing);
        } catch (error) {
            if (!error.isTemporary && !this.#isClosed)
                this.#onRefused(outgoing, error);
            return error;
        }
        if (!this.#isClosed)
            this.#onSent(outgoing, message);
        return undefined;
    }
}

/**
 * Whether a connection that seems to be there carries anything. A proxy may swallow what is in a
 * WebSocket, and a computer that has slept has lost what was open, long before the client would notice.
 */

/** The server says something every 25 s. */
const SILENCE_MS = 26000;
const ANSWER_MS = 3000;
const LOOK_MS = 1000;
/** Nothing has run for so long: the computer has slept, or the page was frozen. */
const ASLEEP_MS = 10000;

export class Pulse {
    #probe;
    #onDead;
    #timer;
    #heardAt = 0;
    #lookedAt = 0;
    #isProbing = false;

    /**
     * @param {(answerMs: number) => Promise<any>} probe asks something that is answered
     * @param {(hasSlept: boolean) => void} onDead there was no answer
     */
    constructor(probe, onDead) {
        this.#probe = probe;
        this.#onDead = onDead;
    }

    /** There is a connection. */
    start() {
        this.stop();
        this.#lookedAt = Date.now();
        this.heard();
        this.#timer = setInterval(() => this.look(), LOOK_MS);
    }

    stop() {
        clearInterval(this.#timer);
        this.#timer = undefined;
    }

    heard() {
        this.#heardAt = Date.now();
    }

    /** What nobody sees may wait, and has slow timers. */
    look() {
        if (!this.#timer || document.hidden)
            return;
        const now = Date.now();
        const hasSlept = now - this.#lookedAt > ASLEEP_MS;
        this.#lookedAt = now;
        if (hasSlept || now - this.#heardAt > SILENCE_MS)
            this.#ask(hasSlept);
    }

    async #ask(hasSlept) {
        if (this.#isProbing)
            return;
        const timer = this.#timer;
        this.#isProbing = true;
        const isAlive = await this.#probe(ANSWER_MS).then(() => true, () => false);
        this.#isProbing = false;
        if (!isAlive && timer === this.#timer)
            this.#onDead(hasSlept);
    }
}

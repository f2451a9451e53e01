/** Who is online, as the server tells it. */

/** After a connect the server tells who is online; who has not been named by then is away. */
const SETTLE_MS = 1500;

export class Presence {
    #online = new Set();
    #stale = new Set();
    #timer;
    #onChange;

    /** @param {() => void} onChange */
    constructor(onChange) {
        this.#onChange = onChange;
    }

    /** @param {string} userId */
    isOnline(userId) {
        return this.#online.has(userId);
    }

    online(userId) {
        this.#stale.delete(userId);
        if (!this.#online.has(userId)) {
            this.#online.add(userId);
            this.#onChange();
        }
    }

    offline(userId) {
        this.#stale.delete(userId);
        if (this.#online.delete(userId))
            this.#onChange();
    }

    /** A new connection tells anew. Nobody is shown as away for the moment in between. */
    reset() {
        this.#stale = new Set(this.#online);
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#stale.forEach((userId) => this.offline(userId)),
            SETTLE_MS);
    }
}

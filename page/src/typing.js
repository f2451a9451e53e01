/** Who is typing where: what others tell, and what one tells them. */

/** The server forgets after a minute without renewal. */
const RENEW_MS = 20000;
const IDLE_MS = 6000;
const FORGET_MS = 65000;

export class Typing {
    /** conversation id -> user id -> {name, timer} */
    #others = new Map();
    #tell;
    #onChange;
    #own;

    /**
     * @param {object} how
     * @param {(event: string, conversationId: string) => void} how.tell
     * @param {() => void} how.onChange
     */
    constructor({ tell, onChange }) {
        this.#tell = tell;
        this.#onChange = onChange;
    }

    /** Names of those who type in a conversation.
     * @param {string} conversationId
     * @returns {string[]} */
    names(conversationId) {
        return [...this.#others.get(conversationId)?.values() ?? []].map(({ name }) => name);
    }

    /** Someone else has begun. */
    started({ conversationId, userId, userName }) {
        this.#forget(conversationId, userId);
        const users = this.#others.get(conversationId) ?? new Map();
        const timer = setTimeout(() => this.stopped(conversationId, userId), FORGET_MS);
        this.#others.set(conversationId, users.set(userId, { name: userName, timer }));
        this.#onChange();
    }

    stopped(conversationId, userId) {
        if (this.#forget(conversationId, userId))
            this.#onChange();
    }

    /** Someone is away altogether. */
    gone(userId) {
        for (const conversationId of this.#others.keys())
            this.stopped(conversationId, userId);
    }

    /** A new connection: who still types will say so again. */
    reset() {
        for (const [conversationId, users] of this.#others)
            for (const userId of users.keys())
                this.#forget(conversationId, userId);
        this.#own = undefined;
        this.#onChange();
    }

    /** One has changed the text of a message.
     * @param {string} conversationId
     * @param {boolean} isEmpty */
    edited(conversationId, isEmpty) {
        if (isEmpty) {
            this.stop();
            return;
        }
        if (this.#own?.conversationId !== conversationId) {
            this.stop();
            this.#own = { conversationId, toldAt: -Infinity };
        }
        if (Date.now() - this.#own.toldAt > RENEW_MS) {
            this.#own.toldAt = Date.now();
            this.#tell('user-typing', conversationId);
        }
        clearTimeout(this.#own.timer);
        this.#own.timer = setTimeout(() => this.stop(), IDLE_MS);
    }

    /** One types no more. */
    stop() {
        if (this.#own)
            this.#tell('user-stopped-typing', this.#own.conversationId);
        this.sent();
    }

    /** The server ends it by itself: with the message, or on leaving. */
    sent() {
        clearTimeout(this.#own?.timer);
        this.#own = undefined;
    }

    close() {
        this.sent();
        for (const users of this.#others.values())
            for (const { timer } of users.values())
                clearTimeout(timer);
    }

    #forget(conversationId, userId) {
        const users = this.#others.get(conversationId);
        clearTimeout(users?.get(userId)?.timer);
        return users?.delete(userId) ?? false;
    }
}

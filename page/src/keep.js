/**
 * What a person has written and the server does not have yet: drafts, and messages that are being
 * sent. Kept by the browser, so that a reload, a crash or another page of the site loses nothing, and
 * for each person of each server by itself. Nothing that has been sent or received is in it.
 *
 * Each piece has a key of its own: several tabs may write to the same storage.
 */

/** @typedef {'session'|'local'|'none'} Where until the tab is closed, until it is sent, or not at all */

const storages = {
    session: () => window.sessionStorage,
    local: () => window.localStorage,
    none: () => undefined,
};

export class Keep {
    /** What is kept, by key; the storage has a copy. @type {Map<string, string>} */
    #values = new Map();
    /** Keys that the storage has not taken. */
    #unstored = new Set();
    #prefix;
    /** @type {Where} */
    #where;
    #onLeave = (event) => event.preventDefault();

    /**
     * @param {Where} where
     * @param {string} server origin
     * @param {string} userId
     */
    constructor(where, server, userId) {
        this.#prefix = `messagerie ${JSON.stringify([server, userId])} `;
        this.#where = where;
        this.#read();
    }

    /** For good; what is kept stays. */
    close() {
        window.removeEventListener('beforeunload', this.#onLeave);
    }

    /** Keeps it elsewhere from now on.
     * @param {Where} where */
    move(where) {
        if (where === this.#where)
            return;
        this.#eraseStored();
        this.#where = where;
        for (const [key, value] of this.#values)
            this.#store(key, value);
    }

    /** @param {string} conversationId */
    draft(conversationId) {
        return this.#values.get(`draft ${conversationId}`) ?? '';
    }

    /** @param {string} conversationId
     * @param {string} text */
    setDraft(conversationId, text) {
        this.#set(`draft ${conversationId}`, text);
    }

    /** The conversation that is open, for another page of the site. */
    get openId() {
        return this.#values.get('open') ?? '';
    }

    set openId(id) {
        this.#set('open', id);
    }

    /** Messages that are being sent, or could not be, in the order of writing.
     * @returns {Array<import('./outbox.js').Outgoing>} */
    outgoing() {
        return [...this.#values].filter(([key]) => key.startsWith('outgoing '))
            .map(([, value]) => parse(value)).filter(Boolean)
            .sort((a, b) => (a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : a.order - b.order));
    }

    /** @param {import('./outbox.js').Outgoing} outgoing */
    putOutgoing(outgoing) {
        this.#set(`outgoing ${outgoing.clientMessageId}`, JSON.stringify(outgoing));
    }

    /** @param {string} clientMessageId */
    dropOutgoing(clientMessageId) {
        this.#set(`outgoing ${clientMessageId}`, '');
    }

    /** The person has logged out, or is no more. */
    erase() {
        this.#values.clear();
        this.#unstored.clear();
        this.#eraseStored();
        this.close();
    }

    #set(key, value) {
        if (value === (this.#values.get(key) ?? ''))
            return;
        if (value)
            this.#values.set(key, value);
        else
            this.#values.delete(key);
        this.#store(key, value);
    }

    #read() {
        try {
            const storage = this.#storage();
            for (const key of this.#keysIn(storage))
                this.#values.set(key.slice(this.#prefix.length), storage.getItem(key));
        } catch {
            // There is no storage, or none for us: it is kept as long as the page.
        }
    }

    #store(key, value) {
        this.#unstored.delete(key);
        try {
            const storage = this.#storage();
            if (value)
                storage.setItem(this.#prefix + key, value);
            else
                storage?.removeItem(this.#prefix + key);
        } catch {
            if (value && key !== 'open')
                this.#unstored.add(key);
        }
        // What would be lost with the page: the person is asked before.
        if (this.#unstored.size > 0)
            window.addEventListener('beforeunload', this.#onLeave);
        else
            this.close();
    }

    #eraseStored() {
        for (const storageOf of Object.values(storages)) {
            try {
                const storage = storageOf();
                this.#keysIn(storage).forEach((key) => storage.removeItem(key));
            } catch {
                // Nothing is in there.
            }
        }
    }

    #storage() {
        return storages[this.#where]();
    }

    #keysIn(storage) {
        return Object.keys(storage ?? {}).filter((key) => key.startsWith(this.#prefix));
    }
}

function parse(json) {
    try {
        const { conversationId, clientMessageId, content, createdAt, order, reason } = JSON.parse(json);
        return [conversationId, clientMessageId, content, createdAt].every((one) => typeof one === 'string')
            ? { conversationId, clientMessageId, content, createdAt, order, reason } : undefined;
    } catch {
        return undefined;
    }
}

/**
 * The messages of one conversation, in the order of the server.
 *
 * The order is never computed from clocks or ids: pages come in it, live messages are appended in
 * it. What one has just sent stands at the end until the server has said where its place is, so
 * that everybody ends up with the same order.
 */

/**
 * @typedef {object} Message as on the wire, see docs/protocol.md, "Answers"
 * @property {string} id
 * @property {string} conversationId
 * @property {string} content
 * @property {string} type
 * @property {boolean} isRead
 * @property {string} [readAt]
 * @property {string} createdAt
 * @property {{id: string}} sender
 * @property {Array<object>} attachments
 * @property {string} [clientMessageId]
 */

/**
 * @typedef {object} Pending what one has sent and the server has not placed yet
 * @property {string} clientMessageId
 * @property {string} content
 * @property {string} createdAt
 * @property {'sending'|'sent'|'failed'} state
 * @property {string} [reason] why it failed
 * @property {Message} [message] the server's answer
 */

/**
 * Puts the newest page into what is known. A page is contiguous, so what is known before its first
 * known message stays; what is known after that and is not in the page has been deleted, unless it
 * stands behind the page and came while the page was under way.
 *
 * @param {Message[]} known oldest first
 * @param {Message[]} page oldest first
 * @param {Set<string>} [arrived] ids of what arrived since the page was asked for
 * @returns {{messages: Message[], overlaps: boolean}}
 */
export function mergeNewest(known, page, arrived = new Set()) {
    const inPage = new Set(page.map((message) => message.id));
    const first = known.findIndex((message) => inPage.has(message.id));
    const older = first > 0 ? known.slice(0, first) : [];
    const last = known.findLastIndex((message) => inPage.has(message.id));
    const newer = known.slice(last + 1).filter((message) => arrived.has(message.id));
    const byId = new Map(known.map((message) => [message.id, message]));
    const fresh = page.map((message) => keepRead(byId.get(message.id), message));
    return { messages: [...older, ...fresh, ...newer], overlaps: first >= 0 };
}

/** A page may have been read before the message was: being read is never taken back. Gives the
 * old object when nothing changed, so that nothing is drawn anew.
 * @param {Message|undefined} old
 * @param {Message} fresh */
function keepRead(old, fresh) {
    if (old && (old.isRead || !fresh.isRead))
        return old;
    return fresh;
}

export class Thread {
    /** @type {Message[]} oldest first */
    messages = [];
    /** @type {Pending[]} in the order of sending */
    pending = [];
    /** Where the page before the oldest one begins; undefined when there is none. */
    cursor;
    isLoaded = false;
    /** The id of the message with which begins what is new to the person; undefined when nothing is. */
    newFrom;
    #expectedNew = { count: 0, userId: '' };
    #removed = new Set();
    #loads = new Set();

    /** To be called before a page is asked for; its result goes to showNewest or endLoad. */
    beginLoad() {
        const load = new Set();
        this.#loads.add(load);
        return load;
    }

    /** @param {Set<string>} load */
    endLoad(load) {
        this.#loads.delete(load);
    }

    /**
     * Takes in the newest page.
     * @param {Message[]} newestFirst
     * @param {{cursor?: string, load?: Set<string>}} [origin]
     */
    showNewest(newestFirst, { cursor, load } = {}) {
        const isJoined = this.#merge(newestFirst, load);
        // Where the page joins what was known, older ones are still to be had from there.
        if (!isJoined || !this.isLoaded)
            this.cursor = cursor;
        this.isLoaded = true;
        this.#placeNew();
    }

    /**
     * Takes in the history of a join, which is exact but has no cursor.
     * @param {Message[]} newestFirst
     * @returns {boolean} false after a gap: the newest page is to be read, for its cursor
     */
    showHistory(newestFirst) {
        const isJoined = this.#merge(newestFirst) || !this.isLoaded;
        if (!isJoined) {
            this.isLoaded = false;
            this.cursor = undefined;
        }
        this.#placeNew();
        return isJoined;
    }

    /**
     * So many messages of others are new. They are about to be read, and nothing tells them apart then.
     * @param {number} count
     * @param {string} userId who reads them
     */
    expectNew(count, userId) {
        if (count > 0)
            this.#expectedNew = { count, userId };
    }

    /** The person has seen what was new, or has just come. */
    forgetNew() {
        this.newFrom = undefined;
    }

    /** Whether messages hold all that is new.
     * @param {Message[]} messages */
    holdsNew(messages) {
        const { count, userId } = this.#expectedNew;
        return messages.filter(({ sender }) => sender.id !== userId).length >= count;
    }

    /**
     * Takes in the page before the oldest one.
     * @param {Message[]} newestFirst
     * @param {string} [cursor]
     */
    showOlder(newestFirst, cursor) {
        const known = new Set(this.messages.map((message) => message.id));
        const page = this.#present(newestFirst).filter(({ id }) => !known.has(id)).reverse();
        this.messages = [...page, ...this.messages];
        this.cursor = cursor;
    }

    /** A live message. False when it was there already.
     * @param {Message} message */
    append(message) {
        if (this.#removed.has(message.id) || this.messages.some(({ id }) => id === message.id))
            return false;
        this.messages = [...this.messages, message];
        for (const load of this.#loads)
            load.add(message.id);
        this.#dropPlaced();
        return true;
    }

    /** @param {string} id */
    remove(id) {
        this.#removed.add(id);
        this.messages = this.messages.filter((message) => message.id !== id);
        this.pending = this.pending.filter(({ message }) => message?.id !== id);
    }

    /**
     * @param {string} id
     * @param {string} readAt
     */
    markRead(id, readAt) {
        const read = (message) =>
            message.id === id && !message.isRead ? { ...message, isRead: true, readAt } : message;
        this.messages = this.messages.map(read);
        this.pending = this.pending.map((pending) =>
            pending.message?.id === id ? { ...pending, message: read(pending.message) } : pending);
    }

    /** @param {{clientMessageId: string, content: string, createdAt: string}} entry */
    addPending(entry) {
        this.pending = [...this.pending, { ...entry, state: 'sending' }];
    }

    /** @param {string} clientMessageId
     * @param {Partial<Pending>} change */
    changePending(clientMessageId, change) {
        this.pending = this.pending.map((pending) =>
            pending.clientMessageId === clientMessageId ? { ...pending, ...change } : pending);
    }

    /** The server has it; its place is known with the event or page that holds it.
     * @param {string} clientMessageId
     * @param {Message} message */
    settle(clientMessageId, message) {
        this.changePending(clientMessageId, { state: 'sent', message });
        this.#dropPlaced();
    }

    /** @param {string} clientMessageId */
    removePending(clientMessageId) {
        this.pending = this.pending.filter((entry) => entry.clientMessageId !== clientMessageId);
    }

    /** Whether the page joins what was known. To pages that are under way it is news. */
    #merge(newestFirst, ownLoad) {
        const page = this.#present(newestFirst).reverse();
        const { messages, overlaps } = mergeNewest(this.messages, page, ownLoad);
        this.messages = messages;
        for (const load of this.#loads)
            if (load !== ownLoad)
                page.forEach(({ id }) => load.add(id));
        this.#dropPlaced();
        return overlaps;
    }

    #placeNew() {
        const { count, userId } = this.#expectedNew;
        if (count === 0 || !(this.isLoaded || this.holdsNew(this.messages)))
            return;
        this.newFrom = this.messages.filter(({ sender }) => sender.id !== userId).at(-count)?.id
            ?? this.messages[0]?.id;
        this.#expectedNew = { count: 0, userId };
    }

    #present(messages) {
        return messages.filter(({ id }) => !this.#removed.has(id));
    }

    /** Pending ones that have their place now. */
    #dropPlaced() {
        if (this.pending.length === 0)
            return;
        const ids = new Set(this.messages.map((message) => message.id));
        const keys = new Set(this.messages.map((message) => message.clientMessageId));
        this.pending = this.pending.filter(({ clientMessageId, message }) =>
            !(message && ids.has(message.id)) && !keys.has(clientMessageId));
    }
}

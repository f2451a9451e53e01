/** The conversations that are known, and the order in which they are listed. */

/**
 * @typedef {object} Conversation as on the wire, see docs/protocol.md, "Answers"
 * @property {string} id
 * @property {string} salonId
 * @property {string} clientUserId
 * @property {string} [subject]
 * @property {'ACTIVE'|'ARCHIVED'} status
 * @property {object} salon
 * @property {object} client
 * @property {object} [lastMessage]
 * @property {number} unreadCount
 * @property {string} lastMessageAt
 */

/** Newest first; of one millisecond the ids decide, which grow: that of the last message. */
function byNewest(a, b) {
    if (a.lastMessageAt !== b.lastMessageAt)
        return a.lastMessageAt < b.lastMessageAt ? 1 : -1;
    return newestId(a) < newestId(b) ? 1 : -1;
}

function newestId({ id, lastMessage }) {
    return lastMessage?.id ?? id;
}

/** What is the same keeps its object, so that it is not drawn anew. */
function isEqual(a, b) {
    return JSON.stringify(a) === JSON.stringify(b);
}

export class Conversations {
    /** @type {Map<string, Conversation>} */
    #byId = new Map();
    #loads = new Set();

    /** @param {string} id */
    get(id) {
        return this.#byId.get(id);
    }

    /** To be called before a page is asked for. What changes from then on is newer than the page.
     * @returns {Set<string>} the ids of what has changed since */
    beginLoad() {
        const load = new Set();
        this.#loads.add(load);
        return load;
    }

    /** @param {Set<string>} load */
    endLoad(load) {
        this.#loads.delete(load);
    }

    /** @param {Conversation} conversation */
    put(conversation) {
        this.#touch(conversation.id);
        this.#byId.set(conversation.id, conversation);
    }

    /** @param {string} id
     * @param {Partial<Conversation>} change
     * @returns {boolean} whether it is known */
    change(id, change) {
        const conversation = this.#byId.get(id);
        if (conversation)
            this.put({ ...conversation, ...change });
        return Boolean(conversation);
    }

    /** @param {string} id */
    remove(id) {
        this.#touch(id);
        this.#byId.delete(id);
    }

    /** A message has come in. False when the conversation is not known.
     * @param {import('./thread.js').Message} message */
    showMessage(message) {
        const { id, content, type, createdAt, sender } = message;
        return this.change(message.conversationId, {
            lastMessage: { id, content, type, createdAt, senderId: sender.id },
            lastMessageAt: createdAt,
            status: 'ACTIVE',
        });
    }

    /**
     * Takes in the newest conversations of a status, and forgets those which should be among them
     * and are not.
     * @param {Conversation[]} newest
     * @param {{status?: string, isComplete: boolean, load: Set<string>}} what isComplete: there are
     *        no others
     */
    showNewest(newest, { status, isComplete, load }) {
        const ids = new Set(newest.map(({ id }) => id));
        const oldest = newest.at(-1);
        for (const conversation of this.list(status)) {
            const isInRange = isComplete || (oldest && byNewest(conversation, oldest) < 0);
            if (isInRange && !ids.has(conversation.id) && !load.has(conversation.id))
                this.#byId.delete(conversation.id);
        }
        for (const conversation of newest)
            if (!load.has(conversation.id) && !isEqual(this.get(conversation.id), conversation))
                this.#byId.set(conversation.id, conversation);
    }

    /** Newest first; all of them without a status.
     * @param {string} [status] */
    list(status) {
        return [...this.#byId.values()]
            .filter((conversation) => !status || conversation.status === status)
            .sort(byNewest);
    }

    #touch(id) {
        for (const load of this.#loads)
            load.add(id);
    }
}

/** The other person of a conversation.
 * @param {Conversation} conversation
 * @param {string} userId */
export function otherPerson(conversation, userId) {
    return conversation.salonId === userId ? conversation.client : conversation.salon;
}

/** The threads that have been opened, read over REST page by page. */

import { Thread } from './model/thread.js';

const MESSAGES_PER_PAGE = 50;
/** Pages that are read to join what was missed to what is known, and for all that is new; what more
 * there is makes a fresh start. */
const CATCH_UP_PAGES = 4;

export class Threads {
    /** @type {Map<string, Thread>} by conversation */
    #byId = new Map();
    /** @type {Map<string, Promise<boolean>>} */
    #loadingOlder = new Map();
    #api;

    /** @param {import('./api.js').Api} api */
    constructor(api) {
        this.#api = api;
    }

    /** @param {string} id of the conversation */
    get(id) {
        if (!this.#byId.has(id))
            this.#byId.set(id, new Thread());
        return this.#byId.get(id);
    }

    /** @param {string} id */
    remove(id) {
        this.#byId.delete(id);
    }

    /** @param {string} messageId
     * @param {string} readAt */
    markRead(messageId, readAt) {
        for (const thread of this.#byId.values())
            thread.markRead(messageId, readAt);
    }

    /** The newest messages, and as many pages more as it takes to join them to what is known.
     * @param {string} id */
    async loadNewest(id) {
        const thread = this.get(id);
        const load = thread.beginLoad();
        try {
            const { messages, cursor } = await this.#readNewest(id, thread);
            thread.showNewest(messages, { cursor, load });
        } finally {
            thread.endLoad(load);
        }
    }

    async #readNewest(id, thread) {
        const known = new Set(thread.messages.map((message) => message.id));
        let page = await this.#api.listMessages(id, { limit: MESSAGES_PER_PAGE });
        const messages = page.data;
        const isWanting = () => !thread.holdsNew(messages)
            || (known.size > 0 && !messages.some((message) => known.has(message.id)));
        for (let pages = 1; pages < CATCH_UP_PAGES && page.nextCursor && isWanting(); pages++) {
            page = await this.#api.listMessages(id,
                { limit: MESSAGES_PER_PAGE, before: page.nextCursor });
            messages.push(...page.data);
        }
        return { messages, cursor: page.nextCursor };
    }

    /** The page before the oldest message that is there; false when there is none.
     * @param {string} id */
    loadOlder(id) {
        const loading = this.#loadingOlder.get(id) ??
            this.#readOlder(id).finally(() => this.#loadingOlder.delete(id));
        this.#loadingOlder.set(id, loading);
        return loading;
    }

    async #readOlder(id) {
        const thread = this.get(id);
        const { cursor } = thread;
        if (!cursor)
            return false;
        const page = await this.#api.listMessages(id, { limit: MESSAGES_PER_PAGE, before: cursor });
        // A fresh start may have come in between.
        if (thread.cursor === cursor)
            thread.showOlder(page.data, page.nextCursor);
        return true;
    }
}

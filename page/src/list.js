/** The list of conversations, read over REST as far as it is shown. */

import { Conversations } from './model/conversations.js';

const CONVERSATIONS_PER_PAGE = 30;
/** Those with unread messages may be anywhere: they are looked for so far. */
const UNREAD_PER_PAGE = 100;
const UNREAD_PAGES_MAX = 50;
/** Several events in a row make one request. */
const DELAY_MS = 60;

export class List {
    conversations = new Conversations();
    /** A status, what is not read, or everything. @type {'ACTIVE'|'ARCHIVED'|'UNREAD'|undefined} */
    filter;
    /** The one that is open, and was not read before: it does not vanish by being read. */
    #openId = '';
    hasMore = false;
    isLoaded = false;
    /** The last messages of the conversations that were there at first. @type {Set<string>|undefined} */
    firstMessages;
    #pagesShown = 1;
    #timer;
    #api;
    #onChange;
    #onDue;

    /**
     * @param {import('./api.js').Api} api
     * @param {{onChange: () => void, onDue: () => void}} handlers onDue: it is to be refreshed
     */
    constructor(api, { onChange, onDue }) {
        this.#api = api;
        this.#onChange = onChange;
        this.#onDue = onDue;
    }

    /** What the filter lets through, newest first. */
    shown() {
        if (this.filter !== 'UNREAD')
            return this.conversations.list(this.filter);
        return this.conversations.list()
            .filter(({ id, unreadCount }) => unreadCount > 0 || id === this.#openId);
    }

    /** @param {string} id of the conversation that is open from now on */
    opened(id) {
        this.#openId = this.conversations.get(id)?.unreadCount > 0 ? id : '';
    }

    close() {
        clearTimeout(this.#timer);
    }

    async refresh() {
        const { filter } = this;
        const load = this.conversations.beginLoad();
        try {
            const newest = await (filter === 'UNREAD' ? this.#readUnread() : this.#readPages(filter));
            if (filter === this.filter)
                this.#show(newest, load);
        } finally {
            this.conversations.endLoad(load);
        }
    }

    refreshSoon() {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(this.#onDue, DELAY_MS);
    }

    /** What is shown from now on; to be refreshed then.
     * @param {'ACTIVE'|'ARCHIVED'|'UNREAD'|undefined} filter */
    choose(filter) {
        this.filter = filter;
        this.#openId = '';
        this.isLoaded = false;
        this.#pagesShown = 1;
        this.#onChange();
    }

    /** One page more; to be refreshed then. */
    extend() {
        this.#pagesShown++;
    }

    async #readPages(status) {
        const newest = [];
        for (let page = 1, pages = 1; page <= Math.min(this.#pagesShown, pages); page++) {
            const { data, totalPages } = await this.#api.listConversations(
                { page, limit: CONVERSATIONS_PER_PAGE, status });
            newest.push(...data);
            pages = totalPages;
            this.hasMore = page < totalPages;
        }
        return newest;
    }

    /** As many pages as it takes to have all that is not read. */
    async #readUnread() {
        const total = await this.#api.unreadTotal();
        const newest = [];
        this.hasMore = false;
        for (let page = 1, pages = 1, unread = 0;
            unread < total && page <= Math.min(pages, UNREAD_PAGES_MAX); page++) {
            const { data, totalPages } = await this.#api.listConversations(
                { page, limit: UNREAD_PER_PAGE });
            newest.push(...data);
            unread += data.reduce((sum, { unreadCount }) => sum + unreadCount, 0);
            pages = totalPages;
        }
        return newest;
    }

    #show(newest, load) {
        const isUnread = this.filter === 'UNREAD';
        this.conversations.showNewest(newest, {
            status: isUnread ? undefined : this.filter,
            isComplete: !isUnread && !this.hasMore,
            load,
        });
        this.isLoaded = true;
        this.firstMessages ??= new Set(newest.map(({ lastMessage }) => lastMessage?.id));
        this.#onChange();
        // What has changed meanwhile may be more than the events have told.
        if (load.size > 0)
            this.refreshSoon();
    }
}

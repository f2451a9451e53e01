/** The list of conversations, read over REST as far as it is shown. */

import { Conversations } from './model/conversations.js';

const CONVERSATIONS_PER_PAGE = 30;
/** Several events in a row make one request. */
const DELAY_MS = 60;

export class List {
    conversations = new Conversations();
    /** A status, or everything. @type {'ACTIVE'|'ARCHIVED'|undefined} */
    filter;
    hasMore = false;
    isLoaded = false;
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

    close() {
        clearTimeout(this.#timer);
    }

    async refresh() {
        const { filter } = this;
        const load = this.conversations.beginLoad();
        try {
            const newest = await this.#readPages(filter);
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
     * @param {'ACTIVE'|'ARCHIVED'} filter */
    choose(filter) {
        this.filter = filter;
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

    #show(newest, load) {
        this.conversations.showNewest(newest,
            { status: this.filter, isComplete: !this.hasMore, load });
        this.isLoaded = true;
        this.#onChange();
        // What has changed meanwhile may be more than the events have told.
        if (load.size > 0)
            this.refreshSoon();
    }
}

/** The REST interface. */

import { NoToken } from './credentials.js';
import { texts } from './texts.js';

const TIMEOUT_MS = 15000;

/** What went wrong, in a sentence for people. */
export class ApiError extends Error {
    /**
     * @param {string} message
     * @param {{status?: number, retryAfterMs?: number}} [details] no status: no answer came
     */
    constructor(message, { status = 0, retryAfterMs } = {}) {
        super(message);
        this.status = status;
        this.retryAfterMs = retryAfterMs;
    }

    /** Whether the same request may succeed later. */
    get isTemporary() {
        return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
    }
}

export class Api {
    #server;
    #credentials;
    #onAnswer;

    /**
     * @param {string} server origin
     * @param {import('./credentials.js').Credentials} credentials
     * @param {(isServed: boolean) => void} onAnswer whether the service has just answered
     */
    constructor(server, credentials, onAnswer) {
        this.#server = server;
        this.#credentials = credentials;
        this.#onAnswer = onAnswer;
    }

    /** @param {{page?: number, limit: number, status?: string}} what */
    listConversations({ page = 1, limit, status }) {
        const query = new URLSearchParams({ page: String(page), limit: String(limit) });
        if (status)
            query.set('status', status);
        return this.#call('GET', `conversations?${query}`);
    }

    /** With whom one may open a conversation.
     * @param {{limit: number, after?: string}} what */
    listPeople({ limit, after }) {
        const query = new URLSearchParams({ limit: String(limit) });
        if (after)
            query.set('after', after);
        return this.#call('GET', `conversations/people?${query}`);
    }

    /** @param {{clientUserId?: string, salonId?: string, subject?: string}} what */
    createConversation(what) {
        return this.#call('POST', 'conversations', what);
    }

    /** @param {{q: string, page: number}} what */
    search({ q, page }) {
        return this.#call('GET', `search?${new URLSearchParams({ q, page: String(page) })}`);
    }

    /** Marks its messages read, as opening it does.
     * @param {string} id */
    readConversation(id) {
        return this.#call('GET', `conversations/${encodeURIComponent(id)}`);
    }

    /** @param {string} id
     * @param {{limit: number, before?: string}} what */
    listMessages(id, { limit, before }) {
        const query = new URLSearchParams({ limit: String(limit) });
        if (before)
            query.set('before', before);
        return this.#call('GET', `conversations/${encodeURIComponent(id)}/messages?${query}`);
    }

    /** @param {string} id
     * @param {{content: string, clientMessageId: string}} message */
    sendMessage(id, message) {
        return this.#call('POST', `conversations/${encodeURIComponent(id)}/messages`, message);
    }

    /** @param {string} id
     * @param {'ACTIVE'|'ARCHIVED'} status */
    setStatus(id, status) {
        return this.#call('PATCH', `conversations/${encodeURIComponent(id)}`, { status });
    }

    /** @param {string} id */
    deleteMessage(id) {
        return this.#call('DELETE', `messages/${encodeURIComponent(id)}`);
    }

    async unreadTotal() {
        const { totalUnread } = await this.#call('GET', 'conversations/unread/total');
        return totalUnread;
    }

    async #call(method, path, body) {
        const { token, renew } = this.#tokens();
        let response = await this.#fetch(method, path, body, await token());
        if (response.status === 401)
            response = await this.#fetch(method, path, body, await renew());
        this.#onAnswer(response.status < 500);
        return read(response);
    }

    /** The ways to a token, with errors that say what they mean for a request. */
    #tokens() {
        const explained = (promise) => promise.catch((error) => {
            throw error instanceof NoToken ? new ApiError(texts.sessionEnded, { status: 401 })
                : new ApiError(texts.unreachable);
        });
        return {
            token: () => explained(this.#credentials.token()),
            renew: () => explained(this.#credentials.renew()),
        };
    }

    async #fetch(method, path, body, token) {
        try {
            return await fetch(new URL(`/messaging/${path}`, this.#server), {
                method,
                credentials: 'omit',
                headers: {
                    Authorization: `Bearer ${token.replace(/^Bearer /i, '')}`,
                    ...(body && { 'Content-Type': 'application/json' }),
                },
                body: body && JSON.stringify(body),
                signal: AbortSignal.timeout?.(TIMEOUT_MS),
            });
        } catch {
            this.#onAnswer(false);
            throw new ApiError(texts.unreachable);
        }
    }
}

async function read(response) {
    const text = await response.text().catch(() => {
        throw new ApiError(texts.unreachable);
    });
    const json = parse(text);
    if (response.ok && (json || !text))
        return json;
    const message = [json?.message].flat().filter(Boolean).join(' ') || texts.unexpected;
    throw new ApiError(message, {
        // A success without JSON comes from something in between: worth another try.
        status: response.ok ? 502 : response.status,
        retryAfterMs: Number(response.headers.get('Retry-After')) * 1000 || undefined,
    });
}

function parse(text) {
    try {
        return JSON.parse(text);
    } catch {
        return undefined;
    }
}

/**
 * What one sends: shown at once, kept until the server has it, tried again until it has answered, also
 * after a reload.
 */

import { ApiError } from './api.js';
import { Outbox } from './outbox.js';
import { texts } from './texts.js';

/** What was written longer ago is not sent without asking. */
const STALE_MS = 24 * 60 * 60 * 1000;

export class Sending {
    #threads;
    #api;
    #connection;
    #session;
    #onChange;
    #onSent;
    /** @type {import('./keep.js').Keep} */
    #keep;
    #order = 0;
    #outbox = new Outbox({
        deliver: (outgoing) => this.#deliver(outgoing),
        onSent: (outgoing, message) => this.#sent(outgoing, message),
        onRefused: (outgoing, error) => {
            this.#refused(outgoing, error.message);
            // In a conversation that is no more nobody will find it.
            if (error.status === 404)
                this.#keep.dropOutgoing(outgoing.clientMessageId);
        },
    });

    /**
     * @param {object} how
     * @param {import('./threads.js').Threads} how.threads
     * @param {import('./api.js').Api} how.api
     * @param {import('./connection.js').Connection} how.connection
     * @param {import('./session.js').Session} how.session
     * @param {() => void} how.onChange a thread has changed
     * @param {(message: object) => void} how.onSent the server's answer
     */
    constructor({ threads, api, connection, session, onChange, onSent }) {
        this.#threads = threads;
        this.#api = api;
        this.#connection = connection;
        this.#session = session;
        this.#onChange = onChange;
        this.#onSent = onSent;
    }

    /** With what an earlier page has left.
     * @param {import('./keep.js').Keep} keep */
    start(keep) {
        this.#keep = keep;
        for (const outgoing of keep.outgoing()) {
            const isStale = Date.now() - Date.parse(outgoing.createdAt) > STALE_MS;
            this.#threads.get(outgoing.conversationId).addPending(outgoing);
            if (outgoing.reason || isStale)
                this.#refused(outgoing, outgoing.reason ?? texts.states.failed);
            else
                this.#outbox.add(outgoing);
        }
    }

    close() {
        this.#outbox.close();
    }

    /** Does not wait any longer before the next attempt. */
    hurry() {
        this.#outbox.hurry();
    }

    /** @param {string} conversationId
     * @param {string} content */
    send(conversationId, content) {
        const outgoing = {
            conversationId,
            clientMessageId: makeId(),
            content,
            createdAt: new Date().toISOString(),
            order: this.#order++,
        };
        this.#threads.get(conversationId).addPending(outgoing);
        this.#add(outgoing);
    }

    /** Once more what was refused.
     * @param {string} conversationId
     * @param {string} clientMessageId */
    retry(conversationId, clientMessageId) {
        const thread = this.#threads.get(conversationId);
        const entry = thread.pending.find((one) => one.clientMessageId === clientMessageId);
        if (entry?.state !== 'failed')
            return;
        thread.changePending(clientMessageId, { state: 'sending', reason: undefined });
        const { content, createdAt, order } = entry;
        this.#add({ conversationId, clientMessageId, content, createdAt, order });
    }

    /** @param {string} conversationId
     * @param {string} clientMessageId */
    discard(conversationId, clientMessageId) {
        this.#threads.get(conversationId).removePending(clientMessageId);
        this.#keep.dropOutgoing(clientMessageId);
        this.#onChange();
    }

    #add(outgoing) {
        this.#keep.putOutgoing(outgoing);
        this.#outbox.add(outgoing);
        this.#onChange();
    }

    /** Over the socket; over REST when there is none, or when it did not answer. */
    async #deliver({ conversationId, clientMessageId, content }) {
        await this.#session.whenLive();
        if (this.#connection.isConnected) {
            const answer = await this.#connection.ask('send-message',
                { conversationId, clientMessageId, content }).catch((error) => {
                if (!error.isTemporary || error.retryAfterMs)
                    throw error;
            });
            if (answer)
                return answer.message;
        }
        try {
            return await this.#api.sendMessage(conversationId, { content, clientMessageId });
        } catch (error) {
            if (error.status !== 401)
                throw error;
            // No fault of the message: it waits for a token.
            this.#session.lost();
            throw new ApiError(error.message);
        }
    }

    #sent({ conversationId, clientMessageId }, message) {
        this.#keep.dropOutgoing(clientMessageId);
        this.#threads.get(conversationId).settle(clientMessageId, message);
        this.#onSent(message);
        this.#onChange();
    }

    #refused(outgoing, reason) {
        const { conversationId, clientMessageId } = outgoing;
        this.#keep.putOutgoing({ ...outgoing, reason });
        this.#threads.get(conversationId).changePending(clientMessageId, { state: 'failed', reason });
        this.#onChange();
    }
}

/** randomUUID exists in secure contexts alone. */
function makeId() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)),
        (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * The room of the open conversation. The server takes who is in a room for somebody who sees what is
 * said there, and marks it as read: one is in it only while that is so.
 */

export class Room {
    #connection;
    /** The room that the server may have us in, and the one that it has said it has. */
    #id = '';
    #joinedId = '';
    #mustStartAnew = false;

    /** @param {import('./connection.js').Connection} connection */
    constructor(connection) {
        this.#connection = connection;
    }

    /** Whether a connection may go on in the rooms that the server knows of. */
    get mayRecover() {
        return !this.#mustStartAnew;
    }

    /** @param {string} conversationId */
    isIn(conversationId) {
        return conversationId === this.#joinedId;
    }

    /** @param {string} conversationId */
    async enter(conversationId) {
        this.#id = conversationId;
        await this.#connection.ask('join-conversation', { conversationId }).then(() => {
            if (conversationId === this.#id)
                this.#joinedId = conversationId;
        }, () => {});
    }

    /** When it is not certain that the server knows, it gets to know another way. */
    leave() {
        const conversationId = this.#id;
        this.#id = '';
        this.#joinedId = '';
        if (conversationId)
            this.#connection.ask('leave-conversation', { conversationId }).catch(() => {
                this.#mustStartAnew = true;
                this.#connection.startAnew();
            });
    }

    /** A connection that is new has nobody in any room.
     * @param {boolean} recovered */
    connected(recovered) {
        if (recovered)
            return;
        this.#mustStartAnew = false;
        this.#joinedId = '';
    }

    /** The conversation is no more.
     * @param {string} conversationId */
    forget(conversationId) {
        if (conversationId !== this.#id)
            return;
        this.#id = '';
        this.#joinedId = '';
    }
}

/** The socket: official socket.io-client, which reconnects and recovers by itself. It is loaded when it
 * is opened. */

import { ApiError } from './api.js';
import { NoToken } from './credentials.js';
import { Pulse } from './pulse.js';
import { texts } from './texts.js';

const ACK_TIMEOUT_MS = 8000;
/** After a second refusal in a row: the site is asked for a token again, but not in a tight loop. */
const REFUSED_DELAY_MS = 5000;
const REFUSED_DELAY_MAX_MS = 60000;
/** After the program of the socket could not be loaded. */
const RELOAD_DELAY_MS = 10000;
/** Pauses between attempts, from the first to the longest: for a broker that has been there, and for
 * one that has not been there for some attempts, as on a host that runs none. */
const PAUSES_MS = [300, 4000];
const NEVER_PAUSES_MS = [10000, 60000];
const NEVER_ATTEMPTS = 5;
/** Longer, and it counts as broken. */
const CONNECTING_MAX_MS = 4000;
/** For a connection to open, and then for us to be let in. */
const OPENING_MAX_MS = 10000;
/** So many WebSockets that swallowed everything, and there are no more. */
const SWALLOWED_MAX = 2;

/** Why one may be one too many. */
const SURPLUS = new Set(['too_many_connections', 'too_many_connects', 'overloaded']);

/** @typedef {'connecting'|'connected'|'offline'} ConnectionState */

export class Connection {
    /** @type {ConnectionState} */
    state = 'connecting';
    #server;
    /** @type {import('socket.io-client').Socket|undefined} */
    #socket;
    #credentials;
    #handlers;
    #timer;
    #connecting;
    #entering;
    #pulse;
    #swallowed = 0;
    #refusals = 0;
    /** Attempts while it has never been connected. */
    #attempts = 0;
    #isClosed = false;
    /** Connected, but one too many: nothing is told, and the server will close it. */
    #isSurplus = false;

    /**
     * @param {string} server origin
     * @param {import('./credentials.js').Credentials} credentials
     * @param {object} handlers
     * @param {(state: ConnectionState) => void} handlers.onState
     * @param {(recovered: boolean) => void} handlers.onConnect
     * @param {() => void} handlers.onNoToken nothing gives a token any more
     * @param {() => void} handlers.onErased the person is no more
     * @param {() => boolean} handlers.mayRecover whether the server may go on where it was cut off,
     *     in the rooms that it knows of
     * @param {Record<string, (payload: any) => void>} handlers.events
     */
    constructor(server, credentials, handlers) {
        this.#server = server;
        this.#credentials = credentials;
        this.#handlers = handlers;
        this.#pulse = new Pulse(
            (ms) => this.#socket.timeout(ms).emitWithAck('presence', { state: 'here' }),
            (hasSlept) => this.#dropSilent(hasSlept));
    }

    /** Makes sure that the connection is there, if it has not been looked at for long. */
    check() {
        this.#pulse.look();
    }

    async open() {
        if (this.state === 'connecting' && !this.#connecting)
            this.#waitForConnection();
        try {
            await this.#load();
        } catch {
            this.#setState('offline');
            this.#openLater(RELOAD_DELAY_MS);
            return;
        }
        if (!this.#isClosed)
            this.#socket.connect();
    }

    /** Does not wait any longer before the next attempt. */
    hurry() {
        if (this.state === 'offline')
            this.#socket?.disconnect();
        this.open();
    }

    /** For good. */
    close() {
        this.#isClosed = true;
        clearTimeout(this.#timer);
        clearTimeout(this.#connecting);
        clearTimeout(this.#entering);
        this.#pulse.stop();
        this.#socket?.disconnect();
    }

    /** Ends what the server knows of this connection, its rooms above all, and opens another. */
    startAnew() {
        if (this.#isClosed || !this.isConnected)
            return;
        this.#socket.disconnect();
        this.#socket.connect();
    }

    get isConnected() {
        return !this.#isSurplus && (this.#socket?.connected ?? false);
    }

    /** Tells the server something; nothing is kept for later when there is no connection.
     * @param {string} event
     * @param {object} payload */
    tell(event, payload) {
        if (this.isConnected)
            this.#socket.emit(event, payload);
    }

    /** Asks and waits for the answer.
     * @param {string} event
     * @param {object} payload
     * @returns {Promise<any>} the acknowledgement; an ApiError when it says so or does not come */
    async ask(event, payload) {
        if (!this.isConnected)
            throw new ApiError(texts.unreachable);
        let answer;
        try {
            answer = await this.#socket.timeout(ACK_TIMEOUT_MS).emitWithAck(event, payload);
        } catch {
            throw new ApiError(texts.unreachable);
        }
        if (answer?.status === 'ok')
            return answer;
        throw new ApiError(answer?.message ?? texts.unexpected, {
            status: answer?.retryAfter ? 503 : 400,
            retryAfterMs: answer?.retryAfter * 1000 || undefined,
        });
    }

    async #load() {
        const { io } = await import('./socket.js');
        if (this.#socket)
            return;
        this.#socket = io(new URL('/messaging', this.#server).href, {
            auth: (answer) => this.#authenticate(answer),
            autoConnect: false,
            forceNew: true,
            // The shortest way first; long-polling where WebSockets do not get through.
            transports: ['websocket', 'polling'],
            tryAllTransports: true,
            timeout: OPENING_MAX_MS,
        });
        this.#setPauses(PAUSES_MS);
        this.#listen();
    }

    #listen() {
        const socket = this.#socket;
        socket.io.on('open', () => {
            socket.io.engine.on('packet', () => this.#pulse.heard());
            clearTimeout(this.#entering);
            this.#entering = setTimeout(() => this.#dropSilent(), OPENING_MAX_MS);
        });
        socket.on('connect', () => {
            clearTimeout(this.#entering);
            this.#pulse.start();
            this.#refusals = 0;
            this.#attempts = -Infinity;
            this.#isSurplus = false;
            this.#setPauses(PAUSES_MS);
            this.#setState('connected');
            this.#handlers.onConnect(socket.recovered);
        });
        socket.on('disconnect', (reason) => {
            this.#pulse.stop();
            this.#setState('connecting');
            if (reason === 'io server disconnect')
                this.#reconnectLater();
        });
        socket.on('connect_error', ({ message }) => {
            clearTimeout(this.#entering);
            if (message === 'timeout')
                this.#distrustWebSocket();
            this.#setState('offline');
            // With `active` the client tries again; without, the token was refused.
            if (!socket.active)
                this.#renew();
        });
        socket.io.on('reconnect_attempt', () => {
            if (++this.#attempts === NEVER_ATTEMPTS)
                this.#setPauses(NEVER_PAUSES_MS);
        });
        for (const [name, handler] of Object.entries(this.#handlers.events))
            socket.on(name, handler);
        socket.on('error', ({ code } = {}) => {
            if (code === 'token_expired')
                this.#credentials.renew().catch(() => {});
            else if (code === 'user_erased')
                this.#handlers.onErased();
            else if (SURPLUS.has(code)) {
                this.#isSurplus = true;
                this.#setState('offline');
            }
        });
    }

    /** Open, and nothing comes through. */
    #dropSilent(hasSlept = false) {
        if (!hasSlept)
            this.#distrustWebSocket();
        this.#socket.io.engine?.close();
    }

    /** The next connection begins with long-polling, and becomes a WebSocket only when one has carried
     * something. */
    #distrustWebSocket() {
        const { engine, opts } = this.#socket.io;
        if (engine?.transport?.name !== 'websocket')
            return;
        this.#swallowed++;
        opts.transports = ['polling', 'websocket'];
        opts.upgrade = this.#swallowed < SWALLOWED_MAX;
    }

    async #authenticate(answer) {
        // Without a token the server refuses, and connect_error takes it from there.
        const token = await this.#credentials.token().catch(() => undefined);
        // The client adds what it recovers with, unless it is given something else.
        answer(this.#handlers.mayRecover() ? { token }
            : { token, pid: undefined, offset: undefined });
    }

    async #renew() {
        try {
            await this.#credentials.renew();
        } catch (error) {
            if (error instanceof NoToken) {
                this.#handlers.onNoToken();
                return;
            }
        }
        this.#reconnectLater();
    }

    #reconnectLater() {
        const delay = this.#refusals++ === 0 ? 0
            : Math.min(REFUSED_DELAY_MS * 2 ** (this.#refusals - 2), REFUSED_DELAY_MAX_MS);
        this.#openLater(delay);
    }

    #openLater(delay) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.open(), delay);
    }

    #setPauses([first, longest]) {
        this.#socket.io.reconnectionDelay(first);
        this.#socket.io.reconnectionDelayMax(longest);
    }

    #setState(state) {
        if (state === this.state)
            return;
        this.state = state;
        clearTimeout(this.#connecting);
        if (state === 'connecting')
            this.#waitForConnection();
        this.#handlers.onState(state);
    }

    /** Something in between may open connections, and close them again. */
    #waitForConnection() {
        this.#connecting = setTimeout(() => this.#setState('offline'), CONNECTING_MAX_MS);
    }
}

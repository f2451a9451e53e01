// Engine.IO spoken by hand: requests and frames as the protocol document has them.

import { sendRequest } from '../../e2e/harness/http.mjs';
import { BINARY, TEXT, WebSocketClient, describe, frame } from './websocket.mjs';

export const SEPARATOR = '\x1e';

export class EngineIO {
    /** `path` is /engine.io/ or /socket.io/. */
    constructor(port, path) {
        this.port = port;
        this.path = path;
    }

    /** A request with that query. */
    request(query, { method = 'GET', body, headers = {}, agent } = {}) {
        const path = `${this.path}?${new URLSearchParams(query)}`;
        const fields = body === undefined ? headers
            : { 'content-type': 'text/plain;charset=UTF-8', ...headers };
        return sendRequest({ port: this.port, method, path, body, headers: fields, agent });
    }

    get(sid, options) {
        return this.request({ EIO: 4, transport: 'polling', ...(sid && { sid }) }, options);
    }

    post(sid, body, headers) {
        return this.request({ EIO: 4, transport: 'polling', sid }, { method: 'POST', body, headers });
    }

    /** The data of the open packet of a new polling session. */
    async open() {
        const { status, text } = await this.get();
        if (status !== 200 || !text.startsWith('0'))
            throw new Error(`no session: ${status} ${text}`);
        return JSON.parse(text.slice(1));
    }

    async connect(query = {}, options = {}) {
        const client = await WebSocketClient.connect({
            port: this.port,
            path: `${this.path}?${new URLSearchParams({ EIO: 4, transport: 'websocket', ...query })}`,
            ...options,
        });
        return new Packets(client);
    }
}

/** The packets of a session over a WebSocket. Pings of the server are answered and left out,
 * unless `keepsPings`. */
export class Packets {
    constructor(client) {
        this.client = client;
        this.keepsPings = false;
    }

    send(...packets) {
        this.client.send(Buffer.concat(packets.map((packet) =>
            (typeof packet === 'string' ? frame(TEXT, packet) : frame(BINARY, packet)))));
    }

    /** The next packet: text, or a Buffer for binary data; ['close', code] or ['end'] when there
     * is none any more. */
    async next() {
        for (;;) {
            const received = await this.client.nextFrame();
            if (received?.opcode === BINARY)
                return received.payload;
            const described = describe(received);
            const [kind, text] = described;
            if (kind !== 'text')
                return described;
            if (text !== '2' || this.keepsPings)
                return text;
            this.send('3');
        }
    }

    destroy() {
        this.client.destroy();
    }
}

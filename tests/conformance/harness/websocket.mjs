// A WebSocket client that does what it is told, right or wrong: frames are bytes that a test may
// bend, and what comes back is told frame by frame.

import { randomBytes } from 'node:crypto';
import net from 'node:net';

export const CONTINUATION = 0x0;
export const TEXT = 0x1;
export const BINARY = 0x2;
export const CLOSE = 0x8;
export const PING = 0x9;
export const PONG = 0xa;

/** The bytes of one frame. `reserved` is the three reserved bits, `masked: false` breaks the rules. */
export function frame(opcode, payload = '', { final = true, reserved = 0, masked = true } = {}) {
    const data = Buffer.from(payload);
    const length = data.length < 126 ? Buffer.alloc(0)
        : data.length < 65536 ? Buffer.alloc(2) : Buffer.alloc(8);
    if (length.length === 2)
        length.writeUInt16BE(data.length);
    else if (length.length === 8)
        length.writeBigUInt64BE(BigInt(data.length));
    const short = data.length < 126 ? data.length : length.length === 2 ? 126 : 127;
    const start = Buffer.from([(final ? 0x80 : 0) | reserved << 4 | opcode,
        (masked ? 0x80 : 0) | short]);
    if (!masked)
        return Buffer.concat([start, length, data]);
    const mask = randomBytes(4);
    return Buffer.concat([start, length, mask, applyMask(data, mask)]);
}

function applyMask(data, mask) {
    const masked = Buffer.from(data);
    for (let i = 0; i < masked.length; i++)
        masked[i] ^= mask[i & 3];
    return masked;
}

/** The payload of a close frame. */
export function closePayload(code, reason = '') {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16BE(code);
    return Buffer.concat([bytes, Buffer.from(reason)]);
}

export const closeFrame = (code, reason) => frame(CLOSE, closePayload(code, reason));

/** A message in frames of at most `size` bytes. */
export function fragments(opcode, payload, size) {
    const data = Buffer.from(payload);
    const frames = [];
    for (let at = 0; at === 0 || at < data.length; at += size) {
        frames.push(frame(at === 0 ? opcode : CONTINUATION, data.subarray(at, at + size),
            { final: at + size >= data.length }));
    }
    return Buffer.concat(frames);
}

export class WebSocketClient {
    #socket;
    #chunks = [];
    #buffered = 0;
    #hasEnded = false;
    #wake = () => {};

    /** Resolves when the handshake is over; rejects with {status} when it is refused. `early` are
     * bytes that are sent along with the request. */
    static async connect({ port, path, headers = {}, early = Buffer.alloc(0) }) {
        const client = new WebSocketClient();
        await client.#open(port);
        const key = randomBytes(16).toString('base64');
        const fields = { Host: `127.0.0.1:${port}`, Upgrade: 'websocket', Connection: 'Upgrade',
            'Sec-WebSocket-Key': key, 'Sec-WebSocket-Version': '13', ...headers };
        const lines = [`GET ${path} HTTP/1.1`,
            ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`), '', ''];
        client.send(Buffer.concat([Buffer.from(lines.join('\r\n')), early]));
        client.response = await client.#readHead();
        client.key = key;
        const status = Number(/^HTTP\/1\.1 (\d+)/.exec(client.response)[1]);
        if (status !== 101) {
            client.destroy();
            throw Object.assign(new Error(`handshake refused: ${status}`), { status });
        }
        return client;
    }

    #open(port) {
        return new Promise((resolve, reject) => {
            this.#socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true });
            this.#socket.setNoDelay(true);
            this.#socket.once('connect', resolve);
            this.#socket.once('error', reject);
            this.#socket.on('data', (chunk) => {
                this.#chunks.push(chunk);
                this.#buffered += chunk.length;
                this.#wake();
            });
            const end = () => {
                this.#hasEnded = true;
                this.#wake();
            };
            this.#socket.on('end', end);
            this.#socket.on('close', end);
            this.#socket.on('error', end);
        });
    }

    send(...parts) {
        for (const part of parts)
            this.#socket.write(part);
    }

    /** Sends bytes in pieces of `size`, each in a write of its own. */
    async sendChopped(bytes, size) {
        for (let at = 0; at < bytes.length; at += size) {
            if (!this.#socket.write(bytes.subarray(at, at + size)))
                await new Promise((resolve) => { this.#socket.once('drain', resolve); });
            else if (size < 16)
                await new Promise(setImmediate);
        }
    }

    #take(count) {
        const all = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
        this.#chunks = count < all.length ? [all.subarray(count)] : [];
        this.#buffered = all.length - count;
        return all.subarray(0, count);
    }

    /** `count` bytes; undefined when the peer has ended before. */
    async #read(count) {
        while (this.#buffered < count) {
            if (this.#hasEnded)
                return undefined;
            await new Promise((resolve) => { this.#wake = resolve; });
        }
        return this.#take(count);
    }

    async #readHead() {
        let head = '';
        while (!head.endsWith('\r\n\r\n')) {
            const byte = await this.#read(1);
            if (byte === undefined)
                throw new Error(`connection ended within the handshake: ${head}`);
            head += byte.toString('latin1');
        }
        return head;
    }

    /** The next frame {opcode, final, payload}; undefined at the end of the connection. */
    async nextFrame() {
        const start = await this.#read(2);
        if (start === undefined)
            return undefined;
        if (start[1] & 0x80)
            throw new Error('the server masks');
        if (start[0] & 0x70)
            throw new Error('the server sets reserved bits');
        let length = start[1] & 0x7f;
        if (length === 126)
            length = (await this.#read(2)).readUInt16BE();
        else if (length === 127)
            length = Number((await this.#read(8)).readBigUInt64BE());
        const payload = length > 0 ? await this.#read(length) : Buffer.alloc(0);
        return { opcode: start[0] & 0xf, final: (start[0] & 0x80) !== 0, payload };
    }

    /** All frames up to the end of the connection. */
    async rest() {
        const frames = [];
        for (;;) {
            const next = await this.nextFrame();
            if (next === undefined)
                return frames;
            frames.push(next);
        }
    }

    /** Ends our side as a peer that has said all. */
    end() {
        this.#socket.end();
    }

    destroy() {
        this.#socket.destroy();
    }
}

/** [type, text or bytes] of a frame, to compare with what a test expects. */
export function describe(received) {
    if (received === undefined)
        return ['end'];
    const { opcode, payload } = received;
    const names = { [TEXT]: 'text', [BINARY]: 'binary', [PING]: 'ping', [PONG]: 'pong' };
    if (opcode === CLOSE)
        return ['close', payload.length >= 2 ? payload.readUInt16BE() : undefined];
    if (!received.final || names[opcode] === undefined)
        return ['fragment', opcode];
    return [names[opcode], opcode === TEXT ? payload.toString('utf8') : payload.toString('hex')];
}

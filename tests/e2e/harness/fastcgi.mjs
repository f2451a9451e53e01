// A FastCGI client (FastCGI 1.0 specification, section 3), for what nginx would never do: hold
// connections idle on purpose, stop in the middle of a request, send garbage.

import { once } from 'node:events';
import net from 'node:net';

import { cgiVariables, parseCgiResponse } from './cgi.mjs';

const VERSION = 1;
/** Types of records. */
export const RECORD = {
    BEGIN_REQUEST: 1,
    ABORT_REQUEST: 2,
    END_REQUEST: 3,
    PARAMS: 4,
    STDIN: 5,
    STDOUT: 6,
    GET_VALUES: 9,
};
const ROLE_RESPONDER = 1;
const KEEP_CONNECTION = 1;
const REQUEST_ID = 1;
const HEADER_BYTES = 8;
const CONTENT_MAX_BYTES = 65_535;

export function record(type, content = Buffer.alloc(0), requestId = REQUEST_ID) {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt8(VERSION, 0);
    header.writeUInt8(type, 1);
    header.writeUInt16BE(requestId, 2);
    header.writeUInt16BE(content.length, 4);
    return Buffer.concat([header, content]);
}

/** A stream as records: the content in pieces, then the empty record that ends it. */
function stream(type, content) {
    const records = [];
    for (let at = 0; at < content.length; at += CONTENT_MAX_BYTES)
        records.push(record(type, content.subarray(at, at + CONTENT_MAX_BYTES)));
    return Buffer.concat([...records, record(type)]);
}

function pairLength(length) {
    if (length < 128)
        return Buffer.from([length]);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE((length | 0x80000000) >>> 0);
    return bytes;
}

function encodePairs(variables) {
    return Buffer.concat(Object.entries(variables).flatMap(([name, value]) => {
        const [nameBytes, valueBytes] = [Buffer.from(name), Buffer.from(value)];
        return [pairLength(nameBytes.length), pairLength(valueBytes.length), nameBytes, valueBytes];
    }));
}

/** The record that begins a request. */
export const beginRequest = (role = ROLE_RESPONDER) => record(RECORD.BEGIN_REQUEST,
    Buffer.from([role >> 8, role & 0xff, KEEP_CONNECTION, 0, 0, 0, 0, 0]));

/** The bytes of a request in two parts, to be sent together or with something in between.
 * `variables` are set as they are, over those that follow from the request. */
export function encodeFastcgiRequest({ variables: given = {}, ...request }) {
    const { variables, bytes = Buffer.alloc(0) } = cgiVariables(request);
    return {
        start: Buffer.concat([
            beginRequest(),
            stream(RECORD.PARAMS, encodePairs({ ...variables, ...given })),
        ]),
        body: stream(RECORD.STDIN, bytes),
    };
}

/** A kept connection to a program's socket; one request at a time. */
export class FastcgiConnection {
    static async open(path) {
        const socket = net.connect({ path, allowHalfOpen: true });
        await once(socket, 'connect');
        return new FastcgiConnection(socket);
    }

    #socket;
    #received = Buffer.alloc(0);

    constructor(socket) {
        this.#socket = socket;
        this.closed = new Promise((resolve) => socket.on('close', resolve));
        socket.on('data', (chunk) => {
            this.#received = Buffer.concat([this.#received, chunk]);
        });
        socket.on('error', () => {});
        socket.on('end', () => socket.destroy());
    }

    write(bytes) {
        this.#socket.write(bytes);
    }

    /** Tells the program that nothing more will come. */
    end() {
        this.#socket.end();
    }

    close() {
        this.#socket.destroy();
    }

    async request(request) {
        const { start, body } = encodeFastcgiRequest(request);
        this.write(Buffer.concat([start, body]));
        return this.answer();
    }

    /** The answer to what was written; rejects when the program closes before its end. */
    async answer() {
        const output = [];
        for (;;) {
            const { type, content } = await this.#nextRecord();
            if (type === RECORD.STDOUT)
                output.push(content);
            else if (type === RECORD.END_REQUEST)
                return parseCgiResponse(Buffer.concat(output));
        }
    }

    async #nextRecord() {
        const header = await this.#take(HEADER_BYTES);
        const content = await this.#take(header.readUInt16BE(4));
        await this.#take(header.readUInt8(6));
        return { type: header.readUInt8(1), content };
    }

    async #take(length) {
        while (this.#received.length < length) {
            if (this.#socket.destroyed)
                throw new Error('the program closed the connection in the middle of an answer');
            await Promise.race([once(this.#socket, 'data'), this.closed]);
        }
        const taken = this.#received.subarray(0, length);
        this.#received = this.#received.subarray(length);
        return taken;
    }
}

// HTTP without a helper in between that would repair what a test wants to send broken.

import { randomInt } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';

// A request that takes longer hangs, also on a machine that has much else to do.
const HANG_MS = 60_000;

/** What every front and every transport answers with. */
export function makeResponse(status, headers, bytes) {
    const text = bytes.toString('utf8');
    return {
        status,
        headers,
        text,
        /** The body as JSON; undefined when there is none. */
        get body() {
            return text === '' ? undefined : JSON.parse(text);
        },
    };
}

/** Turns what a test asks for into header fields and body bytes. An object is sent as JSON. */
export function encodeRequest({ token, headers = {}, body }) {
    const fields = { ...headers };
    if (token !== undefined)
        fields.authorization ??= `Bearer ${token}`;
    if (body === undefined)
        return { headers: fields, bytes: undefined };
    const isRaw = typeof body === 'string' || Buffer.isBuffer(body);
    const bytes = Buffer.from(isRaw ? body : JSON.stringify(body));
    fields['content-type'] ??= 'application/json';
    fields['content-length'] ??= bytes.length;
    return { headers: fields, bytes };
}

/** One request to a loopback port, from `localAddress` if given, or to `socketPath`; rejects when the
 * connection breaks before the answer is complete. `isSecure`: by TLS, of
 * localhost, whatever the certificate. */
export function sendRequest({
    port, socketPath, isSecure = false, agent, localAddress, method = 'GET', path, ...rest
}) {
    const { headers, bytes } = encodeRequest(rest);
    return new Promise((resolve, reject) => {
        const target = socketPath === undefined ? { host: '127.0.0.1', port, localAddress }
            : { socketPath };
        const request = (isSecure ? https : http).request(
            { ...target, servername: 'localhost', rejectUnauthorized: false, agent, method, path, headers, timeout: HANG_MS },
            (response) => {
                const chunks = [];
                response.on('data', (chunk) => chunks.push(chunk));
                response.on('error', reject);
                response.on('end', () =>
                    resolve(makeResponse(response.statusCode, response.headers,
                        Buffer.concat(chunks))));
            },
        );
        request.on('timeout', () =>
            request.destroy(new Error(`no answer to ${method} ${path} in ${HANG_MS} ms`)));
        request.on('error', reject);
        request.end(bytes);
    });
}

/**
 * Sends bytes as they are on a connection of their own and gives what came back until the peer
 * closed it: {status, text}; status is undefined when that was no HTTP answer. With `halfClose`
 * the sending side is closed after the bytes, as when they were cut off; a web server takes that
 * for a client that is gone, and may answer nothing.
 */
export function sendBytes(port, bytes, { halfClose = false } = {}) {
    return new Promise((resolve, reject) => {
        const chunks = [];
        const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true });
        const finish = () => {
            socket.destroy();
            const text = Buffer.concat(chunks).toString('latin1');
            const match = /^HTTP\/1\.[01] (\d{3})/.exec(text);
            resolve({ status: match ? Number(match[1]) : undefined, text });
        };
        socket.setTimeout(HANG_MS, () => {
            socket.destroy();
            reject(new Error(`the connection stayed open for ${HANG_MS} ms`));
        });
        socket.on('data', (chunk) => chunks.push(chunk));
        socket.on('end', finish);
        // A reset is an answer too: the server did not want to read the rest.
        socket.on('error', finish);
        socket.write(bytes);
        if (halfClose)
            socket.end();
    });
}

// Below what Linux gives to outgoing connections, of which tests that run beside this one make many.
const PORTS = { first: 10_000, end: 32_000 };

function canListen(port) {
    return new Promise((resolve) => {
        const server = net.createServer();
        server.on('error', () => resolve(false));
        server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
}

/** A loopback port that was free a moment ago. Any, so that two tests hardly get the same. */
export async function freePort() {
    for (;;) {
        const port = randomInt(PORTS.first, PORTS.end);
        if (await canListen(port))
            return port;
    }
}

/** Whether something accepts connections at this unix socket path or loopback port. */
export function isListening(address) {
    return new Promise((resolve) => {
        const target = typeof address === 'number' ? { host: '127.0.0.1', port: address }
            : { path: address };
        const socket = net.connect(target);
        socket.on('connect', () => resolve(socket.destroy() && true));
        socket.on('error', () => resolve(false));
    });
}

// A thread of strangers who open handshakes and say what they may, as fast as they are told: in a
// thread of its own, so that those who are measured beside them have theirs.

import http from 'node:http';
import { parentPort, Worker, workerData } from 'node:worker_threads';

import WebSocket from 'ws';

import { encodePart } from './token.mjs';

const QUERY = '/socket.io/?EIO=4&transport=polling';
const TICK_MS = 10;
// Of all together; a web server in front keeps fewer open.
const SOCKETS_MAX = 1000;
const PROXY_SOCKETS_MAX = 128;
const FRAMES = 300;

/** A server that answers whatever is asked: for strangers who are to load the machine alone. */
function openDecoy() {
    const server = http.createServer((request, response) => {
        request.resume();
        response.end('0{"sid":"decoy"}');
    });
    server.on('upgrade', (request, socket) => socket.destroy());
    return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

/**
 * Starts them: `addresses` many, `perSecond` requests together, at `port` from 127.66.x.y, or at
 * `socketPath` as a proxy that tells whose requests it passes on; without either, at a server that is
 * nobody's. `end` stops them, and gives how
 * many answers of each status there were.
 */
export function startStrangers(options) {
    const worker = new Worker(new URL(import.meta.url), { workerData: { isStrangers: true, ...options } });
    return {
        end: () => new Promise((resolve, reject) => {
            worker.on('error', reject);
            worker.on('message', (counts) => worker.terminate().then(() => resolve(counts)));
            worker.postMessage('end');
        }),
    };
}

class Strangers {
    counts = {};
    #stop = false;

    constructor({ port, socketPath, addresses, perSecond }) {
        this.port = port;
        this.socketPath = socketPath;
        this.perSecond = perSecond;
        const shared = new http.Agent({ keepAlive: true, maxSockets: PROXY_SOCKETS_MAX });
        this.agents = Array.from({ length: addresses }, (_, i) => {
            const address = `127.66.${1 + (i >> 7)}.${1 + (i & 127)}`;
            return { address, agent: socketPath ? shared : new http.Agent({ keepAlive: true,
                maxSockets: SOCKETS_MAX / addresses, localAddress: address }) };
        });
        this.turn = 0;
    }

    #count(what) {
        this.counts[what] = (this.counts[what] ?? 0) + 1;
    }

    #target({ address, agent }) {
        return this.socketPath
            ? { socketPath: this.socketPath, agent, headers: { 'x-forwarded-for': address } }
            : { host: '127.0.0.1', port: this.port, agent, localAddress: address, headers: {} };
    }

    #ask(who, method, path, body, then) {
        if (Object.values(who.agent.requests).flat().length > 100) {
            this.#count('not sent');
            return;
        }
        const target = this.#target(who);
        const request = http.request({ ...target, method, path, headers: { ...target.headers,
            ...(body ? { 'content-type': 'text/plain', 'content-length': body.length } : {}) } },
        (response) => {
            let text = '';
            this.#count(response.statusCode);
            response.on('data', (chunk) => { text += chunk; });
            response.on('end', () => then?.(text));
            response.on('error', () => {});
        });
        request.on('error', () => this.#count('broken'));
        request.end(body);
    }

    /** One of what strangers do; some of it is two requests. */
    #act(number) {
        const who = this.agents[number % this.agents.length];
        const kind = number % 10;
        if (kind === 9) {
            this.#flood(who);
            return;
        }
        this.#ask(who, 'GET', QUERY, undefined, (text) => {
            let sid;
            try {
                ({ sid } = JSON.parse(text.slice(1)));
            } catch {
                return; // refused
            }
            const session = `${QUERY}&sid=${sid}`;
            if (kind < 3)
                this.#ask(who, 'POST', session, `40/messaging,{"token":"${forgedToken()}"}`);
            else if (kind < 5)
                this.#ask(who, 'POST', session, Array(3000).fill('3').join('\x1e'));
            else if (kind < 6)
                this.#ask(who, 'POST', session, `40/messaging,{"token":"${'x'.repeat(16_000)}"}`);
            else if (kind < 7)
                this.#ask(who, 'GET', session);
        });
    }

    #flood({ address }) {
        const base = this.socketPath ? `ws+unix:${this.socketPath}:` : `ws://127.0.0.1:${this.port}`;
        const socket = new WebSocket(`${base}/socket.io/?EIO=4&transport=websocket`, {
            ...(this.socketPath ? { headers: { 'x-forwarded-for': address } } : { localAddress: address }),
        });
        socket.on('error', () => this.#count('broken'));
        socket.on('unexpected-response', (_, response) => this.#count(response.statusCode));
        socket.on('open', () => {
            this.#count(101);
            for (let i = 0; i < FRAMES; i++)
                socket.send(i % 2 ? '3' : '2');
            socket.send('40/messaging,{}');
        });
        setTimeout(() => socket.terminate(), 5000);
    }

    run() {
        const begin = performance.now();
        let done = 0;
        const timer = setInterval(() => {
            if (this.#stop) {
                clearInterval(timer);
                return;
            }
            const due = (performance.now() - begin) / 1000 * this.perSecond;
            // Some of it is two requests, on average 1.6.
            for (; done < due / 1.6; done++)
                this.#act(this.turn++);
        }, TICK_MS);
    }

    end() {
        this.#stop = true;
        return this.counts;
    }
}

const forgedToken = () => `${encodePart({ alg: 'HS256', typ: 'JWT' })}.${encodePart({ userId: 'x',
    role: 'salon', exp: 4102444800 })}.${'A'.repeat(43)}`;

if (workerData?.isStrangers) {
    const isAtNobody = workerData.port === undefined && workerData.socketPath === undefined;
    const strangers = new Strangers({ ...workerData, ...(isAtNobody && { port: await openDecoy() }) });
    strangers.run();
    parentPort.on('message', () => parentPort.postMessage(strangers.end()));
}

// A proxy that passes everything on, but may swallow what is in WebSockets: those that are open, or
// each one right after it has opened.

import { once } from 'node:events';
import net from 'node:net';

const UPGRADE = /^upgrade: *websocket/im;
const END_OF_HEAD = '\r\n\r\n';

export class SwallowingProxy {
    #server;
    #sockets = new Set();
    #isSwallowing = new Set();
    /** Every WebSocket that opens from now on. */
    swallowsNew = false;
    opened = 0;

    constructor(targetPort) {
        this.targetPort = targetPort;
    }

    async start() {
        this.#server = net.createServer((near) => this.#serve(near));
        this.#server.listen(0, '127.0.0.1');
        await once(this.#server, 'listening');
        this.port = this.#server.address().port;
        this.origin = `http://127.0.0.1:${this.port}`;
    }

    #serve(near) {
        const far = net.connect(this.targetPort, '127.0.0.1');
        const pair = { near, far, isWebSocket: false };
        this.#sockets.add(pair);
        for (const [one, other] of [[near, far], [far, near]]) {
            one.on('error', () => {});
            one.on('close', () => {
                other.destroy();
                this.#sockets.delete(pair);
            });
        }
        near.on('data', (chunk) => {
            if (this.#isSwallowing.has(pair))
                return;
            pair.isWebSocket ||= UPGRADE.test(chunk.toString('latin1'));
            far.write(chunk);
        });
        far.on('data', (chunk) => this.#pass(pair, chunk));
    }

    #pass(pair, chunk) {
        if (this.#isSwallowing.has(pair))
            return;
        if (!pair.isWebSocket || pair.isOpen) {
            pair.near.write(chunk);
            return;
        }
        const end = chunk.indexOf(END_OF_HEAD);
        pair.isOpen = true;
        this.opened++;
        if (!this.swallowsNew || end < 0) {
            pair.near.write(chunk);
            return;
        }
        pair.near.write(chunk.subarray(0, end + END_OF_HEAD.length));
        this.#isSwallowing.add(pair);
    }

    /** From now on nothing comes through those that are open. */
    swallow() {
        for (const pair of this.#sockets)
            if (pair.isWebSocket)
                this.#isSwallowing.add(pair);
    }

    async stop() {
        for (const { near, far } of this.#sockets) {
            near.destroy();
            far.destroy();
        }
        this.#server.close();
        await once(this.#server, 'close');
    }
}

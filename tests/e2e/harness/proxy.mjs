// A TCP proxy that breaks connections in the middle of anything.

import net from 'node:net';

export class CuttingProxy {
    #server;
    #sockets = new Set();

    constructor(targetPort, random) {
        this.targetPort = targetPort;
        this.random = random;
        this.cuts = 0;
        this.isCutting = true;
    }

    async start() {
        this.#server = net.createServer((socket) => this.#serve(socket));
        await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
        this.port = this.#server.address().port;
    }

    /** Passes bytes on in both directions; now and then a connection gets a number of bytes after
     * which it breaks. */
    #serve(socket) {
        const upstream = net.connect({ host: '127.0.0.1', port: this.targetPort });
        let left = this.isCutting && this.random.fraction() < 0.5
            ? 1 + this.random.below(20_000) : Infinity;
        const cut = () => {
            socket.destroy();
            upstream.destroy();
        };
        const pass = (from, to) => from.on('data', (chunk) => {
            to.write(chunk.length < left ? chunk : chunk.subarray(0, left));
            left -= chunk.length;
            if (left <= 0) {
                this.cuts++;
                setImmediate(cut);
            }
        });
        for (const one of [socket, upstream]) {
            this.#sockets.add(one);
            one.on('error', cut);
            one.on('close', () => {
                this.#sockets.delete(one);
                cut();
            });
        }
        pass(socket, upstream);
        pass(upstream, socket);
    }

    /** Breaks one of the connections there are. */
    cutOne() {
        const sockets = [...this.#sockets];
        if (sockets.length === 0)
            return;
        this.cuts++;
        this.random.pick(sockets).destroy();
    }

    async stop() {
        for (const socket of this.#sockets)
            socket.destroy();
        await new Promise((resolve) => this.#server.close(resolve));
    }
}

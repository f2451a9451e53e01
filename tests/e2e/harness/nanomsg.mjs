// The receiving end of nanomsg's PUSH/PULL over ipc, as a broker binds it, in as much of its wire
// protocol as it takes (the draft "SP over TCP", with a type byte before each length for ipc).

import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import net from 'node:net';

const PROTOCOL_PULL = 0x51;
// Zero, "SP", version 0, the protocol's number, two reserved bytes.
const HANDSHAKE = Buffer.from([0, 0x53, 0x50, 0, 0, PROTOCOL_PULL, 0, 0]);
const FRAME_HEADER_BYTES = 9; // type 1, then the length in 64 bits

export class NanomsgPull {
    /** What has arrived, each message as text. */
    messages = [];
    #sockets = new Set();

    static async listen(path) {
        const pull = new NanomsgPull();
        pull.server = net.createServer((socket) => pull.#take(socket));
        pull.path = path;
        pull.server.listen(path);
        await once(pull.server, 'listening');
        chmodSync(path, 0o666); // a web server runs the programs as another user
        return pull;
    }

    #take(socket) {
        let received = Buffer.alloc(0);
        let isIntroduced = false;
        this.#sockets.add(socket);
        socket.on('close', () => this.#sockets.delete(socket));
        socket.on('error', () => {});
        socket.write(HANDSHAKE);
        socket.on('data', (chunk) => {
            received = Buffer.concat([received, chunk]);
            if (!isIntroduced && received.length >= HANDSHAKE.length) {
                isIntroduced = true;
                received = received.subarray(HANDSHAKE.length);
            }
            if (isIntroduced)
                received = this.#takeFrames(received);
        });
    }

    /** Takes the complete messages off the front; gives what is left. */
    #takeFrames(bytes) {
        let rest = bytes;
        while (rest.length >= FRAME_HEADER_BYTES) {
            const end = FRAME_HEADER_BYTES + Number(rest.readBigUInt64BE(1));
            if (rest.length < end)
                break;
            this.messages.push(rest.toString('utf8', FRAME_HEADER_BYTES, end));
            rest = rest.subarray(end);
        }
        return rest;
    }

    async close() {
        for (const socket of this.#sockets)
            socket.destroy();
        this.server.close();
        await once(this.server, 'close');
        rmSync(this.path, { force: true });
    }
}

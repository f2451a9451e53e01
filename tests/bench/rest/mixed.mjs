// Everybody writes at once: two programs and the broker, each with clients that send the next as
// soon as the last is acknowledged.

import { join } from 'node:path';

import WebSocket from 'ws';

import { casesFor, subjectTargets } from './cases.mjs';
import { conversationId, writtenConversations } from './dataset.mjs';
import { load, writeTargets } from './load.mjs';
import { salonToken } from './web.mjs';

export const MIXED = {
    key: 'mixed',
    title: 'durable writes, 32 at once, while 8 sockets send and 8 connections change subjects',
};
const WRITERS = 32;
const SUBJECT_WRITERS = 8;
const SOCKETS = 8;
const US_PER_MS = 1000;
const NAMESPACE = '/messaging';

/** A client of the broker that sends messages one after the other (Socket.IO 5 over WebSocket). */
class Sender {
    count = 0;
    #number = 0;

    constructor(port, conversation) {
        this.conversation = conversation;
        this.socket = new WebSocket(
            `ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
        this.failed = new Promise((_, reject) => {
            this.socket.on('error', reject);
            this.socket.on('close', () => reject(new Error('the broker closed a socket')));
        });
        this.failed.catch(() => {});
        this.socket.on('message', (data) => this.#take(`${data}`));
    }

    #take(packet) {
        if (packet.startsWith('0'))
            this.socket.send(`40${NAMESPACE},${JSON.stringify({ token: salonToken() })}`);
        else if (packet === '2')
            this.socket.send('3');
        else if (packet.startsWith(`40${NAMESPACE},`))
            this.#send();
        else if (packet.startsWith(`43${NAMESPACE},`))
            this.#acknowledge(packet);
    }

    #send() {
        const payload = { conversationId: this.conversation,
            content: `Bonjour par socket, message numéro ${this.#number}.` };
        this.socket.send(`42${NAMESPACE},${this.#number++}${
            JSON.stringify(['send-message', payload])}`);
    }

    #acknowledge(packet) {
        if (!packet.includes('"status":"ok"'))
            this.socket.emit('error', new Error(`a message was refused: ${packet}`));
        else {
            this.count++;
            this.#send();
        }
    }

    close() {
        this.socket.removeAllListeners('close');
        this.socket.terminate();
    }
}

/** {p50, p99 of the first program's writes, and how many each did a second}. */
export async function measureMixed(site, size, seconds) {
    const { targets } = casesFor(size, [WRITERS]).at(-1);
    const messages = writeTargets(join(site.folder, 'mixed-messages'), targets(size));
    const subjects = writeTargets(join(site.folder, 'mixed-subjects'), subjectTargets(size));
    const senders = writtenConversations(size).slice(0, SOCKETS)
        .map((index) => new Sender(site.port, conversationId(index)));
    try {
        const all = Promise.all([
            load({ port: site.port, file: messages, connections: WRITERS, seconds }),
            load({ port: site.port, file: subjects, connections: SUBJECT_WRITERS, seconds }),
        ]);
        const [written, changed] = await Promise.race(
            [all, ...senders.map(({ failed }) => failed)]);
        return {
            perSecond: written.perSecond,
            p50: written.p50 / US_PER_MS,
            p99: written.p99 / US_PER_MS,
            subjects: changed.perSecond,
            sockets: senders.reduce((sum, { count }) => sum + count, 0) / written.seconds,
        };
    } finally {
        for (const sender of senders)
            sender.close();
    }
}

export const MIXED_COLUMNS = [
    { key: 'perSecond', title: 'messages/s', digits: 0 },
    { key: 'p50', title: 'p50 ms', digits: 2 },
    { key: 'p99', title: 'p99 ms', digits: 2 },
    { key: 'sockets', title: 'by socket/s', digits: 0 },
    { key: 'subjects', title: 'subjects/s', digits: 0 },
];

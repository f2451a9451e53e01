// The official clients, unmodified, against the echo server: what a browser will do.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { after, describe as group, test as nodeTest } from 'node:test';

import { startCalmServer, startPatientServer } from './harness/server.mjs';

const HANG_MS = 20_000;
const test = (name, run) => nodeTest(name, { timeout: HANG_MS }, run);

// The packages are installed beside the end-to-end tests.
const require = createRequire(new URL('../e2e/package.json', import.meta.url));
const { Socket: EngineSocket } = require('engine.io-client');
const { WebSocket } = require('ws');

// Node 18 runs no hooks outside of groups: the servers start here, and end in the last test.
const server = await startCalmServer();
const quickServer = await startPatientServer();

const TRANSPORTS = [['websocket'], ['polling'], ['polling', 'websocket']];

for (const version of ['', '-4.5', '-4.0']) {
    const { io } = require(`socket.io-client${version}`);

    for (const transports of TRANSPORTS) {
        group(`socket.io-client${version} over ${transports.join(' and ')}`, () => {
            const opened = [];
            const connect = (name, auth, { port } = server) => {
                const socket = io(`http://127.0.0.1:${port}${name}`,
                    { transports, auth, forceNew: true, reconnectionDelay: 10 });
                opened.push(socket);
                return socket;
            };
            after(() => opened.forEach((socket) => socket.disconnect()));

            test('connects with its auth object', async () => {
                const socket = connect('/custom', { token: 'Bearer abc' });
                const [auth] = await new Promise((resolve) => {
                    socket.on('auth', (...received) => resolve(received));
                });
                assert.deepEqual(auth, { token: 'Bearer abc' });
                assert.ok(socket.id);
            });

            test('sends and receives events in order, also binary ones', async () => {
                const socket = connect('/');
                const received = [];
                const all = new Promise((resolve) => {
                    socket.on('message-back', (...values) => {
                        received.push(values);
                        if (received.length === 300)
                            resolve();
                    });
                });
                const sent = Array.from({ length: 300 }, (_, i) => [i, `é😀${i}`,
                    { deep: [{ bytes: Buffer.from([i & 0xff]) }], none: null }]);
                sent.forEach((values) => socket.emit('message', ...values));
                await all;
                assert.deepEqual(received, sent);
            });

            test('is acknowledged', async () => {
                const socket = connect('/');
                const answer = await new Promise((resolve) => {
                    socket.emit('message-with-ack', 'one', Buffer.from([2]), { 3: true },
                        (...values) => resolve(values));
                });
                assert.deepEqual(answer, ['one', Buffer.from([2]), { 3: true }]);
            });

            test('stays for several heartbeats', async () => {
                const socket = connect('/', {}, quickServer);
                await once(socket, 'connect');
                let pings = 0;
                await new Promise((resolve, reject) => {
                    socket.on('disconnect', reject);
                    socket.io.engine.on('packet', ({ type }) => {
                        if (type === 'ping' && ++pings === 4)
                            resolve();
                    });
                });
                socket.off('disconnect');
                assert.equal(socket.io.engine.transport.name, transports.at(-1));
            });

            test('is told about a namespace that is not there', async () => {
                const socket = connect('/none');
                const [error] = await once(socket, 'connect_error');
                assert.equal(error.message, 'Invalid namespace');
            });

            test('comes back by itself when its connection breaks', async () => {
                const socket = connect('/');
                await once(socket, 'connect');
                const first = socket.id;
                const again = once(socket, 'disconnect').then(() => once(socket, 'connect'));
                socket.io.engine.close();
                await again;
                assert.notEqual(socket.id, first);
            });

            test('leaves one namespace and stays in the other', async () => {
                const manager = connect('/').io;
                const other = manager.socket('/custom');
                opened.push(other);
                await once(other, 'connect');
                other.disconnect();
                const main = manager.socket('/');
                const answer = new Promise((resolve) => {
                    main.emit('message-with-ack', 1, resolve);
                });
                assert.equal(await answer, 1);
                other.connect();
                await once(other, 'connect');
            });
        });
    }
}

group('engine.io-client', () => {
    for (const transports of TRANSPORTS) {
        test(`echoes over ${transports.join(' and ')}`, async () => {
            const socket = new EngineSocket(`ws://127.0.0.1:${server.port}/engine.io/`,
                { transports, autoUnref: false });
            const sent = ['text', 'é😀', Buffer.from([0, 1, 255]), 'x'.repeat(100_000)];
            const received = [];
            const all = new Promise((resolve, reject) => {
                socket.on('error', reject);
                socket.on('message', (data) => {
                    received.push(data);
                    if (received.length === 2 * sent.length)
                        resolve();
                });
            });
            await once(socket, 'open');
            sent.forEach((data) => socket.send(data));
            if (transports.length > 1)
                await once(socket, 'upgrade');
            sent.forEach((data) => socket.send(data));
            await all;
            assert.deepEqual(received, [...sent, ...sent]);
            assert.equal(socket.transport.name, transports.at(-1));
            const closed = once(socket, 'close');
            socket.close();
            await closed;
        });
    }
});

group('ws', () => {
    test('echoes, pings and closes', async () => {
        const socket = new WebSocket(`ws://127.0.0.1:${server.port}/echo`);
        await once(socket, 'open');
        assert.equal(socket.extensions, '', 'no compression is agreed on');
        socket.send('text');
        const [text, isBinary] = await once(socket, 'message');
        assert.deepEqual([text.toString(), isBinary], ['text', false]);
        socket.ping('hello');
        assert.equal((await once(socket, 'pong'))[0].toString(), 'hello');
        socket.close(3000, 'done');
        const [code] = await once(socket, 'close');
        assert.equal(code, 3000);
    });
});

test('the servers end well', async () => {
    await server.stop();
    await quickServer.stop();
});

// What other people's clients do: where they put the token, how they write the path, which namespaces
// they open.

import assert from 'node:assert/strict';
import { once } from 'node:events';

import { io, Manager } from 'socket.io-client';
import WebSocket from 'ws';

import { describeBroker, NAMESPACE, TRANSPORTS } from '../harness/broker.mjs';
import { until } from '../harness/conditions.mjs';
import { sendRequest } from '../harness/http.mjs';
import { openConversation, send } from '../harness/people.mjs';

const QUERY = '?EIO=4&transport=polling';

describeBroker('the token', {}, ({ stack, test }) => {
    /** Connects with that header and auth; gives {sid} or {error, reason}. */
    async function connect(header, auth, transports) {
        const socket = io(`http://127.0.0.1:${stack.port}${NAMESPACE}`, {
            auth, transports, forceNew: true, extraHeaders: header && { Authorization: header },
        });
        try {
            return await Promise.race([
                once(socket, 'connect').then(() => ({ sid: socket.id })),
                once(socket, 'connect_error').then(([{ message, data }]) =>
                    ({ error: message, reason: data?.reason })),
            ]);
        } finally {
            socket.close();
        }
    }

    for (const [name, transports] of Object.entries(TRANSPORTS))
        test(`is also taken from the handshake's header, and auth.token wins (${name})`, async () => {
            const { token } = await stack.knownPerson('salon');
            const bad = `${token}x`;
            for (const [header, auth] of [
                [`Bearer ${token}`, undefined],
                [`bearer ${token}`, {}],
                [token, { token: null }],
                [`Bearer ${token}`, { token: '' }],
                [`Bearer ${bad}`, { token }],
                ['Basic YTpi', { token: `Bearer ${token}` }],
            ])
                assert.ok((await connect(header, auth, transports)).sid, `${header} ${auth}`);
            for (const [header, auth, reason] of [
                [undefined, {}, 'missing'],
                ['Basic YTpi', {}, 'missing'],
                ['Bearer nonsense', {}, 'malformed'],
                [`Bearer ${token}`, { token: bad }, 'signature'],
            ])
                assert.deepEqual(await connect(header, auth, transports),
                    { error: 'Unauthorized', reason });
        });

    test('of the header is there for each CONNECT of the connection', async () => {
        const { token } = await stack.knownPerson('salon');
        const socket = io(`http://127.0.0.1:${stack.port}${NAMESPACE}`,
            { forceNew: true, extraHeaders: { Authorization: `Bearer ${token}` } });
        for (let i = 0; i < 3; i++) {
            await once(socket, 'connect');
            const again = once(socket, 'disconnect');
            if (i < 2)
                socket.disconnect().connect();
            else
                socket.disconnect();
            await again;
        }
    });
});

for (const front of ['nginx', undefined])
    describeBroker(`the path without its slash, ${front ?? 'of the broker itself'}`, { front: 'nginx' },
        ({ stack, test }) => {
            const target = () => front ? { port: stack.port } : { socketPath: stack.brokerSocket };

            test('opens a session, which lives by it', async () => {
                const ask = (query, options) => sendRequest(
                    { ...target(), path: `/socket.io${query}`, ...options });
                const { status, text } = await ask(QUERY);
                assert.equal(status, 200);
                const { sid } = JSON.parse(text.slice(1));
                const { token } = await stack.knownPerson('salon');
                const posted = await ask(`${QUERY}&sid=${sid}`, { method: 'POST',
                    headers: { 'content-type': 'text/plain' },
                    body: `40${NAMESPACE},${JSON.stringify({ token })}` });
                assert.equal(posted.text, 'ok');
                assert.match((await ask(`${QUERY}&sid=${sid}`)).text, /^40\/messaging,/);
            });

            test('takes a WebSocket', async () => {
                const base = front ? `ws://127.0.0.1:${stack.port}` : `ws+unix:${stack.brokerSocket}:`;
                const socket = new WebSocket(`${base}/socket.io?EIO=4&transport=websocket`);
                const [open] = await once(socket, 'message');
                assert.match(`${open}`, /^0\{"sid"/);
                socket.terminate();
            });
        });

describeBroker('the official client without the slash', {}, ({ stack, test }) => {
    test('connects and upgrades', async () => {
        const { token } = await stack.knownPerson('salon');
        const socket = io(`http://127.0.0.1:${stack.port}${NAMESPACE}`,
            { auth: { token }, forceNew: true, addTrailingSlash: false });
        await once(socket, 'connect');
        await until('it has upgraded', () => socket.io.engine.transport.name === 'websocket');
        socket.close();
    });
});

describeBroker('the namespace /', {}, ({ stack, test }) => {
    for (const [name, transports] of Object.entries(TRANSPORTS))
        test(`is open beside ours on one transport, and silent (${name})`, async () => {
            const { salon, client } = await stack.salonAndClient();
            const { id } = await openConversation(salon, client);
            const manager = new Manager(`http://127.0.0.1:${stack.port}`, { transports });
            const root = manager.socket('/', { auth: { token: client.token } });
            const heard = [];
            root.onAny((event) => heard.push(event));
            const ours = manager.socket(NAMESPACE, { auth: { token: client.token } });
            const events = [];
            ours.onAny((event) => events.push(event));
            await until('both are connected', () => root.connected && ours.connected);
            root.emit('join-conversation', { conversationId: id });
            ours.emit('join-conversation', { conversationId: id });
            await until('it is joined', () => events.includes('conversation-history'));
            await send(salon, id);
            await until('the message has come', () => events.includes('new-message'));
            assert.deepEqual(heard, []);
            ours.disconnect();
            root.emit('anything');
            await until('the other is gone', async () => await stack.metric('users') === 0
                || await stack.metric('memberships') === 0);
            assert.ok(root.connected);
            manager._close();
        });

    test('wants a token', async () => {
        const root = new Manager(`http://127.0.0.1:${stack.port}`).socket('/', { auth: { token: 'x' } });
        const [error] = await once(root, 'connect_error');
        assert.equal(error.message, 'Unauthorized');
        root.close();
    });
});

describeBroker('sub-protocols', {}, ({ stack, test }) => {
    test('that are asked for are answered, also in an upgrade', async () => {
        const { client } = await stack.salonAndClient();
        for (const transports of Object.values(TRANSPORTS)) {
            const socket = io(`http://127.0.0.1:${stack.port}${NAMESPACE}`, { transports,
                auth: { token: client.token }, forceNew: true, protocols: ['chat', 'v2'] });
            await once(socket, 'connect');
            if (transports === undefined)
                await until('it has upgraded', () => socket.io.engine.transport.name === 'websocket');
            assert.equal(socket.connected, true);
            socket.close();
        }
    });
});

// Each limit of the broker, and that what is beyond it is refused in the way that the client
// can cope with.

import assert from 'node:assert/strict';
import { once } from 'node:events';

import WebSocket from 'ws';

import { describeBroker, NAMESPACE } from '../harness/broker.mjs';
import { until } from '../harness/conditions.mjs';
import { openConversation, PICTURE } from '../harness/people.mjs';

const HANDSHAKE = '/socket.io/?EIO=4&transport=polling';

async function openPair(stack) {
    const { salon, client } = await stack.salonAndClient();
    const { id } = await openConversation(salon, client);
    return { id, salon, client };
}

/** A WebSocket that speaks by hand, connected as the person. */
async function openRaw(stack, person) {
    const socket = new WebSocket(
        `ws://127.0.0.1:${stack.port}/socket.io/?EIO=4&transport=websocket`);
    await once(socket, 'open');
    if (person) {
        const connected = new Promise((resolve) => socket.on('message', (data) =>
            `${data}`.startsWith(`40${NAMESPACE}`) && resolve()));
        socket.send(`40${NAMESPACE},${JSON.stringify({ token: person.token })}`);
        await connected;
    }
    return socket;
}

describeBroker('connections in all', { config: { broker: { max_connections: 2 } } },
    ({ stack, test }) => {
        test('are refused with 503 at the handshake, and the client tries again', async () => {
            const { salon, client } = await openPair(stack);
            const tabs = [await stack.openTab(salon), await stack.openTab(client)];
            assert.equal((await stack.request({ path: HANDSHAKE })).status, 503);
            const third = stack.tab(salon);
            third.socket.connect();
            await until('it was refused', () => third.errors.length > 0);
            tabs[1].close();
            await until('it is let in', () => third.connects.length > 0);
            [tabs[0], third].forEach((tab) => tab.close());
        });
    });

describeBroker('connections of one user', { config: { broker: { max_connections_per_user: 2 } } },
    ({ stack, test }) => {
        test('are cut off, and the client tries again', async () => {
            const { salon, client } = await openPair(stack);
            const tabs = [await stack.openTab(salon), await stack.openTab(salon)];
            // Over a WebSocket alone: cut off in the middle of an upgrade, the official client
            // only notices by its heartbeat.
            const third = stack.tab(salon, { transports: ['websocket'] });
            third.socket.connect();
            let cuts = 0;
            third.socket.io.on('close', () => { cuts++; });
            await until('it was cut off twice', () => cuts >= 2);
            assert.equal(third.connects.length, 0);
            (await stack.openTab(client)).close();
            tabs[0].close();
            await until('it is let in', () => third.connects.length > 0);
            [tabs[1], third].forEach((tab) => tab.close());
        });
    });

describeBroker('connections of one address',
    { config: { broker: { max_connections_per_address: 2, trust_forwarded_for: true } } },
    ({ stack, test }) => {
        test('are refused with 503, whatever the client claims', async () => {
            for (const status of [200, 200, 503]) {
                const answer = await stack.request(
                    { path: HANDSHAKE, headers: { 'x-forwarded-for': `10.0.0.${status}` } });
                assert.equal(answer.status, status);
            }
        });
    });

describeBroker('time to connect', { config: { broker: { connect_timeout_ms: 200 } } },
    ({ stack, test }) => {
        test('a connection without a user is closed', async () => {
            const socket = await openRaw(stack);
            await once(socket, 'close');
        });
    });

describeBroker('event rate', { config: { broker: { events_per_second: 1, event_burst: 20 } } },
    ({ stack, test }) => {
        test('a burst passes, more is refused with the time to wait, and passes then', async () => {
            const { id, salon } = await openPair(stack);
            const tab = await stack.openTab(salon);
            const ask = () => tab.ask('user-stopped-typing', { conversationId: id });
            const answers = await Promise.all(Array.from({ length: 30 }, ask));
            const refused = answers.filter(({ status }) => status === 'error');
            assert.ok(answers.slice(0, 20).every(({ status }) => status === 'ok'));
            assert.ok(refused.length >= 5);
            assert.ok(refused.every(({ retryAfter }) => retryAfter >= 1));
            assert.ok(tab.all('error').every(({ retryAfter }) => retryAfter >= 1));
            assert.equal(tab.all('error').length, refused.length);
            await until('one is accepted again', async () => (await ask()).status === 'ok');
            tab.close();
        });
    });

describeBroker('the default event rate', {}, ({ stack, test }) => {
    test('lets a burst of 200 pass', async () => {
        const { id, salon } = await openPair(stack);
        const tab = await stack.openTab(salon);
        const answers = await Promise.all(Array.from({ length: 200 }, () =>
            tab.ask('user-stopped-typing', { conversationId: id })));
        assert.ok(answers.every(({ status }) => status === 'ok'));
        tab.close();
    });
});

describeBroker('the size of an event', {}, ({ stack, test }) => {
    for (const transports of [['websocket'], ['polling']])
        test(`is 256 KiB at most; nobody is cut off for it (${transports})`, async () => {
            const { id, salon } = await openPair(stack);
            const tab = await stack.openTab(salon, { transports });
            const ask = (fields) => tab.ask('send-message', { conversationId: id, ...fields });
            // The longest message that there is, as JSON.stringify writes it.
            const url = `https://files.example/${'%C3%A9'.repeat(300)}`;
            const { message } = await tab.do('send-message', {
                conversationId: id,
                content: '😀'.repeat(10_000),
                attachments: Array.from({ length: 5 }, () =>
                    ({ ...PICTURE, fileName: '😀'.repeat(255), fileUrl: url })),
            });
            assert.equal(message.attachments.length, 5);
            for (const fields of [
                { content: 'x'.repeat(256 * 1024) },
                { content: 'x', padding: Array(100_000).fill({}) },
                { content: 'x', attachments: [Buffer.alloc(200_000), Buffer.alloc(200_000)] },
            ])
                assert.match(await tab.refused('send-message', { conversationId: id, ...fields }),
                    /262144 octets/);
            for (const attachments of [Array(50_000).fill({}), Array(1_000).fill([0])])
                assert.match((await ask({ content: 'x', attachments })).message, /1000 valeurs/);
            const deep = JSON.parse(`${'['.repeat(1_000)}${']'.repeat(1_000)}`);
            assert.match((await ask({ content: 'x', attachments: deep })).message, /32 niveaux/);
            // What nobody reads may be anything.
            assert.equal((await ask({ content: 'x', padding: Array(50_000).fill({}) })).status, 'ok');
            assert.equal(tab.reason, undefined);
            tab.close();
        });
});

describeBroker('rooms of one socket', { config: { broker: { max_rooms_per_socket: 2 } } },
    ({ stack, test }) => {
        test('one more is refused, until one is left', async () => {
            const { id, salon, client } = await openPair(stack);
            const second = (await openConversation(salon, client)).id;
            const third = (await openConversation(salon, client)).id;
            const tab = await stack.openTab(salon);
            await tab.join(id);
            await tab.join(second);
            await tab.join(second);
            assert.match(await tab.refused('join-conversation', { conversationId: third }), /Trop/);
            await tab.do('leave-conversation', { conversationId: id });
            await tab.join(third);
            tab.close();
        });
    });

describeBroker('output of one socket', { config: { broker: { max_output_bytes: 65536 } } },
    ({ stack, test }) => {
        test('who does not read is cut off; others go on', async () => {
            const { id, salon, client } = await openPair(stack);
            const writer = await stack.openTab(salon);
            await writer.join(id);
            const stuck = new WebSocket(
                `ws+unix://${stack.brokerSocket}:/socket.io/?EIO=4&transport=websocket`);
            await once(stuck, 'open');
            let received = '';
            stuck.on('message', (data) => { received += data; });
            stuck.send(`40${NAMESPACE},${JSON.stringify({ token: client.token })}`);
            await until('connected', () => received.includes(`40${NAMESPACE}`));
            stuck.send(`42${NAMESPACE},["join-conversation",{"conversationId":"${id}"}]`);
            await writer.next('user-joined', ({ userId }) => userId === client.id);
            stuck.pause();
            const content = 'x'.repeat(9000);
            await until('it was cut off', async () => {
                await writer.ask('send-message', { conversationId: id, content });
                return await stack.metric('slow_consumers_total') === 1;
            });
            await writer.do('user-stopped-typing', { conversationId: id });
            stuck.terminate();
            writer.close();
        });
    });

describeBroker('origins and other headers', {}, ({ stack, test }) => {
    const tryPolling = async (headers) => (await stack.request({ path: HANDSHAKE, headers })).status;
    const tryWebSocket = (options) => new Promise((resolve) => {
        const socket = new WebSocket(
            `ws://127.0.0.1:${stack.port}/socket.io/?EIO=4&transport=websocket`, options);
        socket.on('open', () => { socket.terminate(); resolve(101); });
        socket.on('unexpected-response', (_, response) => resolve(response.statusCode));
        socket.on('error', () => {});
    });

    test('only those of FRONTEND_URL, the own host, or none', async () => {
        const good = [undefined, stack.origins[0], stack.origins[1], `http://127.0.0.1:${stack.port}`];
        const bad = ['https://evil.example', 'null', `${stack.origins[0]}.evil.example`,
            'http://127.0.0.1:1'];
        for (const origin of good) {
            assert.equal(await tryPolling(origin ? { origin } : {}), 200, origin);
            assert.equal(await tryWebSocket(origin ? { origin } : {}), 101, origin);
        }
        for (const origin of bad) {
            assert.equal(await tryPolling({ origin }), 403, origin);
            assert.equal(await tryWebSocket({ origin }), 403, origin);
        }
    });

    test('cookies of the same host, as many as nginx takes, keep nobody out', async () => {
        const cookie = `session=${'x'.repeat(7500)}`;
        assert.equal(await tryPolling({ cookie }), 200);
        assert.equal(await tryWebSocket({ headers: { cookie } }), 101);
    });
});

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

/** Connects; gives the tab when it has been told that it is one too many. */
async function openSurplus(stack, person, code, options) {
    const tab = stack.tab(person, options);
    tab.socket.connect();
    const { message } = await tab.next('error', (error) => error.code === code);
    assert.ok(message);
    assert.equal(tab.connects.length, 1);
    return tab;
}

describeBroker('connections in all', { config: { broker: { max_connections: 2 } } },
    ({ stack, test }) => {
        test('no handshake is refused; one too many is told so', async () => {
            const { salon, client } = await openPair(stack);
            const tabs = [await stack.openTab(salon), await stack.openTab(client)];
            for (let i = 0; i < 10; i++)
                assert.equal((await stack.request({ path: HANDSHAKE })).status, 200);
            tabs.push(await openSurplus(stack, salon, 'overloaded'));
            tabs[1].close();
            await until('there is a place', async () =>
                await stack.metric('users') === 1);
            tabs.push(await stack.openTab(client));
            tabs.forEach((tab) => tab.close());
        });
    });

describeBroker('connections of one user', { config: { broker: { max_connections_per_user: 2 } } },
    ({ stack, test }) => {
        const SURPLUS_MS = 30_000;

        test('one too many is answered, told why, and closed after 30 s', async () => {
            const { id, salon, client } = await openPair(stack);
            const tabs = [await stack.openTab(salon), await stack.openTab(salon)];
            const begin = performance.now();
            const surplus = await Promise.all([undefined, ['websocket'], ['polling']].map(
                (transports) => openSurplus(stack, salon, 'too_many_connections', { transports })));
            for (const tab of surplus) {
                const answer = await tab.ask('join-conversation', { conversationId: id });
                assert.equal(answer.status, 'error');
                assert.match(answer.message, /Trop de connexions/);
            }
            (await stack.openTab(client)).close();
            tabs[0].close();
            await until('one that was closed is let in', () => surplus.some((tab) =>
                tab.all('unread-count-updated').length > 0));
            assert.ok(performance.now() - begin > SURPLUS_MS - 1000);
            await until('all have come back', () => surplus.every((tab) => tab.connects.length >= 2));
            assert.ok(surplus.every((tab) => tab.connects.length === 2));
            assert.ok(surplus.every((tab) => tab.errors.length === 0));
            assert.ok(surplus.every((tab) => tab.reason.startsWith('transport')));
            [...tabs, ...surplus].forEach((tab) => tab.close());
        });
    });

describeBroker('connections of one address',
    { config: { broker: { max_connections_per_address: 2 } } }, ({ stack, test }) => {
        test('are refused, and make room before a front-end gives up', async () => {
            const sockets = [await openRaw(stack), await openRaw(stack)];
            for (let i = 0; i < 3; i++)
                assert.equal((await stack.request({ path: HANDSHAKE })).status, 503);
            sockets.push(await openRaw(stack));
            await until('the first one has gone', () => sockets[0].readyState === WebSocket.CLOSED);
            assert.deepEqual(sockets.slice(1).map(({ readyState }) => readyState),
                [WebSocket.OPEN, WebSocket.OPEN]);
            sockets.forEach((socket) => socket.terminate());
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

describeBroker('one person', { config: { broker: { events_per_second: 1, event_burst: 100 } } },
    ({ stack, test }) => {
        /** How many of `count` events are taken; of those, `tell` says which the socket gets. */
        async function flood(tab, count, ...event) {
            const answers = await Promise.all(Array.from({ length: count }, () => tab.ask(...event)));
            return answers.filter(({ retryAfter }) => retryAfter === undefined).length;
        }

        /** Runs `body`, and checks that no more than the one burst was taken meanwhile. */
        async function assertOneBudget(body) {
            const begin = performance.now();
            const taken = await body();
            const refilled = Math.ceil((performance.now() - begin) / 1000) + 1;
            assert.ok(taken >= 100 && taken <= 100 + refilled, `${taken} in ${refilled} s`);
        }

        for (const transports of [['websocket'], ['polling']])
            test(`has one budget over DISCONNECT and CONNECT (${transports})`, async () => {
                const { id, salon } = await openPair(stack);
                await assertOneBudget(async () => {
                    let taken = 0;
                    for (let i = 0; i < 4; i++) {
                        const tab = await stack.openTab(salon, { transports });
                        taken += await flood(tab, 60, 'user-stopped-typing', { conversationId: id });
                        tab.close();
                    }
                    return taken;
                });
            });

        test('has one budget over all sockets', async () => {
            const { id, salon, client } = await openPair(stack);
            const tabs = await Promise.all(Array.from({ length: 10 }, () => stack.openTab(salon)));
            await assertOneBudget(async () => (await Promise.all(tabs.map((tab) =>
                flood(tab, 30, 'user-stopped-typing', { conversationId: id }))))
                .reduce((sum, one) => sum + one, 0));
            const other = await stack.openTab(client);
            assert.equal(await flood(other, 50, 'user-stopped-typing', { conversationId: id }), 50);
            [...tabs, other].forEach((tab) => tab.close());
        });

        for (const [what, ...event] of [
            ['unknown events', 'no-such-event', {}],
            ['payloads of another shape', 'send-message', 7],
            ['values that are too many', 'send-message', { attachments: Array(2000).fill(0) }],
            ['texts with a NUL', 'send-message', { content: '\0' }],
            ['events that are too large', 'send-message', { content: 'x'.repeat(300_000) }],
            ['ids that do not exist', 'join-conversation', { conversationId: 'nowhere' }],
        ])
            test(`pays for ${what}, too`, async () => {
                const { salon } = await openPair(stack);
                const tab = await stack.openTab(salon, { transports: ['websocket'] });
                await assertOneBudget(() => flood(tab, 130, ...event));
                assert.equal(tab.reason, undefined);
                tab.close();
            });
    });

describeBroker('what is remembered of one person',
    { config: { broker: { max_connections_per_user: 3 } } }, ({ stack, test }) => {
        test('is bounded, however often they come and go', async () => {
            const { salon } = await openPair(stack);
            for (let i = 0; i < 12; i++) {
                const tab = await stack.openTab(salon, { transports: ['websocket'] });
                tab.cut();
                tab.close();
                await until('it is gone', async () =>
                    await stack.metric('connections{transport="websocket"}') === 0);
            }
            (await stack.openTab(salon)).close();
            const count = await stack.database.value(
                `SELECT COUNT(*) AS count FROM sessions WHERE user_id = '${salon.id}'`);
            assert.ok(count <= 7, `${count} rows`);
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
        const refused = await stack.metric('origins_refused_total');
        for (const origin of bad) {
            assert.equal(await tryPolling({ origin }), 403, origin);
            assert.equal(await tryWebSocket({ origin }), 403, origin);
        }
        assert.equal(await stack.metric('origins_refused_total') - refused, 2 * bad.length);
    });

    test('the same host is the same with the default port of the page, or without', async () => {
        for (const [host, origin, status] of [
            ['shop.example:443', 'https://shop.example', 200],
            ['shop.example', 'https://shop.example:443', 200],
            ['[::1]:80', 'http://[0:0::1]', 200],
            ['shop.example:80', 'https://shop.example', 403],
            ['localhost', 'capacitor://localhost', 403],
        ]) {
            const headers = { host, origin };
            assert.equal(await tryPolling(headers), status, `${host} ${origin}`);
            assert.equal(await tryWebSocket({ headers }), status === 200 ? 101 : 403, `${host} ${origin}`);
        }
    });

    test('a refused one is told, with the keys to set, in the answer and once a second in the log', async () => {
        const headers = { origin: 'https://new.example', host: 'chat.example' };
        const ask = (method) => stack.request({ method, path: HANDSHAKE, headers });
        for (const method of ['GET', 'OPTIONS']) {
            const { status, text } = await ask(method);
            const { code, message } = JSON.parse(text);
            assert.deepEqual([status, code], [403, 4], method);
            assert.match(message, /FRONTEND_URL .*public_url/);
        }
        const line = await until('it is in the log', async () => {
            await ask('GET');
            return stack.broker.log.split('\n').find((text) => text.includes('origin refused')
                && text.includes('origin=https://new.example host=chat.example'));
        });
        assert.match(line, /level=warning .*FRONTEND_URL .*public_url/);
    });

    test('a proxy that changes Host may tell it by X-Forwarded-Host, which no preflight has', async () => {
        const headers = (told) => ({ host: '127.0.0.1:8080', origin: 'https://chat.example',
            ...(told && { 'x-forwarded-host': told }) });
        for (const [told, status] of [['chat.example', 200], ['chat.example:443, inner:8080', 200],
            ['inner:8080, chat.example', 403], ['chat.example.evil', 403], ['', 403]]) {
            assert.equal(await tryPolling(headers(told)), status, told);
            assert.equal(await tryWebSocket({ headers: headers(told) }), status === 200 ? 101 : 403, told);
        }
        const preflight = await stack.request({ method: 'OPTIONS', path: HANDSHAKE,
            headers: { ...headers(), 'access-control-request-headers': 'x-forwarded-host' } });
        assert.equal(preflight.status, 403);
        assert.equal(preflight.headers['access-control-allow-origin'], undefined);
        // REST tells of no refusal either, and has nothing to allow: the page is of its own host.
        const rest = (told) => stack.request({ method: 'OPTIONS', path: '/messaging/conversations',
            headers: { ...headers(told), 'access-control-request-method': 'GET' } });
        assert.equal((await rest('chat.example')).status, 204);
        assert.equal((await rest('other.example')).status, 403);
    });

    test('public_url is what a proxy that changes Host hides', async () => {
        const headers = { host: '127.0.0.1:8080', origin: 'https://chat.example' };
        assert.equal(await tryPolling(headers), 403);
        const reload = async (changes, status) => {
            stack.configure(changes);
            stack.broker.signal('SIGHUP');
            await until(`it is ${status}`, async () => await tryPolling(headers) === status);
        };
        await reload({ http: { public_url: 'https://Chat.example:443/' } }, 200);
        await reload({}, 403);
    });

    test('a request head of 16 KiB is taken on every route', async () => {
        const { salon } = await stack.salonAndClient();
        const long = 'x'.repeat(15_000);
        for (const field of ['x-long', 'cookie']) {
            assert.equal(await tryPolling({ [field]: long }), 200, field);
            assert.equal(await tryWebSocket({ headers: { [field]: long } }), 101, field);
            assert.equal((await salon.get('/messaging/conversations', { headers: { [field]: long } })).status,
                200, field);
        }
        // What nginx adds is not counted against whoever asks.
        assert.equal(await tryPolling({ 'x-long': 'x'.repeat(16_150) }), 200);
    });

    test('cookies of the same host, as many as nginx takes, keep nobody out', async () => {
        const cookie = `session=${'x'.repeat(7500)}`;
        assert.equal(await tryPolling({ cookie }), 200);
        assert.equal(await tryWebSocket({ headers: { cookie } }), 101);
    });
});

// What nginx counts by address: handshakes without session and token, REST without a token, and nothing else.

import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { after } from 'node:test';

import { describeBroker } from './harness/broker.mjs';
import { until } from './harness/conditions.mjs';
import { CONVERSATIONS, messagesPath, UNREAD_TOTAL } from './harness/paths.mjs';
import { bodyOf, errorOf, openConversation } from './harness/people.mjs';
import { ORIGINS } from './harness/stack.mjs';

// The shipped numbers: at once, and then a second.
const HANDSHAKES = { burst: 1000, rate: 50 };
const TOKENLESS = { burst: 500, rate: 20, atOnce: 200 };

const HANDSHAKE = '/socket.io/?EIO=4&transport=polling';
const TABS = 500;
const CONNECTIONS = 50;
const STRANGERS = 1000; // `[broker] max_anonymous_connections` of the shipped configuration

describeBroker('limits by address', { front: 'nginx' }, ({ stack, test }) => {
    const agents = [];
    after(() => agents.forEach((agent) => agent.destroy()));
    let addresses = 1;

    /** Somebody with an address of their own: (path, options) => response. */
    function stranger() {
        const localAddress = `127.0.0.${++addresses}`;
        const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS, localAddress });
        agents.push(agent);
        return (path, options) => stack.request({ path, agent, localAddress, ...options });
    }

    /** Sends `count` requests as fast as they are answered; gives the answers. */
    const flood = (ask, count, path, options) =>
        Promise.all(Array.from({ length: count }, () => ask(path, options)));

    const refused = (answers) => answers.filter(({ status }) => status === 429);

    /** Floods with twice the burst, and asserts that what is above the limit was refused. */
    async function assertLimited(limit, ask, path, options) {
        const begin = performance.now();
        const answers = await flood(ask, 2 * limit.burst, path, options);
        const seconds = (performance.now() - begin) / 1000;
        const passed = answers.length - refused(answers).length;
        // nginx rounds times to milliseconds, and the first request is beside the burst.
        assert.ok(passed >= limit.burst, `${passed} passed`);
        assert.ok(passed <= limit.burst + limit.rate * seconds + 2, `${passed} in ${seconds} s`);
        return refused(answers)[0];
    }

    function assertRefusal(response) {
        errorOf(response, 429);
        assert.deepEqual(Object.keys(response.body), ['statusCode', 'message', 'error']);
        assert.equal(response.body.error, 'Too Many Requests');
        assert.match(response.headers['content-type'], /^application\/json/);
        assert.ok(Number(response.headers['retry-after']) > 0);
        assert.equal(response.headers['access-control-allow-origin'], ORIGINS[0]);
        assert.equal(response.headers['access-control-allow-credentials'], 'true');
    }

    const foreignPage = { headers: { origin: ORIGINS[0] } };

    test('who opens handshakes without end is refused, in JSON, and nobody else is', async () => {
        const attacker = stranger();
        assertRefusal(await assertLimited(HANDSHAKES, attacker, HANDSHAKE, foreignPage));
        assert.notEqual((await stranger()(HANDSHAKE)).status, 429);
        assert.ok(!stack.log.includes('limiting'), 'refusals must not fill the error log');
    });

    for (const [what, query] of [
        ['an empty session', '&sid='],
        ['a session in another case', '&SID=x'],
        ['a session that an empty one follows', '&sid=x&sid='],
        ['the end of a name', '&asid=x'],
    ])
        test(`${what} is no session`, async () => {
            const answers = await flood(stranger(), 2 * HANDSHAKES.burst, HANDSHAKE + query);
            assert.notDeepEqual(refused(answers), []);
        });

    test('who invents a token passes nginx, and lives on the broker\'s budget for strangers', async () => {
        const { client } = await stack.salonAndClient();
        const before = await stack.metric('anonymous_evicted_total');
        const headers = { authorization: 'Bearer invented' };
        const answers = await flood(stranger(), 2 * HANDSHAKES.burst, HANDSHAKE, { headers });
        assert.deepEqual(answers.filter(({ status }) => status !== 200), []);
        assert.ok(await stack.metric('anonymous_connections') <= STRANGERS);
        assert.ok(await stack.metric('anonymous_evicted_total') > before);
        const tab = await stack.openTab(client, { transports: ['polling'] });
        assert.equal(tab.connects.length, 1);
        tab.close();
    });

    test('who asks without a token without end is refused, in JSON, and nobody else is', async () => {
        const attacker = stranger();
        const path = messagesPath('any');
        assertRefusal(await assertLimited(TOKENLESS, attacker, path, foreignPage));
        assert.equal((await attacker(HANDSHAKE)).status, 200, 'handshakes have a count of their own');
        errorOf(await stranger()(path), 401);
    });

    test('who holds many requests without a token open is refused, too', async () => {
        const localAddress = `127.0.0.${++addresses}`;
        let refusals = 0;
        let closed = 0;
        const sockets = Array.from({ length: TOKENLESS.atOnce + 5 }, () => {
            const socket = net.connect({ host: '127.0.0.1', port: stack.port, localAddress });
            socket.on('data', (data) => { refusals += `${data}`.startsWith('HTTP/1.1 429 '); });
            socket.on('close', () => { closed++; });
            socket.write(`POST ${CONVERSATIONS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n`);
            return socket;
        });
        await until('those above the limit are refused', () => refusals === 5);
        sockets.forEach((socket) => socket.destroy());
        await until('all are closed', () => closed === sockets.length);
    });

    test('who has a token or a session is never refused, though their address is', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const tab = await stack.openTab(client, { transports: ['polling'] });
        await tab.join(id);
        const neighbour = (path, options) => stack.request({ path, ...options });
        await assertLimited(TOKENLESS, neighbour, CONVERSATIONS);
        await assertLimited(HANDSHAKES, neighbour, HANDSHAKE);

        const answers = await flood(neighbour, 2 * TOKENLESS.burst, UNREAD_TOTAL, { token: salon.token });
        assert.deepEqual(answers.filter(({ status }) => status !== 200), []);
        const preflights = await flood(neighbour, 2 * TOKENLESS.burst, UNREAD_TOTAL, {
            method: 'OPTIONS',
            headers: { origin: ORIGINS[0], 'access-control-request-method': 'GET' },
        });
        assert.deepEqual(refused(preflights), []);
        // Unknown, but that is for the broker to say.
        const polls = await flood(neighbour, 2 * HANDSHAKES.burst, `${HANDSHAKE}&t=x&sid=unknown`);
        assert.deepEqual(polls.filter(({ status }) => status !== 400), []);

        bodyOf(await salon.post(messagesPath(id), { content: 'toujours là' }), 201);
        await tab.next('new-message');
        assert.equal(tab.connects.length, 1);
        tab.close();
    });
});

describeBroker('five hundred tabs of one address', { front: 'nginx' }, ({ stack, test }) => {
    test('connect at once, and upgrade', async () => {
        const people = await Promise.all(Array.from({ length: TABS / 10 }, () => stack.knownPerson('client')));
        const tabs = Array.from({ length: TABS }, (_, i) => stack.tab(people[i % people.length]));
        await Promise.all(tabs.map((tab) => tab.open()));
        assert.deepEqual(tabs.flatMap((tab) => tab.errors), []);
        await until('all have a WebSocket', () =>
            tabs.every((tab) => tab.socket.io.engine.transport.name === 'websocket'));
        tabs.forEach((tab) => tab.close());
    });
});

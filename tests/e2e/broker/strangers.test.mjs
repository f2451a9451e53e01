// Who has shown no token lives on a budget: however many of them come, whoever has a token connects,
// and is told everything.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import WebSocket from 'ws';

import { describeBroker } from '../harness/broker.mjs';
import { until } from '../harness/conditions.mjs';
import { sendRequest } from '../harness/http.mjs';
import { openConversation, send } from '../harness/people.mjs';

const HANDSHAKE = '/socket.io/?EIO=4&transport=polling';

/** Asks the broker itself, as a web server in front that tells whose request it is. */
const knock = (stack, address) => sendRequest(
    { socketPath: stack.brokerSocket, path: HANDSHAKE, headers: { 'x-forwarded-for': address } });

async function openPair(stack) {
    const { salon, client } = await stack.salonAndClient();
    const { id } = await openConversation(salon, client);
    return { id, salon, client };
}

const residentBytes = (pid) =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

describeBroker('strangers', { config: {
    broker: { max_connections: 400, max_anonymous_connections: 100, max_anonymous_per_address: 60,
        connect_timeout_ms: 3000 },
} }, ({ stack, test }) => {
    test('take the places of strangers alone', async () => {
        const { id, salon, client } = await openPair(stack);
        const tab = await stack.openTab(client);
        await tab.join(id);
        for (let round = 0; round < 5; round++) {
            const answers = await Promise.all(Array.from({ length: 200 }, (_, i) =>
                knock(stack, i % 2 ? '192.0.2.1' : `198.51.100.${i % 40}`)));
            assert.ok(answers.every(({ status }) => status === 200));
            assert.ok(await stack.metric('anonymous_connections') <= 100);
            const other = await stack.openTab(salon, { transports: ['polling'] });
            await send(salon, id);
            await until('the message has come', () => tab.all('new-message').length > round);
            other.close();
        }
        assert.ok(await stack.metric('anonymous_evicted_total') >= 900);
        assert.equal(tab.reason, undefined);
        tab.close();
    });

    test('of one address make room for each other, not for somebody else', async () => {
        await until('the budget is free', async () =>
            await stack.metric('anonymous_connections') === 0, 20_000);
        const quiet = (await knock(stack, '203.0.113.9')).text;
        const sid = JSON.parse(quiet.slice(1)).sid;
        for (let i = 0; i < 300; i++)
            assert.equal((await knock(stack, '203.0.113.10')).status, 200);
        assert.equal(await stack.metric('anonymous_connections'), 61);
        const { status } = await sendRequest({ socketPath: stack.brokerSocket, method: 'POST',
            path: `${HANDSHAKE}&sid=${sid}`, headers: { 'content-type': 'text/plain' }, body: '3' });
        assert.equal(status, 200);
    });

    test('cannot make the broker hold what they say', async () => {
        const before = residentBytes(stack.broker.pid);
        const long = 'x'.repeat(900_000);
        // Some are evicted for others before they have said anything.
        await Promise.all(Array.from({ length: 60 }, () => new Promise((resolve) => {
            const socket = new WebSocket(
                `ws+unix:${stack.brokerSocket}:/socket.io/?EIO=4&transport=websocket`);
            socket.on('error', () => {});
            socket.on('close', resolve);
            socket.once('message', () => socket.send(`40/messaging,{"token":"${long}"}`));
        })));
        const bodies = await Promise.all(Array.from({ length: 30 }, () => sendRequest({
            socketPath: stack.brokerSocket, method: 'POST', path: `${HANDSHAKE}&sid=nobody`,
            headers: { 'content-type': 'text/plain' }, body: `4${long}` })
            .then(({ status }) => status, () => 'cut')));
        assert.ok(bodies.every((status) => [400, 413, 'cut'].includes(status)), `${bodies}`);
        assert.ok(residentBytes(stack.broker.pid) - before < 16 * 1024 * 1024);
    });
});

describeBroker('a salon behind one address', {}, ({ stack, test }) => {
    test('opens 500 tabs at once', async () => {
        const people = [];
        for (let i = 0; i < 10; i++)
            people.push((await stack.salonAndClient()).client);
        const tabs = await Promise.all(Array.from({ length: 500 }, (_, i) =>
            stack.openTab(people[i % 10], { transports: ['websocket'] })));
        assert.equal(await stack.metric('anonymous_evicted_total'), 0);
        assert.equal(await stack.metric('connects_refused_total'), 0);
        tabs.forEach((tab) => tab.close());
    });
});

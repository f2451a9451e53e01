// What one can read is never too slow: threads of long messages, bursts, long absences over a thin
// link. Only who takes nothing at all is cut off, and the log says so.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';

import WebSocket from 'ws';

import { describeBroker, NAMESPACE, seqOf } from '../harness/broker.mjs';
import { until } from '../harness/conditions.mjs';
import { openConversation, PICTURE, send } from '../harness/people.mjs';
import { isLong } from '../harness/project.mjs';

const TRANSPORTS = [['websocket'], ['polling']];
/** The longest text that there is, in bytes as well: 40,000. */
const LONGEST = '😀'.repeat(10_000);

async function openPair(stack) {
    const { salon, client } = await stack.salonAndClient();
    const { id } = await openConversation(salon, client);
    return { id, salon, client };
}

/** Listens before the service, and passes on to it; what comes back at so many bytes a second. */
async function thinLink(port, bytesPerSecond) {
    const pairs = new Set();
    const server = net.createServer((near) => {
        const far = net.connect(port, '127.0.0.1');
        const pair = [near, far];
        pairs.add(pair);
        near.pipe(far);
        far.on('data', (chunk) => {
            far.pause();
            near.write(chunk);
            setTimeout(() => far.resume(), chunk.length / bytesPerSecond * 1000);
        });
        for (const [one, other] of [pair, [far, near]]) {
            one.on('error', () => {});
            one.on('close', () => { other.destroy(); pairs.delete(pair); });
        }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
        port: server.address().port,
        cut: () => pairs.forEach(([near]) => near.destroy()),
        close: () => { pairs.forEach(([near]) => near.destroy()); server.close(); },
    };
}

describeBroker('a thread of the longest messages', {}, ({ stack, test }) => {
    for (const transports of TRANSPORTS)
        test(`is one event, and nobody is cut off for it (${transports})`, async () => {
            const { id, salon, client } = await openPair(stack);
            const attachments = Array.from({ length: 5 }, () => PICTURE);
            for (let i = 0; i < 50; i++)
                await send(salon, id, { content: LONGEST, attachments });
            const tab = await stack.openTab(client, { transports });
            await tab.join(id);
            const [{ messages }] = tab.all('conversation-history');
            assert.equal(messages.length, 50);
            assert.ok(messages.every(({ content }) => content === LONGEST));
            assert.equal(tab.reason, undefined);
            assert.equal(await stack.metric('slow_consumers_total'), 0);
            tab.close();
        });
});

describeBroker('a burst of long messages', {}, ({ stack, test }) => {
    for (const transports of TRANSPORTS)
        test(`of 64 at once comes whole, in order (${transports})`, async () => {
            const { id, salon, client } = await openPair(stack);
            const tab = await stack.openTab(client, { transports });
            await tab.join(id);
            await Promise.all(Array.from({ length: 64 }, () => send(salon, id, { content: LONGEST })));
            await until('all have come', () => tab.all('new-message').length >= 64);
            assert.equal(new Set(tab.all('new-message').map((message) => message.id)).size, 64);
            const offsets = tab.events.filter(({ offset }) => offset).map(({ offset }) => seqOf(offset));
            assert.deepEqual(offsets, [...offsets].sort((a, b) => a - b));
            assert.equal(tab.reason, undefined);
            assert.equal(await stack.metric('slow_consumers_total'), 0);
            tab.close();
        });
});

describeBroker('a commit of many long messages', {
    config: { fastcgi: { threads: 128 } },
}, ({ stack, test }) => {
    test('of 64 writers cuts nobody off', async () => {
        const { id, salon, client } = await openPair(stack);
        const tabs = await Promise.all(TRANSPORTS.map((transports) =>
            stack.openTab(client, { transports })));
        await Promise.all(tabs.map((tab) => tab.join(id)));
        await Promise.all(Array.from({ length: 64 }, () => send(salon, id, { content: LONGEST })));
        for (const tab of tabs) {
            await until('all have come', () => tab.all('new-message').length >= 64);
            assert.equal(new Set(tab.all('new-message').map((message) => message.id)).size, 64);
            assert.equal(tab.reason, undefined);
            tab.close();
        }
        const [{ size }] = await stack.database.sql(`SELECT count(*) AS size FROM messages
            WHERE conversation_id = '${id}' GROUP BY created_at ORDER BY size DESC`);
        assert.ok(size > 1, 'some shared a commit');
        assert.equal(await stack.metric('slow_consumers_total'), 0);
    });
});

describeBroker('a long absence over a thin link', {}, ({ stack, test }) => {
    test('is recovered whole: 20 MB at 4 MB a second', async () => {
        const { id, salon, client } = await openPair(stack);
        const link = await thinLink(stack.port, 4_000_000);
        const tab = await stack.openTab(client, { transports: ['websocket'], port: link.port });
        await tab.join(id);
        tab.socket.io.reconnection(false);
        link.cut();
        await until('the tab is away', () => !tab.socket.connected);
        tab.forget();
        const before = tab.connects.length;
        for (let i = 0; i < 500; i += 10)
            await Promise.all(Array.from({ length: 10 }, () => send(salon, id, { content: LONGEST })));
        tab.socket.io.reconnection(true);
        tab.socket.connect();
        await until('the tab is back', () => tab.connects.length > before);
        assert.equal(tab.socket.recovered, true);
        await until('all have come', () => tab.all('new-message').length >= 500, 60_000);
        assert.equal(new Set(tab.all('new-message').map((message) => message.id)).size, 500);
        assert.equal(tab.connects.length, before + 1);
        tab.close();
        link.close();
    });
});

describeBroker('the longest absence over a thinner link',
    { config: { fastcgi: { write_burst: 5000 } } }, ({ stack, test }) => {
        test('is recovered whole: 1,000 events of 40 KB at 1 MB a second', {
            skip: isLong ? false : 'takes a minute',
        }, async () => {
            const { id, salon } = await openPair(stack);
            const link = await thinLink(stack.port, 1_000_000);
            // The sender's own: nobody's counts come between the messages.
            const tab = await stack.openTab(salon, { transports: ['websocket'], port: link.port });
            await tab.join(id);
            tab.socket.io.reconnection(false);
            link.cut();
            await until('the tab is away', () => !tab.socket.connected);
            tab.forget();
            const before = tab.connects.length;
            for (let i = 0; i < 1000; i += 20)
                await Promise.all(Array.from({ length: 20 }, () => send(salon, id, { content: LONGEST })));
            tab.socket.io.reconnection(true);
            tab.socket.connect();
            await until('the tab is back', () => tab.connects.length > before);
            assert.equal(tab.socket.recovered, true);
            await until('all have come', () => tab.all('new-message').length >= 1000, 180_000);
            assert.equal(new Set(tab.all('new-message').map((message) => message.id)).size, 1000);
            assert.equal(tab.connects.length, before + 1);
            assert.equal(await stack.metric('slow_consumers_total'), 0);
            tab.close();
            link.close();
        });
    });

describeBroker('a client that takes nothing', { config: { broker: { max_output_bytes: 65536 } } },
    ({ stack, test }) => {
        test('is cut off, and one line of the log says so', async () => {
            const { id, salon, client } = await openPair(stack);
            const stuck = new WebSocket(
                `ws://127.0.0.1:${stack.port}/socket.io/?EIO=4&transport=websocket`);
            await once(stuck, 'open');
            const joined = new Promise((resolve) => stuck.on('message', (data) => {
                if (`${data}`.startsWith(`40${NAMESPACE}`))
                    stuck.send(`42${NAMESPACE},["join-conversation",{"conversationId":"${id}"}]`);
                if (`${data}`.includes('conversation-history'))
                    resolve();
            }));
            stuck.send(`40${NAMESPACE},${JSON.stringify({ token: client.token })}`);
            await joined;
            stuck.pause();
            // More than the system's and nginx's buffers take.
            await until('it was cut off', async () => {
                await Promise.all(Array.from({ length: 8 }, () => send(salon, id, { content: LONGEST })));
                return await stack.metric('slow_consumers_total') === 1;
            }, 60_000);
            assert.equal(stack.log.split('a client that does not read is cut off').length, 2);
            stuck.terminate();
        });
    });

// What one user may make us hold, who sends the worst that there is on all the connections that a
// user may have.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

import WebSocket from 'ws';

import { describeBroker, NAMESPACE } from '../harness/broker.mjs';
import { CONVERSATIONS, messagesPath } from '../harness/paths.mjs';
import { bodyOf, openConversation } from '../harness/people.mjs';
import { isSanitized } from '../harness/project.mjs';

const LIMIT_KB = 256 * 1024;
const SOCKETS = 50;
const CONNECTIONS = 50;
const EVENT_BYTES = 256 * 1024;
const MESSAGE_BYTES = 1_000_000;

/** As many of `unit` as fit into so many bytes, between what stands around them. */
function fill(opening, unit, closing, bytes) {
    const room = bytes - opening.length - closing.length;
    const text = unit.repeat(Math.floor(room / unit.length));
    return opening + (unit.endsWith(',') ? text.slice(0, -1) : text) + closing;
}

/** Messages of so many bytes, each the worst of its kind for somebody: members that are read (in
 * "attachments") and others. */
function* worstMessages(bytes) {
    for (const member of ['attachments', 'x'])
        for (const unit of ['{},', '[],', '0,', '0.5,', 'null,', '"",', '{"a":{"a":{}}},',
            `${'['.repeat(20)}${']'.repeat(20)},`])
            yield fill(`{"content":"x","${member}":[`, unit, ']}', bytes);
    const depth = Math.floor(bytes / 2) - 20;
    yield `{"content":"x","x":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    yield fill('{"content":"', 'x', '"}', bytes);
    yield fill('{"content":"', '\\u00e9', '"}', bytes);
    yield fill('{"', 'k', '":"x"}', bytes);
    yield fill('{"content":"x"', ',"k":0', '}', bytes);
    yield fill('{"content":"x","attachments":[{"fileName":0.', '1', '}]}', bytes);
}

/** A message that is right, and with it as much as a tree may hold: it is kept until the commit. */
const heaviest = (conversationId) => JSON.stringify({
    conversationId, content: 'x', salon: Array(990).fill({}), subject: 'x'.repeat(EVENT_BYTES - 4000),
});

/** The most memory that a process has had, in kB. */
const highWater = (program) =>
    Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8'))[1]);

const eventOf = (json) => `42${NAMESPACE},7["send-message",${json}]`;
/** The same, to which an attachment belongs. */
const binaryEventOf = (json) => `451-${NAMESPACE},7["send-message",${json}]`;

/** A WebSocket that speaks by hand. */
async function openWebSocket(stack, person) {
    const socket = new WebSocket(
        `ws://127.0.0.1:${stack.port}/socket.io/?EIO=4&transport=websocket`);
    const connected = new Promise((resolve) => socket.on('message', (data) => {
        if (`${data}`.startsWith(`40${NAMESPACE}`))
            resolve();
    }));
    await once(socket, 'open');
    socket.send(`40${NAMESPACE},${JSON.stringify({ token: person.token })}`);
    await connected;
    return socket;
}

/** Waits until all that was sent has been read. */
function hasRead(socket) {
    return new Promise((resolve, reject) => {
        socket.once('pong', resolve);
        socket.once('close', (code) => reject(new Error(`closed with ${code}`)));
        socket.ping();
    });
}

/** A session that is polled by hand: gives what posts a body to it. */
async function openPolling(stack, person) {
    const path = '/socket.io/?EIO=4&transport=polling';
    const { sid } = JSON.parse((await stack.request({ path })).text.slice(1));
    const post = (body) => stack.request({
        method: 'POST', path: `${path}&sid=${sid}`, body, headers: { 'content-type': 'text/plain' },
    });
    await post(`40${NAMESPACE},${JSON.stringify({ token: person.token })}`);
    await stack.request({ path: `${path}&sid=${sid}` });
    return { post };
}

describeBroker('memory', {}, ({ stack, test }) => {
    function assertWithin(what) {
        for (const program of [stack.broker, ...Object.values(stack.programs)]) {
            const kb = highWater(program);
            assert.ok(kb < LIMIT_KB || isSanitized, `${what}: ${program.name} has had ${kb} kB`);
        }
    }

    test(`${SOCKETS} sockets of one user that send the worst`, async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const sockets = await Promise.all(Array.from({ length: SOCKETS / 2 }, () =>
            openWebSocket(stack, client)));
        const polled = await Promise.all(Array.from({ length: SOCKETS / 2 }, () =>
            openPolling(stack, client)));

        // All send the same, that costs most; then each something else.
        const events = [...worstMessages(EVENT_BYTES - 100)].map(eventOf);
        const messages = [...worstMessages(MESSAGE_BYTES - 100)].map(eventOf);
        for (const eventAt of [() => events[0], () => eventOf(heaviest(id)), () => messages[8],
            (index) => events[index % events.length],
            (index) => messages[index % messages.length]]) {
            for (const [index, socket] of sockets.entries())
                socket.send(eventAt(index));
            await Promise.all(polled.map(({ post }, index) => post(eventAt(index))));
        }
        // As much as may be between an event and its attachments, and between the fragments of a
        // message.
        for (const socket of sockets) {
            socket.send(binaryEventOf(heaviest(id)));
            socket.send('x'.repeat(MESSAGE_BYTES - 1), { fin: false });
        }
        await Promise.all(sockets.map(hasRead));
        assertWithin('sockets');
        const tab = await stack.openTab(salon);
        await tab.do('send-message', { conversationId: id, content: 'Bonjour' });
        tab.close();
        for (const socket of sockets)
            socket.terminate();
    });

    test(`${CONNECTIONS} connections of one user that send the worst`, async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const bodies = [...worstMessages(EVENT_BYTES), 'x'.repeat(MESSAGE_BYTES)];
        for (const bodyAt of [() => bodies[0], () => heaviest(id),
            (index) => bodies[index % bodies.length]])
            await Promise.all(Array.from({ length: CONNECTIONS }, (_, index) =>
                client.post(index % 4 === 0 ? CONVERSATIONS : messagesPath(id), bodyAt(index))));
        assertWithin('connections');
        bodyOf(await salon.post(messagesPath(id), { content: 'Bonjour' }), 201);
    });
});

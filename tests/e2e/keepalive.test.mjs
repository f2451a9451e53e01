// nginx keeps connections to the programs open. However many it keeps and however few threads
// there are, no request waits for a connection on which another might come.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { until } from './harness/conditions.mjs';
import { FastcgiConnection } from './harness/fastcgi.mjs';
import { CONVERSATIONS, messagesPath } from './harness/paths.mjs';
import { bodyOf, openConversation } from './harness/people.mjs';
import { describeStack } from './harness/stack.mjs';

const THREADS = 4;
const KEPT = 64; // as in nginx's configuration, for each of its two workers
const REQUESTS = 300;

/** How many connections to a unix socket there are, accepted or not: their ends there have its
 * path. */
function connectionsTo(path) {
    const CONNECTING = '02'; // by the client's connect(2), but not yet accepted
    const CONNECTED = '03';
    return readFileSync('/proc/net/unix', 'utf8').split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter(({ 5: state, 7: bound }) =>
            bound === path && [CONNECTING, CONNECTED].includes(state)).length;
}

describeStack('keep-alive', {
    front: 'nginx',
    config: { fastcgi: { threads: THREADS }, database: { busy_timeout_ms: 60_000 } },
}, ({ stack, test }) => {
    test(`${KEPT} connections that nginx keeps don't hold up ${THREADS} threads`, async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const socket = stack.socketOf(stack.programs.messages);
        /** One that may not wait for others who write, as too many do, is told to come again. */
        const post = async () => {
            const response = await salon.post(messagesPath(id), { content: 'x' });
            return response.status === 503 ? post() : response;
        };

        // All are under way at once while nobody can write, so each has a connection of its own.
        const posts = await stack.database.whileLocked(async () => {
            const underWay = Array.from({ length: KEPT }, post);
            await until('every request has its connection', () => connectionsTo(socket) >= KEPT);
            return underWay;
        });
        for (const response of await Promise.all(posts))
            bodyOf(response, 201);
        assert.ok(connectionsTo(socket) >= KEPT, 'nginx keeps them');

        for (let i = 0; i < REQUESTS; i++)
            bodyOf(await salon.get(messagesPath(id)));
        const responses = await Promise.all(Array.from({ length: REQUESTS }, (_, index) =>
            (index % 3 === 0 ? post() : salon.get(messagesPath(id)))));
        assert.ok(responses.every(({ status }) => status === 200 || status === 201));
        assert.ok(connectionsTo(socket) >= KEPT, 'nginx keeps them still');
        assert.equal(bodyOf(await salon.get(messagesPath(id))).total, KEPT + REQUESTS / 3);
    });

    test(`${KEPT} idle connections, used in any order, and one more`, async () => {
        const { token } = await stack.knownPerson('salon');
        const open = () => FastcgiConnection.open(stack.socketOf(stack.programs.conversations));
        const ask = async (connection) =>
            bodyOf(await connection.request({ path: CONVERSATIONS, token }));
        const connections = await Promise.all(Array.from({ length: KEPT }, open));
        for (const connection of connections)
            await ask(connection);
        for (const connection of [...connections].reverse())
            await ask(connection);
        await Promise.all(connections.map(ask));
        const late = await open();
        await ask(late);
        for (const connection of [...connections, late])
            connection.close();
    });

    test('connections that were opened and never used hold up nobody', async () => {
        const salon = await stack.knownPerson('salon');
        const path = stack.socketOf(stack.programs.conversations);
        const idle = await Promise.all(Array.from({ length: KEPT }, () =>
            FastcgiConnection.open(path)));
        for (let i = 0; i < KEPT; i++)
            bodyOf(await salon.get(CONVERSATIONS));
        for (const connection of idle)
            connection.close();
    });
});

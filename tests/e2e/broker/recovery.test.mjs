// Connection state recovery with the unmodified client: exactly what was missed, in order, also
// after the broker was killed; and when it must not be.

import assert from 'node:assert/strict';

import { describeBroker, seqOf } from '../harness/broker.mjs';
import { until } from '../harness/conditions.mjs';
import { messagePath } from '../harness/paths.mjs';
import { bodyOf, openConversation, send, sendMany } from '../harness/people.mjs';

async function openJoined(stack, options) {
    const { salon, client } = await stack.salonAndClient();
    const { id } = await openConversation(salon, client);
    const tab = await stack.openTab(client, options);
    await tab.join(id);
    return { id, salon, client, tab };
}

/** Breaks the tab's connection, lets `happen` while it is away, and lets it come back. */
async function whileAway(tab, happen) {
    const before = tab.connects.length;
    tab.socket.io.reconnection(false);
    tab.cut();
    await until('the tab is away', () => !tab.socket.connected);
    tab.forget();
    await happen();
    tab.socket.io.reconnection(true);
    tab.socket.connect();
    await until('the tab is back', () => tab.connects.length > before);
    return tab.connects.at(-1);
}

/** What the outbox holds for the user and the room after that seq, without what was blanked. */
async function expected(stack, userId, id, afterSeq) {
    const events = await stack.database.events(afterSeq);
    return events.filter(({ audience, payload }) =>
        payload !== undefined && [`u:${userId}`, `c:${id}`].includes(audience))
        .map(({ seq, name, payload }) => ({ seq, name, payload }));
}

const recorded = (tab) => tab.events.filter(({ offset }) => offset !== undefined)
    .map(({ offset, name, payload }) => ({ seq: seqOf(offset), name, payload }));

/** Asserts that the tab got everything since that seq; and, looking at the room, has read it. */
async function assertComplete(stack, tab, userId, id, afterSeq) {
    await until('what was missed has been read', async () => await stack.database.value(
        `SELECT count(*) FROM messages WHERE conversation_id = '${id}' AND read_at IS NULL`) === 0);
    const all = await expected(stack, userId, id, afterSeq);
    await until('everything has come', () => recorded(tab).length >= all.length);
    assert.deepEqual(recorded(tab), all);
}

for (const [transport, transports] of [['websocket', ['websocket']], ['polling', ['polling']]]) {
    describeBroker(`recovery over ${transport}`, {}, ({ stack, test }) => {
        test('brings exactly what was missed, in order', async () => {
            const { id, salon, client, tab } = await openJoined(stack, { transports });
            const other = (await openConversation(salon, client)).id;
            await tab.next('conversation-created');
            const before = await stack.database.lastSeq();
            const recovered = await whileAway(tab, async () => {
                await sendMany(salon, id, 5);
                await send(salon, other);
            });
            assert.equal(recovered, true);
            await assertComplete(stack, tab, client.id, id, before);
            tab.close();
        });

        test('goes on after the broker was killed', async () => {
            const { id, salon, client, tab } = await openJoined(stack, { transports });
            const connects = tab.connects.length;
            const before = await stack.database.lastSeq();
            tab.forget();
            await stack.broker.kill();
            const sent = await sendMany(salon, id, 3);
            await stack.startBroker();
            await until('the tab is back', () => tab.connects.length > connects);
            assert.equal(tab.connects.at(-1), true);
            await tab.next('new-message', (message) => message.id === sent[2].id);
            await send(salon, id);
            await until('live again', () => tab.all('new-message').length === 4);
            await assertComplete(stack, tab, client.id, id, before);
            tab.close();
        });
    });
}

describeBroker('recovery that must not be', {}, ({ stack, test }) => {
    test('what was deleted meanwhile is not delivered', async () => {
        const { id, salon, tab } = await openJoined(stack);
        const recovered = await whileAway(tab, async () => {
            const message = await send(salon, id, { content: 'un secret' });
            bodyOf(await salon.delete(messagePath(message.id)), 204);
        });
        assert.equal(recovered, true);
        await tab.next('message-deleted');
        assert.ok(!tab.bytes.includes('secret'));
        tab.close();
    });

    test('not after a DISCONNECT packet', async () => {
        const { id, salon, tab } = await openJoined(stack);
        tab.close();
        await until('the session is gone', async () => await stack.database.value(
            `SELECT count(*) FROM sessions WHERE user_id = '${tab.person.id}'`) === 0);
        await send(salon, id);
        const connects = tab.connects.length;
        tab.socket.connect();
        await until('connected', () => tab.connects.length > connects);
        assert.equal(tab.connects.at(-1), false);
        tab.close();
    });

    test('not for somebody else, not from a made-up offset', async () => {
        const { id, salon, tab } = await openJoined(stack);
        const { _pid: pid, _lastOffset: offset } = tab.socket;
        tab.socket.io.reconnection(false);
        tab.cut();
        const message = await send(salon, id);
        const thief = stack.tab(await stack.knownPerson('client'));
        thief.socket.auth = { token: thief.person.token, pid, offset };
        await thief.open();
        assert.notEqual(thief.socket._pid, pid);
        assert.ok(!thief.bytes.includes(message.id));
        const [seq, timeline] = offset.split('-');
        for (const wrong of [`999999999-${timeline}`, 'x', `-1-${timeline}`, `1e3-${timeline}`, '', seq,
            `${seq}-00000000`, `${seq}-`]) {
            const again = stack.tab(tab.person);
            again.socket.auth = { token: tab.person.token, pid, offset: wrong };
            await again.open();
            assert.notEqual(again.socket._pid, pid);
            again.close();
        }
        thief.close();
    });

    test('not when the room was lost meanwhile', async () => {
        const { id, salon, tab } = await openJoined(stack);
        const recovered = await whileAway(tab, async () =>
            bodyOf(await salon.delete(`/messaging/conversations/${id}`), 204));
        assert.equal(recovered, false);
        tab.close();
    });

    test('a room that is deleted before one is cut off does not stand in the way', async () => {
        const { id, salon, tab } = await openJoined(stack);
        bodyOf(await salon.delete(`/messaging/conversations/${id}`), 204);
        await tab.next('conversation-deleted');
        await until('it is forgotten', async () =>
            await stack.database.value(`SELECT count(*) FROM session_rooms
                WHERE conversation_id = '${id}'`) === 0);
        assert.equal(await whileAway(tab, async () => {}), true);
        tab.close();
    });

    test('not beyond 1,000 events, nor when they were pruned', async () => {
        const { id, tab } = await openJoined(stack);
        const fill = (count) => stack.database.sql(`WITH RECURSIVE n(i) AS
            (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
            INSERT INTO outbox (seq, audience, name, payload, created_at)
            SELECT (SELECT max(seq) FROM outbox) + i, 'c:${id}', 'new-message', '{"n":' || i || '}',
            ${Date.now()} FROM n`);
        assert.equal(await whileAway(tab, () => fill(1000)), true);
        await until('all have come', () => tab.all('new-message').length === 1000);
        assert.deepEqual(tab.all('new-message').map(({ n }) => n), Array.from({ length: 1000 }, (_, i) => i + 1));
        assert.equal(await whileAway(tab, () => fill(1001)), false);
        await tab.join(id);
        assert.equal(await whileAway(tab, async () => {
            await fill(10);
            const last = await stack.database.lastSeq();
            await stack.database.sql(`DELETE FROM outbox WHERE seq < ${last - 3}`);
        }), false);
        tab.close();
    });
});

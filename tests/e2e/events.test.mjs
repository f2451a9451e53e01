// The outbox: every change that someone must see writes its events in the same transaction, in an
// order without gaps; they are blanked with what was deleted, pruned, and published after commit.

import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { until } from './harness/conditions.mjs';
import { NanomsgPull } from './harness/nanomsg.mjs';
import {
    archivePath, conversationPath, CONVERSATIONS, markReadPath, messagePath, messagesPath, readPath,
    UNKNOWN_ID,
} from './harness/paths.mjs';
import { bodyOf, openConversation, send, sendMany } from './harness/people.mjs';
import { describeStack } from './harness/stack.mjs';

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const READ_EVENTS_MAX = 200;

const room = (id) => `c:${id}`;
const user = ({ id }) => `u:${id}`;

/** "name audience" of each, which is what most tests ask. */
const summary = (events) => events.map(({ name, audience }) => `${name} ${audience}`);
const ofName = (events, name) => events.filter((event) => event.name === name);
/** Who was told what by the events of that name: [audience, payload] of each. */
const told = (events, name) =>
    ofName(events, name).map(({ audience, payload }) => [audience, payload]);
/** Asserts that an event of that name went to exactly these. */
const assertAudiences = (events, name, audiences) =>
    assert.deepEqual(ofName(events, name).map(({ audience }) => audience).sort(), audiences.sort());

describeStack('events', {}, ({ stack, test }) => {
    async function talk(fields) {
        const people = await stack.salonAndClient();
        const conversation = await openConversation(people.salon, people.client, fields);
        return { ...people, id: conversation.id, conversation };
    }

    test('a new conversation is told to both, each in their own view', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { result, events } = await stack.watchEvents(() => openConversation(salon, client));
        assertAudiences(events, 'conversation-created', [user(client), user(salon)]);
        for (const { payload } of events)
            assert.equal(payload.id, result.id);
        assert.deepEqual(events.find(({ audience }) => audience === user(salon)).payload, result);
    });

    test('firstMessage is a new message too, counted for the client', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { result, events } = await stack.watchEvents(() =>
            openConversation(salon, client, { firstMessage: 'Bienvenue' }));
        const [message] = ofName(events, 'new-message');
        assert.equal(message.audience, room(result.id));
        assert.equal(message.payload.id, result.lastMessage.id);
        assert.deepEqual(told(events, 'unread-count-updated'),
            [[user(client), { totalUnread: 1 }]]);
    });

    test('a new message goes to the room, the new total to the recipient', async () => {
        const { salon, client, id } = await talk();
        await send(salon, id);
        const { result, events } = await stack.watchEvents(() => send(salon, id));
        assert.deepEqual(summary(events),
            [`new-message ${room(id)}`, `unread-count-updated ${user(client)}`]);
        assert.deepEqual(events[0].payload, result);
        assert.deepEqual(events[1].payload, { totalUnread: 2 });
    });

    test('a message that revives a conversation updates it for both', async () => {
        const { salon, client, id } = await talk();
        bodyOf(await salon.patch(archivePath(id)), 204);
        const { events } = await stack.watchEvents(() => send(client, id));
        assertAudiences(events, 'conversation-updated', [user(client), user(salon)]);
        for (const { payload } of ofName(events, 'conversation-updated'))
            assert.equal(payload.status, 'ACTIVE');
    });

    test('a read message is told to the room, then the totals to both', async () => {
        const { salon, client, id } = await talk();
        const message = await send(salon, id);
        const { result, events } = await stack.watchEvents(async () =>
            bodyOf(await client.patch(readPath(message.id))));
        const [read] = ofName(events, 'message-read');
        assert.equal(read.audience, room(id));
        assert.deepEqual(read.payload, { messageId: message.id, readAt: result.readAt });
        assertTotalsAfterReading(events, {
            [user(client)]: { totalUnread: 0 },
            [user(salon)]: { totalUnread: 0 },
        });
    });

    /** The totals come behind the last message-read, one for each side. */
    function assertTotalsAfterReading(events, totals) {
        const lastRead = ofName(events, 'message-read').at(-1);
        const later = events.filter(({ seq }) => seq > lastRead.seq);
        assert.deepEqual(Object.fromEntries(told(later, 'unread-count-updated')), totals);
    }

    for (const [what, act] of [
        ['marking a conversation', (client, id) => client.patch(markReadPath(id))],
        ['reading a conversation', (client, id) => client.get(conversationPath(id))],
        ['reading its messages', (client, id) => client.get(messagesPath(id))],
    ])
        test(`${what} read tells of each message`, async () => {
            const { salon, client, id } = await talk();
            await send(client, id);
            const sent = await sendMany(salon, id, 3);
            const { events } = await stack.watchEvents(() => act(client, id));
            const reads = ofName(events, 'message-read');
            assert.deepEqual(reads.map(({ audience }) => audience), Array(3).fill(room(id)));
            assert.deepEqual(reads.map(({ payload }) => payload.messageId).sort(),
                sent.map((message) => message.id).sort());
            for (const { payload } of reads)
                assert.match(payload.readAt, TIMESTAMP);
            assert.deepEqual(told(events, 'conversation-unread-updated'),
                [[user(client), { conversationId: id, unreadCount: 0 }]]);
            assertTotalsAfterReading(events, {
                [user(client)]: { totalUnread: 0 },
                [user(salon)]: { totalUnread: 1 },
            });
        });

    test(`at most ${READ_EVENTS_MAX} message-read, of the newest messages`, async () => {
        const { salon, client, id } = await talk();
        const sent = await sendMany(salon, id, READ_EVENTS_MAX + 3);
        const { events } = await stack.watchEvents(() => client.patch(markReadPath(id)));
        const ids = ofName(events, 'message-read').map(({ payload }) => payload.messageId);
        assert.deepEqual(ids.sort(), sent.slice(3).map((message) => message.id).sort());
        const { data } = bodyOf(await client.get(`${messagesPath(id)}?limit=100&page=3`));
        assert.deepEqual(data.map(({ isRead }) => isRead), [true, true, true]);
    });

    test('what changes nothing tells nothing', async () => {
        const { salon, client, id } = await talk();
        const message = await send(salon, id, { content: 'x', clientMessageId: 'key' });
        bodyOf(await client.patch(readPath(message.id)));
        const { events } = await stack.watchEvents(async () => {
            bodyOf(await client.patch(readPath(message.id)));
            bodyOf(await salon.patch(readPath(message.id)));
            bodyOf(await client.patch(markReadPath(id)), 204);
            bodyOf(await salon.post(messagesPath(id), { content: 'x', clientMessageId: 'key' }),
                200);
            bodyOf(await salon.patch(conversationPath(id), {}));
            for (const path of [CONVERSATIONS, conversationPath(id), messagesPath(id)])
                bodyOf(await client.get(path));
        });
        assert.deepEqual(events, []);
    });

    test('a changed conversation is told to both, archiving too', async () => {
        const { salon, client, id } = await talk();
        for (const [change, key, value] of [
            [() => client.patch(conversationPath(id), { subject: 'Autre' }), 'subject', 'Autre'],
            [() => salon.patch(archivePath(id)), 'status', 'ARCHIVED'],
        ]) {
            const { events } = await stack.watchEvents(change);
            assertAudiences(events, 'conversation-updated', [user(client), user(salon)]);
            for (const { payload } of events)
                assert.equal(payload[key], value);
        }
    });

    test('a deleted message is told to the room, and blanked wherever its text stood', async () => {
        const { salon, client, id } = await talk();
        const before = await stack.database.lastSeq();
        const message = await send(client, id, { content: 'à oublier' });
        bodyOf(await salon.patch(conversationPath(id), { subject: 'Autre sujet' }));
        const made = await stack.database.events(before);
        assert.ok(JSON.stringify(made).includes('à oublier'));

        const { events } = await stack.watchEvents(async () =>
            bodyOf(await client.delete(messagePath(message.id)), 204));
        const [deleted] = ofName(events, 'message-deleted');
        assert.equal(deleted.audience, room(id));
        assert.equal(deleted.payload.messageId, message.id);
        const [total] = ofName(events, 'unread-count-updated');
        assert.deepEqual([total.audience, total.payload], [user(salon), { totalUnread: 0 }]);

        const kept = await stack.database.events(before);
        assert.deepEqual(kept.slice(0, made.length).map(({ seq }) => seq),
            made.map(({ seq }) => seq));
        assert.equal(kept.find(({ name }) => name === 'new-message').payload, undefined);
        assert.ok(!JSON.stringify(kept).includes('à oublier'));
    });

    test('a deleted conversation is told to both, and its events are blanked', async () => {
        const { salon, client, id } = await talk({ subject: 'à oublier' });
        await send(client, id, { content: 'à oublier' });
        const { events } = await stack.watchEvents(async () =>
            bodyOf(await salon.delete(conversationPath(id)), 204));
        assertAudiences(events, 'conversation-deleted', [user(client), user(salon)]);
        for (const { payload } of ofName(events, 'conversation-deleted'))
            assert.equal(payload.conversationId, id);
        assert.deepEqual(told(events, 'unread-count-updated'),
            [[user(salon), { totalUnread: 0 }]]);
        assert.equal(await stack.database.value(
            "SELECT count(*) FROM outbox WHERE payload LIKE '%à oublier%'"), 0);
        assert.equal(await stack.database.value(
            `SELECT count(*) FROM outbox WHERE audience = '${room(id)}' AND payload <> ''`), 0);
    });

    test('what is refused makes no event', async () => {
        const { salon, client, id } = await talk();
        const stranger = await stack.knownPerson('client');
        const message = await send(client, id);
        const { events } = await stack.watchEvents(async () => {
            await stranger.post(messagesPath(id), { content: 'x' });
            await client.post(messagesPath(id), { content: '' });
            await client.post(messagesPath(UNKNOWN_ID), { content: 'x' });
            await salon.delete(messagePath(message.id));
            await client.delete(conversationPath(id));
        });
        assert.deepEqual(events, []);
    });

    test('numbers grow by one, whoever writes at the same time', async () => {
        const { salon, client, id } = await talk();
        await Promise.all(Array.from({ length: 20 }, (_, i) => Promise.all([
            send(salon, id),
            send(client, id),
            salon.patch(conversationPath(id), { subject: `Sujet ${i}` }),
        ])));
        assert.deepEqual(await stack.database.findings(), []);
    });
});

const MAX_ROWS = 40;

describeStack('events that are pruned by number', {
    config: { database: { outbox_max_rows: MAX_ROWS } },
}, ({ stack, test }) => {
    test('the oldest go, and numbers go on', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const count = () => stack.database.value('SELECT count(*) FROM outbox');
        await sendMany(salon, id, MAX_ROWS * 2);
        await until('the outbox is pruned', async () => {
            await send(salon, id);
            return await count() <= MAX_ROWS + 2;
        });
        const events = await stack.database.events();
        assert.ok(events.at(-1).seq > MAX_ROWS * 4);
        assert.deepEqual(await stack.database.findings(), []);
    });
});

// Pruning comes with many messages, each of which may take a process of its own.
const PRUNING_LIMIT_MS = 180_000;

describeStack('events that are pruned by age', {
    config: { database: { outbox_retention_s: 1 } },
}, ({ stack, test }) => {
    test('the old go, also the very last that is old, and numbers go on', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        await sendMany(salon, id, 5);
        const before = await stack.database.lastSeq();
        await until('the outbox is pruned', async () => {
            await send(salon, id);
            return await stack.database.value('SELECT min(seq) FROM outbox') > before;
        }, PRUNING_LIMIT_MS);
        assert.deepEqual(await stack.database.findings(), []);
    });
});

// What was sent before nanomsg had connected does not arrive at all.
const ARRIVAL_MS = 200;
const busAddress = join(tmpdir(), `messagerie-bus-${process.pid}.ipc`);

describeStack('events on the bus', {
    config: { bus: { brokers: `ipc://${busAddress}` } },
}, ({ stack, test }) => {
    test('no request fails or waits because no broker listens', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        await sendMany(salon, id, 200);
    });

    // A program that runs for one request is mostly gone before nanomsg has connected.
    const skip = ['cgi', 'apache-cgid'].includes(stack.frontName) && 'no process that stays';

    test('a broker that listens gets each committed event as it stands in the outbox', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const bus = await NanomsgPull.listen(busAddress);
        try {
            await until('what is sent arrives', async () => {
                const message = await send(salon, id);
                const hasArrived = () => bus.messages.some((text) => text.includes(message.id));
                return until('this message arrives', hasArrived, ARRIVAL_MS).catch(() => false);
            });
            const before = await stack.database.lastSeq();
            await sendMany(salon, id, 10);
            bodyOf(await client.get(messagesPath(id)));
            const rows = await stack.database.sql(`SELECT seq, audience, name, payload FROM outbox
                WHERE seq > ${before} ORDER BY seq`);
            const expected = rows.map(({ seq, audience, name, payload }) =>
                [seq, audience, name, payload].join('\n'));
            await until('the last event has arrived', () => bus.messages.includes(expected.at(-1)));
            const numberOf = (message) => Number(message.split('\n', 1)[0]);
            assert.deepEqual(bus.messages.filter((message) => numberOf(message) > before),
                expected);
        } finally {
            await bus.close();
        }
    }, { skip });
});

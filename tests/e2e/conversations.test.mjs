// Conversations (docs/protocol.md, "Endpoints").

import assert from 'node:assert/strict';

import {
    archivePath, conversationPath, CONVERSATIONS, markReadPath, messagesPath, UNKNOWN_ID,
    UNREAD_TOTAL,
} from './harness/paths.mjs';
import { assertInvalid, bodyOf, errorOf, openConversation, PICTURE, send }
    from './harness/people.mjs';
import { describeStack } from './harness/stack.mjs';

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describeStack('conversations', {}, ({ stack, test }) => {
    // ---- 1: POST /messaging/conversations ----

    for (const role of ['salon', 'user', 'user_salon', 'user_tatoueur'])
        test(`the role ${role} opens a conversation`, async () => {
            const salon = await stack.knownPerson(role);
            const client = await stack.knownPerson('client');
            const conversation = await openConversation(salon, client);
            assert.equal(conversation.salonId, salon.id);
            assert.equal(conversation.salon.role, role);
        });

    for (const role of ['client', 'admin', undefined])
        test(`the role ${role} may not open a conversation, whatever the body`, async () => {
            const caller = await stack.knownPerson(role);
            const client = await stack.knownPerson('client');
            for (const body of [{ clientUserId: client.id }, { clientUserId: caller.id }, {}])
                errorOf(await stack.assertUnchanged(() => caller.post(CONVERSATIONS, body)), 403);
        });

    test('a new conversation has the fields of the contract and no others', async () => {
        const salon = await stack.knownPerson('salon', {
            salonName: 'Salon des Lilas',
            image: 'https://files.example/s.png',
            email: 's@salon.example',
        });
        const client = await stack.knownPerson('client', {
            firstName: 'Zoé', lastName: 'Martin', email: 'zoe@client.example',
        });
        const conversation = await openConversation(salon, client, { subject: 'Première séance' });
        const { id, createdAt, updatedAt, lastMessageAt, ...rest } = conversation;
        assert.deepEqual(rest, {
            salonId: salon.id,
            clientUserId: client.id,
            subject: 'Première séance',
            status: 'ACTIVE',
            salon: {
                id: salon.id, salonName: 'Salon des Lilas', image: 'https://files.example/s.png',
                email: 's@salon.example', role: 'salon',
            },
            client: { id: client.id, firstName: 'Zoé', lastName: 'Martin', role: 'client' },
            unreadCount: 0,
        });
        assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        for (const time of [createdAt, updatedAt, lastMessageAt])
            assert.match(time, TIMESTAMP);
        assert.deepEqual(bodyOf(await salon.get(conversationPath(id))), conversation);
    });

    test('what is optional may be null or left out, and is left out of the answer', async () => {
        const { salon, client } = await stack.salonAndClient();
        const absent = await openConversation(salon, client);
        const nulls = await openConversation(salon, client,
            { subject: null, appointmentId: null, firstMessage: null, salonId: null });
        for (const conversation of [absent, nulls])
            for (const key of ['subject', 'appointmentId', 'lastMessage'])
                assert.ok(!(key in conversation), key);
    });

    test('unknown fields are ignored, and a salon\'s salonId too', async () => {
        const { salon, client } = await stack.salonAndClient();
        const other = await stack.knownPerson('salon');
        const conversation = await openConversation(salon, client,
            { salonId: other.id, status: 'ARCHIVED', id: UNKNOWN_ID, extra: { deep: [1] } });
        assert.equal(conversation.salonId, salon.id);
        assert.equal(conversation.status, 'ACTIVE');
        assert.notEqual(conversation.id, UNKNOWN_ID);
    });

    test('firstMessage becomes a SYSTEM message, unread for the client only', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id, lastMessage, unreadCount } =
            await openConversation(salon, client, { firstMessage: 'Bienvenue !' });
        assert.equal(unreadCount, 0);
        const { id: messageId, createdAt, ...rest } = lastMessage;
        assert.deepEqual(rest, { content: 'Bienvenue !', senderId: salon.id, type: 'SYSTEM' });
        assert.match(createdAt, TIMESTAMP);
        assert.deepEqual(bodyOf(await client.get(UNREAD_TOTAL)), { totalUnread: 1 });
        assert.deepEqual(bodyOf(await salon.get(UNREAD_TOTAL)), { totalUnread: 0 });

        const [message] = bodyOf(await salon.get(messagesPath(id))).data;
        assert.equal(message.id, messageId);
        assert.equal(message.isRead, false);
        assert.equal(message.sender.id, salon.id);
    });

    test('a client that is unknown answers 404, one that is no client 400', async () => {
        const salon = await stack.knownPerson('salon');
        const other = await stack.knownPerson('salon');
        await stack.assertUnchanged(async () => {
            errorOf(await salon.post(CONVERSATIONS, { clientUserId: 'nobody' }), 404);
            assert.equal(errorOf(await salon.post(CONVERSATIONS, { clientUserId: other.id }), 400),
                "Cette personne n'est pas un client");
            assert.equal(errorOf(await salon.post(CONVERSATIONS, { clientUserId: salon.id }), 400),
                'Le client ne peut pas être le salon');
        });
    });

    test('a stored appointment is shown, and opens no second conversation', async () => {
        const { salon, client } = await stack.salonAndClient();
        const appointmentId = await stack.book(salon, client);
        const request = { clientUserId: client.id, appointmentId, firstMessage: 'Bonjour' };
        const first = bodyOf(await salon.post(CONVERSATIONS, request), 201);
        assert.equal(first.appointmentId, appointmentId);
        const again = await stack.assertUnchanged(() =>
            salon.post(CONVERSATIONS, { ...request, subject: 'Autre sujet' }));
        assert.deepEqual(bodyOf(again, 200), first);
    });

    test('many at once with one appointment make one conversation', async () => {
        const { salon, client } = await stack.salonAndClient();
        const appointmentId = await stack.book(salon, client);
        const responses = await Promise.all(Array.from({ length: 20 }, () =>
            salon.post(CONVERSATIONS, { clientUserId: client.id, appointmentId })));
        const statuses = responses.map(({ status }) => status).sort();
        assert.deepEqual(statuses, [...Array(19).fill(200), 201]);
        assert.equal(new Set(responses.map(({ body }) => body.id)).size, 1);
    });

    test('an unknown appointment and a foreign one answer the same 404', async () => {
        const { salon, client } = await stack.salonAndClient();
        const otherClient = await stack.knownPerson('client');
        const otherSalon = await stack.knownPerson('salon');
        const appointmentId = await stack.book(salon, client);
        await openConversation(salon, client, { appointmentId });
        await stack.assertUnchanged(async () => {
            const ask = async (who, whom, id) => errorOf(
                await who.post(CONVERSATIONS, { clientUserId: whom.id, appointmentId: id }), 404);
            const unknown = await ask(salon, client, 'no-such-appointment');
            assert.equal(await ask(otherSalon, client, appointmentId), unknown);
            assert.equal(await ask(salon, otherClient, appointmentId), unknown);
        });
    });

    test('the service opens one in the name of the salon that it names', async () => {
        const { salon, client } = await stack.salonAndClient();
        const service = stack.person('service');
        const conversation = await openConversation(service, client, { salonId: salon.id });
        assert.equal(conversation.salonId, salon.id);
        assert.equal(bodyOf(await salon.get(CONVERSATIONS)).total, 1);

        await stack.assertUnchanged(async () => {
            const ask = (body) => service.post(CONVERSATIONS, { clientUserId: client.id, ...body });
            assertInvalid(await ask({}), ['salonId']);
            errorOf(await ask({ salonId: 'nobody' }), 404);
            assert.equal(errorOf(await ask({ salonId: client.id }), 400),
                "Cette personne n'est pas un salon");
        });
    });

    test('every broken rule of a new conversation is told', async () => {
        const salon = await stack.knownPerson('salon');
        const client = await stack.knownPerson('client');
        const fields = { clientUserId: client.id };
        const invalid = async (body, ...broken) =>
            assertInvalid(await salon.post(CONVERSATIONS, body), broken);
        await stack.assertUnchanged(async () => {
            await invalid({}, 'clientUserId');
            await invalid({ clientUserId: null }, 'clientUserId');
            await invalid({ clientUserId: 42 }, 'clientUserId');
            await invalid({ clientUserId: '' }, 'clientUserId');
            await invalid({ clientUserId: 'é'.repeat(33) }, 'clientUserId');
            await invalid({ ...fields, subject: 'ab' }, 'subject');
            await invalid({ ...fields, subject: 'é'.repeat(201) }, 'subject');
            await invalid({ ...fields, firstMessage: '' }, 'firstMessage');
            await invalid({ ...fields, firstMessage: ' \n\t ' }, 'firstMessage');
            await invalid({ ...fields, firstMessage: 'é'.repeat(10_001) }, 'firstMessage');
            await invalid({ subject: 1, firstMessage: [], appointmentId: {} },
                'clientUserId', 'subject', 'firstMessage', 'appointmentId');
        });
        for (const subject of ['abc', '😀'.repeat(3), '😀'.repeat(200)])
            assert.equal((await openConversation(salon, client, { subject })).subject, subject);
        const firstMessage = '😀'.repeat(10_000);
        const { lastMessage } = await openConversation(salon, client, { firstMessage });
        assert.equal(lastMessage.content, firstMessage);
    });

    // ---- 2: GET /messaging/conversations ----

    test('the list has the newest message first, for both sides, and nobody else\'s', async () => {
        const { salon, client } = await stack.salonAndClient();
        const stranger = await stack.knownPerson('salon');
        await openConversation(stranger, client);
        const ids = [];
        for (let i = 0; i < 5; i++)
            ids.push((await openConversation(salon, client)).id);
        await send(client, ids[1]);
        const expected = [ids[1], ids[4], ids[3], ids[2], ids[0]];
        const page = bodyOf(await salon.get(CONVERSATIONS));
        assert.deepEqual(page.data.map(({ id }) => id), expected);
        const times = page.data.map(({ lastMessageAt }) => lastMessageAt);
        assert.deepEqual(times, [...times].sort().reverse());
        const { data, ...rest } = page;
        assert.deepEqual(rest, { total: 5, page: 1, limit: 20, totalPages: 1 });
        assert.equal(data[0].unreadCount, 1);

        assert.equal(bodyOf(await client.get(CONVERSATIONS)).total, 6);
        assert.equal(bodyOf(await stranger.get(CONVERSATIONS)).total, 1);
    });

    test('the list is paged', async () => {
        const { salon, client } = await stack.salonAndClient();
        const ids = [];
        for (let i = 0; i < 7; i++)
            ids.unshift((await openConversation(salon, client)).id);
        const seen = [];
        for (const [number, size] of [[1, 3], [2, 3], [3, 1], [4, 0]]) {
            const { data, ...rest } = bodyOf(
                await salon.get(`${CONVERSATIONS}?page=${number}&limit=3`));
            assert.equal(data.length, size);
            assert.deepEqual(rest, { total: 7, page: number, limit: 3, totalPages: 3 });
            seen.push(...data.map(({ id }) => id));
        }
        assert.deepEqual(seen, ids);
    });

    test('a list without a conversation is empty', async () => {
        const salon = await stack.knownPerson('salon');
        assert.deepEqual(bodyOf(await salon.get(CONVERSATIONS)),
            { data: [], total: 0, page: 1, limit: 20, totalPages: 0 });
    });

    test('status filters the list; without it all are listed', async () => {
        const { salon, client } = await stack.salonAndClient();
        const active = await openConversation(salon, client);
        const archived = await openConversation(salon, client);
        bodyOf(await salon.patch(archivePath(archived.id)), 204);
        const listed = async (query) => {
            const { data, total } = bodyOf(await client.get(`${CONVERSATIONS}${query}`));
            assert.equal(data.length, total);
            return data.map(({ id }) => id).sort();
        };
        assert.deepEqual(await listed('?status=ACTIVE'), [active.id]);
        assert.deepEqual(await listed('?status=ARCHIVED'), [archived.id]);
        assert.deepEqual(await listed(''), [active.id, archived.id].sort());
    });

    test('a wrong page, limit or status is 400 (and not 500)', async () => {
        const salon = await stack.knownPerson('salon');
        for (const [query, ...fields] of [
            ['page=0', 'page'], ['page=-1', 'page'], ['page=abc', 'page'], ['page=1.5', 'page'],
            ['page=99999999999999999999', 'page'], ['limit=0', 'limit'],
            ['limit=101', 'limit'], ['limit=abc', 'limit'], ['limit=1e2', 'limit'],
            ['status=active', 'status'], ['status=DELETED', 'status'],
            ['page=x&limit=x&status=x', 'page', 'limit', 'status'],
        ])
            assertInvalid(await salon.get(`${CONVERSATIONS}?${query}`), fields);
        for (const query of ['page=1&limit=100', 'limit=1', 'other=1', 'page=1&&', 'page=&limit=&status=',
            'page', 'status'])
            bodyOf(await salon.get(`${CONVERSATIONS}?${query}`));
    });

    // ---- 3: GET /messaging/conversations/:id ----

    test('reading a conversation marks its messages read for the caller', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        await send(salon, id);
        const { lastMessage } = bodyOf(await salon.get(conversationPath(id)));
        assert.deepEqual(bodyOf(await client.get(UNREAD_TOTAL)), { totalUnread: 1 });

        const shown = bodyOf(await client.get(conversationPath(id)));
        assert.equal(shown.unreadCount, 0);
        assert.deepEqual(shown.lastMessage, lastMessage);
        assert.deepEqual(bodyOf(await client.get(UNREAD_TOTAL)), { totalUnread: 0 });
        assert.equal(bodyOf(await salon.get(messagesPath(id))).data[0].isRead, true);
    });

    test('a conversation is shown to its participants only', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        bodyOf(await client.get(conversationPath(id)));
        for (const role of ['salon', 'client', 'service'])
            errorOf(await stack.person(role).get(conversationPath(id)), 403);
        errorOf(await salon.get(conversationPath(UNKNOWN_ID)), 404);
    });

    // ---- 4: PATCH /messaging/conversations/:id ----

    test('both sides change the subject, the salon alone the status', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const path = conversationPath(id);
        const { subject } = bodyOf(await client.patch(path, { subject: 'Mon tatouage' }));
        assert.equal(subject, 'Mon tatouage');
        const changes = { subject: 'Le tatouage', status: 'ARCHIVED' };
        const changed = bodyOf(await salon.patch(path, changes));
        assert.equal(changed.subject, 'Le tatouage');
        assert.equal(changed.status, 'ARCHIVED');
        await stack.assertUnchanged(async () => {
            errorOf(await client.patch(path, { status: 'ACTIVE' }), 403);
            errorOf(await client.patch(path, { subject: 'Autre', status: 'ACTIVE' }), 403);
        });
        const seen = bodyOf(await client.get(path));
        assert.equal(seen.subject, 'Le tatouage');
        assert.equal(seen.status, 'ARCHIVED');
    });

    test('a change of nothing changes nothing', async () => {
        const { salon, client } = await stack.salonAndClient();
        const conversation = await openConversation(salon, client, { subject: 'Le sujet' });
        const path = conversationPath(conversation.id);
        for (const body of [{}, { status: null }, { other: 1 }, undefined])
            assert.deepEqual(
                bodyOf(await stack.assertUnchanged(() => salon.patch(path, body))), conversation);
        const stranger = await stack.knownPerson('salon');
        errorOf(await stranger.patch(path), 403);
    });

    test('a subject that is null is removed, and told', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client, { subject: 'Le sujet' });
        const { result, events } = await stack.watchEvents(() =>
            client.patch(conversationPath(id), { subject: null }));
        assert.ok(!('subject' in bodyOf(result)));
        assert.ok(!('subject' in bodyOf(await salon.get(conversationPath(id)))));
        assert.deepEqual(events.map(({ name }) => name),
            ['conversation-updated', 'conversation-updated']);
        await stack.assertUnchanged(() => client.patch(conversationPath(id), { subject: null }));
    });

    test('every broken rule of a change is told', async () => {
        const { salon, client } = await stack.salonAndClient();
        const path = conversationPath((await openConversation(salon, client)).id);
        await stack.assertUnchanged(async () => {
            assertInvalid(await salon.patch(path, { subject: 'ab' }), ['subject']);
            assertInvalid(await salon.patch(path, { subject: 'x'.repeat(201) }), ['subject']);
            assertInvalid(await salon.patch(path, { status: 'CLOSED' }), ['status']);
            assertInvalid(await salon.patch(path, { subject: 3, status: 4 }),
                ['subject', 'status']);
        });
    });

    // ---- 5: PATCH /messaging/conversations/:id/archive ----

    test('archive toggles, and is the salon\'s alone', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const status = async () => bodyOf(await client.get(conversationPath(id))).status;
        for (const expected of ['ARCHIVED', 'ACTIVE', 'ARCHIVED']) {
            const response = await salon.patch(archivePath(id));
            assert.equal(response.status, 204);
            assert.equal(response.text, '');
            assert.equal(await status(), expected);
        }
        errorOf(await stack.assertUnchanged(() => client.patch(archivePath(id))), 403);
    });

    test('a new message revives an archived conversation', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        bodyOf(await salon.patch(archivePath(id)), 204);
        await send(client, id);
        assert.equal(bodyOf(await salon.get(conversationPath(id))).status, 'ACTIVE');
        assert.equal(bodyOf(await salon.get(`${CONVERSATIONS}?status=ACTIVE`)).total, 1);
        assert.equal(bodyOf(await salon.get(`${CONVERSATIONS}?status=ARCHIVED`)).total, 0);
    });

    // ---- 6: PATCH /messaging/conversations/:id/mark-read ----

    for (const action of ['mark-read', 'mark-as-read'])
        test(`${action} marks the whole conversation read`, async () => {
            const { salon, client } = await stack.salonAndClient();
            const { id } = await openConversation(salon, client);
            await send(salon, id);
            await send(salon, id);
            await send(client, id);
            const response = await client.patch(`${conversationPath(id)}/${action}`);
            assert.equal(response.status, 204);
            assert.equal(response.text, '');
            assert.deepEqual(bodyOf(await client.get(UNREAD_TOTAL)), { totalUnread: 0 });
            assert.deepEqual(bodyOf(await salon.get(UNREAD_TOTAL)), { totalUnread: 1 });
            await stack.assertUnchanged(async () =>
                bodyOf(await client.patch(`${conversationPath(id)}/${action}`), 204));
        });

    test('nobody marks a conversation read that is not theirs', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        await send(salon, id);
        const stranger = await stack.knownPerson('client');
        errorOf(await stack.assertUnchanged(() => stranger.patch(markReadPath(id))), 403);
    });

    // ---- 7: DELETE /messaging/conversations/:id ----

    test('deleting takes all that hangs on it, and the counters follow', async () => {
        const { salon, client } = await stack.salonAndClient();
        const appointmentId = await stack.book(salon, client);
        const { id } = await openConversation(salon, client, { appointmentId });
        const kept = await openConversation(salon, client);
        await send(salon, kept.id);
        await send(salon, id, { content: 'à jeter', attachments: [PICTURE] });
        await send(client, id);
        errorOf(await stack.assertUnchanged(() => client.delete(conversationPath(id))), 403);

        const response = await salon.delete(conversationPath(id));
        assert.equal(response.status, 204);
        assert.equal(response.text, '');
        errorOf(await salon.get(conversationPath(id)), 404);
        errorOf(await salon.get(messagesPath(id)), 404);
        for (const table of ['messages', 'attachments', 'participants', 'message_holes'])
            assert.equal(await stack.database.value(
                `SELECT count(*) FROM ${table} WHERE conversation_id = '${id}'`), 0, table);
        assert.deepEqual(bodyOf(await client.get(UNREAD_TOTAL)), { totalUnread: 1 });
        assert.deepEqual(bodyOf(await salon.get(UNREAD_TOTAL)), { totalUnread: 0 });
        assert.equal(bodyOf(await salon.get(CONVERSATIONS)).total, 1);
        errorOf(await salon.delete(conversationPath(id)), 404);

        const reopened = await openConversation(salon, client, { appointmentId });
        assert.notEqual(reopened.id, id);
    });

    test('all counters equal a recount', async () => {
        assert.deepEqual(await stack.database.findings(), []);
    });
});

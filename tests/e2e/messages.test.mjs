// Messages (docs/protocol.md, "Endpoints").

import assert from 'node:assert/strict';

import {
    conversationPath, messagePath, messagesPath, readPath, UNKNOWN_ID, UNREAD_TOTAL,
} from './harness/paths.mjs';
import { assertInvalid, bodyOf, errorOf, openConversation, PICTURE, send, sendMany }
    from './harness/people.mjs';
import { describeStack } from './harness/stack.mjs';

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const BODY_MAX_BYTES = 256 * 1024;

/** JSON text of exactly `bytes` bytes that sends "Bonjour"; what fills it up is ignored. */
function bodyOfLength(bytes) {
    const empty = JSON.stringify({ content: 'Bonjour', filler: '' });
    return JSON.stringify({ content: 'Bonjour', filler: 'x'.repeat(bytes - empty.length) });
}

describeStack('messages', {}, ({ stack, test }) => {
    async function talk() {
        const people = await stack.salonAndClient();
        const { id } = await openConversation(people.salon, people.client);
        return { ...people, id, path: messagesPath(id) };
    }

    // ---- 8: POST /messaging/conversations/:id/messages ----

    test('a new message has the fields of the contract and no others', async () => {
        const { client, id } = await talk();
        const message = await send(client, id, { content: 'Bonjour, à quelle heure ?' });
        const { id: messageId, createdAt, ...rest } = message;
        assert.deepEqual(rest, {
            conversationId: id,
            content: 'Bonjour, à quelle heure ?',
            type: 'TEXT',
            isRead: false,
            sender: { id: client.id, firstName: 'Zoé', lastName: 'Martin', role: 'client' },
            attachments: [],
        });
        assert.match(messageId, /^[0-9a-f-]{36}$/);
        assert.match(createdAt, TIMESTAMP);
    });

    test('the sender\'s e-mail address is not in a message', async () => {
        const salon = await stack.knownPerson('salon', { email: 's@salon.example' });
        const client = await stack.knownPerson('client');
        await stack.book(salon, client);
        const { id } = await openConversation(salon, client);
        assert.ok(!('email' in (await send(salon, id)).sender));
        assert.doesNotMatch((await salon.get(messagesPath(id))).text, /@salon\.example/);
    });

    test('a message moves its conversation', async () => {
        const { salon, client, id } = await talk();
        const before = bodyOf(await salon.get(conversationPath(id)));
        const message = await send(client, id);
        const after = bodyOf(await salon.get(conversationPath(id)));
        assert.ok(after.lastMessageAt >= before.lastMessageAt);
        assert.equal(after.lastMessageAt, message.createdAt);
        assert.deepEqual(after.lastMessage, {
            id: message.id, content: message.content, senderId: client.id, type: 'TEXT',
            createdAt: message.createdAt,
        });
    });

    test('both sides send, every type but SYSTEM', async () => {
        const { salon, client, id, path } = await talk();
        for (const type of ['TEXT', 'IMAGE', 'FILE'])
            for (const sender of [salon, client])
                assert.equal((await send(sender, id, { content: 'Bonjour', type })).type, type);
        assertInvalid(await stack.assertUnchanged(() =>
            salon.post(path, { content: 'Bonjour', type: 'SYSTEM' })), ['type']);
    });

    test('conversationId in the body is ignored, and needed by nobody', async () => {
        const { client, id } = await talk();
        const other = await talk();
        for (const conversationId of [id, other.id, UNKNOWN_ID, 7, null]) {
            const message = await send(client, id, { content: 'ici', conversationId });
            assert.equal(message.conversationId, id);
        }
    });

    test('unknown fields are ignored, null counts as absent', async () => {
        const { client, id } = await talk();
        const message = await send(client, id, {
            content: 'Bonjour', type: null, attachments: null, clientMessageId: null,
            id: UNKNOWN_ID, isRead: true, sender: { id: 'somebody' }, readAt: '2026-01-01',
        });
        assert.equal(message.type, 'TEXT');
        assert.equal(message.isRead, false);
        assert.equal(message.sender.id, client.id);
        assert.notEqual(message.id, UNKNOWN_ID);
        assert.ok(!('clientMessageId' in message) && !('readAt' in message));
    });

    test('text comes back as it was sent, in every script', async () => {
        const { client, id, path } = await talk();
        const texts = [
            'É', '"\\/\b\f\n\r\t', '\u0001\u001f\u007f', 'שלום', '👩‍👩‍👧', '\u{10ffff}', '<script>',
            '%00%', "L'été\u2028",
            '😀'.repeat(10_000),
        ];
        for (const content of texts)
            assert.equal((await send(client, id, { content })).content, content);
        assert.deepEqual(bodyOf(await client.get(path)).data.map(({ content }) => content),
            texts.reverse());
    });

    test('content is 1 to 10,000 characters and not only blanks', async () => {
        const { client, path } = await talk();
        await stack.assertUnchanged(async () => {
            for (const content of [undefined, null, '', ' ', '\n\t ', '\u00a0\u3000',
                'é'.repeat(10_001),
                '😀'.repeat(10_001), 7, true, [], {}])
                assertInvalid(await client.post(path, { content }), ['content']);
        });
    });

    test('a message may have up to five attachments', async () => {
        const { client, id, path } = await talk();
        const attachments = ['jpeg', 'jpg', 'png', 'gif', 'webp'].map((type, index) => ({
            fileName: `Modèle ${index}.${type}`,
            fileUrl: `https://files.example/f/${index}?k=é`,
            fileType: `image/${type}`,
            fileSize: index === 0 ? 1 : 10_485_760,
            uploadThingKey: `key-${index}`,
        }));
        const message = await send(client, id, { content: 'Voici', type: 'IMAGE', attachments });
        const shown = message.attachments.map(({ id: attachmentId, ...fields }) => {
            assert.match(attachmentId, /^[0-9a-f-]{36}$/);
            return fields;
        });
        assert.deepEqual(shown, attachments.map(({ uploadThingKey, ...fields }) => fields));
        assert.deepEqual(bodyOf(await client.get(path)).data, [message]);
        assertInvalid(await client.post(path,
            { content: 'Voici', attachments: [...attachments, PICTURE] }), ['attachments']);
    });

    test('with an attachment the text may be empty or left out', async () => {
        const { client, id } = await talk();
        for (const content of ['', undefined, null])
            assert.equal((await send(client, id, { content, attachments: [PICTURE] })).content, '');
    });

    test('every broken rule of an attachment is told, by its place', async () => {
        const { client, path } = await talk();
        const invalid = async (attachment, ...fields) =>
            assertInvalid(await client.post(path,
                { content: 'x', attachments: [PICTURE, attachment] }),
                fields.map((field) => `attachments.1.${field}`));
        await stack.assertUnchanged(async () => {
            await invalid({}, 'fileName', 'fileUrl', 'fileType', 'fileSize');
            for (const fileName of ['', 'é'.repeat(256), 7])
                await invalid({ ...PICTURE, fileName }, 'fileName');
            for (const fileUrl of ['', 'javascript:alert(1)', 'ftp://files.example/a',
                '//files.example/a',
                'https://', 'data:image/png;base64,AA', 'https:files.example', 'http://a b/', 7])
                await invalid({ ...PICTURE, fileUrl }, 'fileUrl');
            for (const fileType of ['', 'image/svg+xml', 'text/html', 'image/PNG ', 7])
                await invalid({ ...PICTURE, fileType }, 'fileType');
            for (const fileSize of [0, -1, 1.5, 10_485_761, '20480', 1e300, null])
                await invalid({ ...PICTURE, fileSize }, 'fileSize');
            await invalid({ ...PICTURE, uploadThingKey: {} }, 'uploadThingKey');
            for (const attachment of [7, 'text', []])
                errorOf(await client.post(path, { content: 'x', attachments: [attachment] }), 400);
            assertInvalid(await client.post(path, { content: 'x', attachments: {} }),
                ['attachments']);
        });
    });

    test('a body of 256 KiB is read, one byte more is 413', async () => {
        const { client, path } = await talk();
        bodyOf(await client.post(path, bodyOfLength(BODY_MAX_BYTES)), 201);
        errorOf(await stack.assertUnchanged(() => client.post(path, bodyOfLength(BODY_MAX_BYTES + 1))), 413);
        errorOf(await stack.assertUnchanged(() => client.post(path, bodyOfLength(2 * 1024 * 1024))), 413);
    });

    test('fields that nobody reads may hold anything, the others at most 1,000 values', async () => {
        const { client, path } = await talk();
        const many = (value, count) => Array.from({ length: count }, () => value);
        for (const padding of [many({}, 50_000), many([], 50_000), many(0, 100_000), many('', 50_000),
            many({ content: [1] }, 10_000), { attachments: { type: many(null, 10_000) } }])
            bodyOf(await client.post(path, { padding, content: 'x' }), 201);
        for (const value of [{}, [], 0, '', null, { fileName: {} }])
            errorOf(await stack.assertUnchanged(() => client.post(path,
                { content: 'x', attachments: many(value, 1_000) })), 413);
        errorOf(await stack.assertUnchanged(() => client.post(path,
            `{"content":"x","padding":${'['.repeat(50_000)}${']'.repeat(50_000)}}`)), 400);
    });

    test('nobody sends into a conversation that is not theirs', async () => {
        const { client, path } = await talk();
        for (const role of ['salon', 'client']) {
            const stranger = await stack.knownPerson(role);
            // 403 comes before 400.
            for (const body of [{ content: 'Bonjour' }, {}, 'no JSON'])
                errorOf(await stack.assertUnchanged(() => stranger.post(path, body)), 403);
        }
        errorOf(await client.post(messagesPath(UNKNOWN_ID), {}), 404);
    });

    // ---- 9: GET /messaging/conversations/:id/messages ----

    test('a page has the newest message first', async () => {
        const { salon, client, id, path } = await talk();
        const sent = [...await sendMany(salon, id, 3), ...await sendMany(client, id, 4)].reverse();
        const page = bodyOf(await client.get(`${path}?page=1&limit=3`));
        const { data, nextCursor, ...rest } = page;
        assert.deepEqual(data.map(({ id: messageId }) => messageId),
            sent.slice(0, 3).map(({ id: messageId }) => messageId));
        assert.deepEqual(rest, { total: 7, page: 1, limit: 3, totalPages: 3, hasMore: true });
        assert.equal(typeof nextCursor, 'string');
        const whole = bodyOf(await client.get(path));
        assert.equal(whole.limit, 50);
        assert.equal(whole.hasMore, false);
        assert.ok(!('nextCursor' in whole));
        assert.deepEqual(whole.data.map(({ content }) => content),
            sent.map(({ content }) => content));
    });

    test('a conversation without messages has an empty page', async () => {
        const { client, path } = await talk();
        assert.deepEqual(bodyOf(await client.get(path)),
            { data: [], total: 0, page: 1, limit: 50, totalPages: 0, hasMore: false });
    });

    test('reading a page marks its messages, and no others, read, and shows them so', async () => {
        const { salon, client, id, path } = await talk();
        await sendMany(salon, id, 5);
        const own = await send(client, id);
        const { data } = bodyOf(await client.get(`${path}?limit=3`));
        assert.deepEqual(data.map(({ isRead }) => isRead), [false, true, true]);
        assert.equal(data[0].id, own.id);
        for (const { readAt } of data.slice(1))
            assert.match(readAt, TIMESTAMP);
        assert.deepEqual(bodyOf(await client.get(UNREAD_TOTAL)), { totalUnread: 3 });
        assert.deepEqual(bodyOf(await salon.get(UNREAD_TOTAL)), { totalUnread: 1 });

        bodyOf(await client.get(`${path}?page=2&limit=3`));
        assert.deepEqual(bodyOf(await client.get(UNREAD_TOTAL)), { totalUnread: 0 });
        assert.deepEqual(bodyOf(await client.get(path)).data.slice(1, 3), data.slice(1));
    });

    test('a wrong page, limit or cursor is 400', async () => {
        const { salon, client, id, path } = await talk();
        await send(salon, id);
        await stack.assertUnchanged(async () => {
            for (const [query, field] of [['page=0', 'page'], ['page=x', 'page'],
                ['limit=0', 'limit'],
                ['limit=101', 'limit'], ['limit=x', 'limit'], ['before=x', 'before'],
                ['before=-1', 'before']])
                assertInvalid(await client.get(`${path}?${query}`), [field]);
        });
    });

    test('messages are shown to participants only', async () => {
        const { salon, path, id } = await talk();
        await send(salon, id);
        for (const role of ['salon', 'client', 'service']) {
            const stranger = await stack.knownPerson(role);
            await stack.assertUnchanged(async () => {
                errorOf(await stranger.get(path), 403);
                errorOf(await stranger.get(`${path}?page=0`), 403);
            });
        }
        errorOf(await salon.get(messagesPath(UNKNOWN_ID)), 404);
    });

    // ---- 10: PATCH /messaging/messages/:id/read ----

    test('the recipient marks a message read, once', async () => {
        const { salon, client, id } = await talk();
        const [first, second] = await sendMany(salon, id, 2);
        const read = bodyOf(await client.patch(readPath(first.id)));
        assert.match(read.readAt, TIMESTAMP);
        assert.deepEqual(read, { ...first, isRead: true, readAt: read.readAt });
        assert.deepEqual(bodyOf(await client.get(UNREAD_TOTAL)), { totalUnread: 1 });
        const again = await stack.assertUnchanged(() => client.patch(readPath(first.id)));
        assert.deepEqual(bodyOf(again), read);
        assert.equal(bodyOf(await client.patch(readPath(second.id))).isRead, true);
        assert.deepEqual(bodyOf(await client.get(UNREAD_TOTAL)), { totalUnread: 0 });
    });

    test('for the author marking changes nothing', async () => {
        const { salon, id } = await talk();
        const message = await send(salon, id);
        assert.deepEqual(
            bodyOf(await stack.assertUnchanged(() => salon.patch(readPath(message.id)))), message);
    });

    test('nobody marks a message that is not theirs to read', async () => {
        const { salon, id } = await talk();
        const message = await send(salon, id);
        for (const role of ['salon', 'client']) {
            const stranger = await stack.knownPerson(role);
            errorOf(await stack.assertUnchanged(() => stranger.patch(readPath(message.id))), 403);
        }
        errorOf(await salon.patch(readPath(UNKNOWN_ID)), 404);
    });

    // ---- 11: DELETE /messaging/messages/:id ----

    test('the author deletes a message, attachments go with it', async () => {
        const { salon, client, id, path } = await talk();
        const kept = await send(client, id);
        const { id: deletedId } = await send(client, id, { content: '', attachments: [PICTURE] });
        errorOf(await stack.assertUnchanged(() => salon.delete(messagePath(deletedId))), 403);

        const response = await client.delete(messagePath(deletedId));
        assert.equal(response.status, 204);
        assert.equal(response.text, '');
        assert.deepEqual(bodyOf(await client.get(path)).data, [kept]);
        assert.equal(await stack.database.value(
            `SELECT count(*) FROM attachments WHERE conversation_id = '${id}'`), 0);
        const { lastMessage } = bodyOf(await client.get(conversationPath(id)));
        assert.equal(lastMessage.id, kept.id);
        errorOf(await client.delete(messagePath(deletedId)), 404);
        errorOf(await client.patch(readPath(deletedId)), 404);
    });

    test('after the only message is deleted there is no lastMessage', async () => {
        const { client, id } = await talk();
        bodyOf(await client.delete(messagePath((await send(client, id)).id)), 204);
        assert.ok(!('lastMessage' in bodyOf(await client.get(conversationPath(id)))));
    });

    test('nobody deletes a SYSTEM message', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { lastMessage } = await openConversation(salon, client,
            { firstMessage: 'Bienvenue' });
        for (const person of [salon, client])
            errorOf(await stack.assertUnchanged(() => person.delete(messagePath(lastMessage.id))),
                403);
    });

    test('an unread message that is deleted is no longer counted', async () => {
        const { salon, client, id } = await talk();
        const [first, second] = await sendMany(salon, id, 2);
        bodyOf(await client.patch(readPath(first.id)));
        bodyOf(await salon.delete(messagePath(second.id)), 204);
        assert.deepEqual(bodyOf(await client.get(UNREAD_TOTAL)), { totalUnread: 0 });
        bodyOf(await salon.delete(messagePath(first.id)), 204);
        assert.deepEqual(bodyOf(await client.get(UNREAD_TOTAL)), { totalUnread: 0 });
    });

    test('all counters equal a recount', async () => {
        assert.deepEqual(await stack.database.findings(), []);
    });
});

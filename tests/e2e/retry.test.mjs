// Promise 3 (docs/architecture.md, "Promises"): a retry with the same clientMessageId makes no
// second message and answers as the first time.

import assert from 'node:assert/strict';

import { archivePath, conversationPath, messagesPath } from './harness/paths.mjs';
import { assertInvalid, bodyOf, openConversation, PICTURE, send } from './harness/people.mjs';
import { describeStack } from './harness/stack.mjs';

const REPEATS = 50;

describeStack('retry', {}, ({ stack, test }) => {
    async function talk() {
        const people = await stack.salonAndClient();
        const { id } = await openConversation(people.salon, people.client);
        return { ...people, id, path: messagesPath(id) };
    }

    test('a repeat answers 200 with the first message and writes nothing', async () => {
        const { client, id, path } = await talk();
        const body = { content: 'Bonjour', clientMessageId: 'key-1', attachments: [PICTURE] };
        const first = await send(client, id, body);
        assert.equal(first.clientMessageId, 'key-1');
        for (const repeat of [body, { content: 'Autre texte', clientMessageId: 'key-1' }]) {
            const response = await stack.assertUnchanged(() => client.post(path, repeat));
            assert.deepEqual(bodyOf(response, 200), first);
        }
        assert.equal(bodyOf(await client.get(path)).total, 1);
    });

    test(`${REPEATS} repeats at once make one message`, async () => {
        const { client, path } = await talk();
        const body = { content: 'Bonjour', clientMessageId: 'key' };
        const responses = await Promise.all(
            Array.from({ length: REPEATS }, () => client.post(path, body)));
        const statuses = responses.map(({ status }) => status).sort();
        assert.deepEqual(statuses, [...Array(REPEATS - 1).fill(200), 201]);
        for (const response of responses)
            assert.deepEqual(response.body, responses[0].body);
        const { data, total } = bodyOf(await client.get(path));
        assert.equal(total, 1);
        assert.deepEqual(data, [responses[0].body]);
    });

    test('the key is that of one sender in one conversation', async () => {
        const { salon, client, id } = await talk();
        const other = await openConversation(salon, client);
        const messages = [];
        for (const sender of [salon, client])
            for (const conversationId of [id, other.id])
                messages.push(
                    await send(sender, conversationId, { content: 'x', clientMessageId: 'same' }));
        assert.equal(new Set(messages.map((message) => message.id)).size, 4);
    });

    test('without a key equal messages are different messages', async () => {
        const { client, id } = await talk();
        const first = await send(client, id, { content: 'x' });
        assert.notEqual((await send(client, id, { content: 'x' })).id, first.id);
    });

    test('keys are compared byte by byte', async () => {
        const { client, id } = await talk();
        const keys = ['a', 'A', 'a ', ' a', 'á', 'a\u0301', 'é'.repeat(32), 'x'.repeat(64)];
        for (const clientMessageId of keys)
            assert.equal((await send(client, id,
                { content: 'x', clientMessageId })).clientMessageId,
                clientMessageId);
        assert.equal(bodyOf(await client.get(messagesPath(id))).total, keys.length);
    });

    test('a key is 1 to 64 bytes', async () => {
        const { client, path } = await talk();
        for (const clientMessageId of ['', 'x'.repeat(65), 'é'.repeat(33), 7, {}])
            assertInvalid(await stack.assertUnchanged(() =>
                client.post(path, { content: 'x', clientMessageId })), ['clientMessageId']);
    });

    test('a repeat shows what became of the message, and revives nothing', async () => {
        const { salon, client, id, path } = await talk();
        const body = { content: 'Bonjour', clientMessageId: 'key' };
        await send(client, id, body);
        const [read] = bodyOf(await salon.get(path)).data;
        bodyOf(await salon.patch(archivePath(id)), 204);
        assert.deepEqual(bodyOf(await client.post(path, body), 200), read);
        assert.equal(bodyOf(await client.get(conversationPath(id))).status, 'ARCHIVED');
    });
});

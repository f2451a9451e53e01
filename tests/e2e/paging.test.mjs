// Pages, totals and cursors stay exact after any deletions, checked against a model.

import assert from 'node:assert/strict';

import { archivePath, conversationPath, CONVERSATIONS, messagePath, messagesPath }
    from './harness/paths.mjs';
import { bodyOf, openConversation, sendMany } from './harness/people.mjs';
import { isLong } from './harness/project.mjs';
import { seededRandom, testSeed } from './harness/random.mjs';
import { describeStack } from './harness/stack.mjs';

const MESSAGES = isLong ? 6_000 : 400;
const CONVERSATION_COUNT = 45;
const seed = testSeed();

describeStack(`paging (MESSAGERIE_TEST_SEED=${seed})`, {}, ({ stack, test }) => {
    const random = seededRandom(seed);
    const idsOf = ({ data }) => data.map(({ id }) => id);

    /** Asserts that the pages of that size are the model's, the one behind the last included. */
    async function assertPages(person, path, model, limit) {
        const totalPages = Math.ceil(model.length / limit);
        for (let page = 1; page <= totalPages + 1; page++) {
            const body = bodyOf(await person.get(`${path}?page=${page}&limit=${limit}`));
            assert.deepEqual(idsOf(body), model.slice((page - 1) * limit, page * limit));
            const { total, totalPages: told, page: number, limit: size } = body;
            assert.deepEqual({ total, told, number, size },
                { total: model.length, told: totalPages, number: page, size: limit });
            if ('hasMore' in body)
                assert.equal(body.hasMore, page < totalPages);
        }
    }

    /** The ids that one gets by following the cursor to the end. */
    async function walk(person, path, limit) {
        const ids = [];
        let query = `?limit=${limit}`;
        for (;;) {
            const body = bodyOf(await person.get(path + query));
            ids.push(...idsOf(body));
            assert.equal('nextCursor' in body, body.hasMore);
            if (!body.hasMore)
                return ids;
            query = `?limit=${limit}&before=${encodeURIComponent(body.nextCursor)}`;
        }
    }

    test('pages of messages are exact after random deletions', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const path = messagesPath(id);
        const authors = new Map();
        for (let left = MESSAGES; left > 0;) {
            const author = random.pick([salon, client]);
            const count = Math.min(left, 1 + random.below(9));
            for (const message of await sendMany(author, id, count))
                authors.set(message.id, author);
            left -= count;
        }
        const model = [...authors.keys()].reverse();
        await assertPages(client, path, model, 100);
        for (const share of [0.1, 0.5, 0.9]) {
            const before = model.length;
            while (model.length > before * (1 - share)) {
                // A run of neighbours, so that whole blocks become empty too.
                const run = model.splice(random.below(model.length), 1 + random.below(before / 8));
                for (const messageId of run)
                    bodyOf(await authors.get(messageId).delete(messagePath(messageId)), 204);
            }
            for (const limit of [7, 50, 100])
                await assertPages(salon, path, model, limit);
            assert.deepEqual(await walk(salon, path, 1 + random.below(40)), model);
        }
        assert.deepEqual(await stack.database.findings(), []);
    });

    test('a cursor stays where it is when messages come and go', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const ids = (await sendMany(salon, id, 10)).map((message) => message.id).reverse();
        const { nextCursor } = bodyOf(await client.get(`${messagesPath(id)}?limit=4`));
        await sendMany(salon, id, 3);
        for (const gone of [ids[3], ids[4]])
            bodyOf(await salon.delete(messagePath(gone)), 204);
        const next = bodyOf(await client.get(`${messagesPath(id)}?limit=4&before=${nextCursor}`));
        assert.deepEqual(idsOf(next), ids.slice(5, 9));
        assert.equal(next.total, 11);
    });

    test('pages of conversations are exact through archiving, reviving and deleting', async () => {
        const { salon, client } = await stack.salonAndClient();
        const model = [];
        for (let i = 0; i < CONVERSATION_COUNT; i++)
            model.unshift({ id: (await openConversation(salon, client)).id, isArchived: false });
        const changes = [
            async (conversation) => {
                bodyOf(await salon.patch(archivePath(conversation.id)), 204);
                conversation.isArchived = !conversation.isArchived;
            },
            async (conversation) => {
                await sendMany(random.pick([salon, client]), conversation.id, 1);
                model.splice(model.indexOf(conversation), 1);
                model.unshift({ ...conversation, isArchived: false });
            },
            async (conversation) => {
                bodyOf(await salon.delete(conversationPath(conversation.id)), 204);
                model.splice(model.indexOf(conversation), 1);
            },
        ];
        for (let step = 0; step < CONVERSATION_COUNT; step++)
            await random.pick(changes)(random.pick(model));
        const ids = (wanted) => model.filter(wanted).map(({ id }) => id);
        for (const person of [salon, client])
            for (const limit of [4, 100]) {
                await assertPages(person, CONVERSATIONS, ids(() => true), limit);
                await assertStatus(person, 'ARCHIVED', ids(({ isArchived }) => isArchived), limit);
                await assertStatus(person, 'ACTIVE', ids(({ isArchived }) => !isArchived), limit);
            }
    });

    async function assertStatus(person, status, model, limit) {
        const body = bodyOf(await person.get(`${CONVERSATIONS}?status=${status}&limit=${limit}`));
        assert.deepEqual(idsOf(body), model.slice(0, limit));
        assert.equal(body.total, model.length);
        assert.equal(body.totalPages, Math.ceil(model.length / limit));
    }
});

// The unread counters: what is shown of them, and that they always equal the number of messages
// that are unread (docs/protocol.md, "Endpoints").

import assert from 'node:assert/strict';

import {
    archivePath, conversationPath, CONVERSATIONS, markReadPath, messagePath, messagesPath, readPath,
    UNREAD, UNREAD_TOTAL,
} from './harness/paths.mjs';
import { bodyOf, openConversation, send, sendMany } from './harness/people.mjs';
import { seededRandom, testSeed } from './harness/random.mjs';
import { describeStack } from './harness/stack.mjs';

const RANDOM_STEPS = 150;
const LISTED_MAX = 10;

describeStack('unread', {}, ({ stack, test }) => {
    const totalOf = async (person) => bodyOf(await person.get(UNREAD_TOTAL)).totalUnread;

    test('the total is over all conversations, each person\'s own', async () => {
        const { salon, client } = await stack.salonAndClient();
        const first = await openConversation(salon, client);
        const second = await openConversation(salon, client);
        await sendMany(client, first.id, 2);
        await sendMany(client, second.id, 3);
        await send(salon, second.id);
        assert.equal(await totalOf(salon), 5);
        assert.equal(await totalOf(client), 1);
        const counts = bodyOf(await salon.get(CONVERSATIONS)).data
            .map(({ id, unreadCount }) => [id, unreadCount]);
        assert.deepEqual(counts, [[second.id, 3], [first.id, 2]]);
    });

    test('somebody without a conversation has read everything', async () => {
        const person = await stack.knownPerson('client');
        assert.deepEqual(bodyOf(await person.get(UNREAD_TOTAL)), { totalUnread: 0 });
        assert.deepEqual(bodyOf(await person.get(UNREAD)), []);
    });

    test('reading one page leaves the other messages unread', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        await sendMany(client, id, 7);
        bodyOf(await salon.get(`${messagesPath(id)}?limit=4`));
        assert.equal(await totalOf(salon), 3);
    });

    test('the unread list shows conversations with unread messages, newest first', async () => {
        const salon = await stack.knownPerson('salon');
        const client = await stack.knownPerson('client', {
            firstName: 'Zoé', lastName: 'Martin', image: 'https://files.example/z.png',
        });
        const read = await openConversation(salon, client);
        const one = await openConversation(salon, client, { subject: 'Le sujet' });
        const two = await openConversation(salon, client);
        await send(salon, read.id);
        const message = await send(client, one.id);
        await sendMany(client, two.id, 2);
        const list = bodyOf(await salon.get(UNREAD));
        assert.deepEqual(
            list.map(({ conversationId, unreadCount }) => [conversationId, unreadCount]),
            [[two.id, 2], [one.id, 1]]);
        assert.deepEqual(list[1], {
            conversationId: one.id,
            subject: 'Le sujet',
            clientId: client.id,
            clientFirstName: 'Zoé',
            clientLastName: 'Martin',
            clientImage: 'https://files.example/z.png',
            lastMessage: {
                id: message.id, content: message.content, senderId: client.id, type: 'TEXT',
                createdAt: message.createdAt,
            },
            unreadCount: 1,
            lastMessageAt: message.createdAt,
        });
        assert.equal(list[0].subject, null);
        assert.equal(Object.keys(list[0])[1], 'subject');
    });

    test('the unread list has at most ten, and looking marks nothing', async () => {
        const { salon, client } = await stack.salonAndClient();
        const ids = [];
        for (let i = 0; i < LISTED_MAX + 2; i++) {
            const { id } = await openConversation(salon, client);
            await send(client, id);
            ids.unshift(id);
        }
        for (let look = 0; look < 2; look++) {
            const list = bodyOf(await stack.assertUnchanged(() => salon.get(UNREAD)));
            assert.deepEqual(list.map(({ conversationId }) => conversationId),
                ids.slice(0, LISTED_MAX));
        }
        assert.equal(await totalOf(salon), LISTED_MAX + 2);
    });

    test(`every counter is right after ${RANDOM_STEPS} random changes`, async () => {
        const seed = testSeed();
        const random = seededRandom(seed);
        const { salon, client } = await stack.salonAndClient();
        const conversations = [];
        for (let i = 0; i < 4; i++)
            conversations.push(
                (await openConversation(salon, client, { firstMessage: 'Bonjour' })).id);
        const messages = [];
        const anyone = () => random.pick([salon, client]);
        const steps = [
            async () => {
                const sender = anyone();
                messages.push({ sender, id: (await send(sender, random.pick(conversations))).id });
            },
            () => anyone().get(conversationPath(random.pick(conversations))),
            () => {
                const page = 1 + random.below(3);
                return anyone().get(
                    `${messagesPath(random.pick(conversations))}?limit=2&page=${page}`);
            },
            () => anyone().patch(markReadPath(random.pick(conversations))),
            () => salon.patch(archivePath(random.pick(conversations))),
            () => messages.length > 0 && anyone().patch(readPath(random.pick(messages).id)),
            () => {
                const [gone] = messages.splice(random.below(messages.length), 1);
                return gone && gone.sender.delete(messagePath(gone.id));
            },
        ];
        for (let step = 0; step < RANDOM_STEPS; step++)
            // Twice as many messages as anything else, so that there is something to change.
            await random.pick([steps[0], ...steps])();
        assert.deepEqual(await stack.database.findings(), [], `MESSAGERIE_TEST_SEED=${seed}`);
        for (const person of [salon, client]) {
            const unread = await stack.database.value(`SELECT count(*) FROM messages m
                JOIN participants p ON p.conversation_id = m.conversation_id
                WHERE p.user_id = '${person.id}' AND m.sender_id <> p.user_id
                AND m.read_at IS NULL`);
            assert.equal(await totalOf(person), unread, `MESSAGERIE_TEST_SEED=${seed}`);
        }
    });
});

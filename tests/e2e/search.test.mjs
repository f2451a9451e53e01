// Searching one's own conversations, through nginx: who finds what, and what is no query.

import assert from 'node:assert/strict';

import { conversationPath, messagePath, searchPath, userPath } from './harness/paths.mjs';
import { assertInvalid, bodyOf, openConversation, send } from './harness/people.mjs';
import { describeStack } from './harness/stack.mjs';

describeStack('searching', {}, ({ stack, test }) => {
    let words = 0;
    const newWord = () => `Trouvé${process.pid}x${++words}y`;

    const search = async (person, q, rest = {}) => bodyOf(await person.get(searchPath(q, rest)));
    const textsOf = ({ data }) => data.map(({ excerpt }) => excerpt);

    const marked = ({ excerpt, highlights }) =>
        highlights.map(({ start, end }) => excerpt.slice(start, end));

    test('a message is found by both and by nobody else, folded, the newest first', async () => {
        const { salon, client } = await stack.salonAndClient();
        const stranger = await stack.knownPerson('salon');
        const word = newWord();
        const { id } = await openConversation(salon, client, { subject: 'Coupe au carré' });
        const first = await send(client, id, { content: `Un ${word}, cœur à l'été 👋` });
        const second = await send(salon, id, { content: `<b>${word}bis</b>\nFin` });
        const { data, ...rest } = await search(salon, word.toUpperCase().replace('É', 'e'));
        assert.deepEqual(rest, { page: 1, limit: 20, hasMore: false, isComplete: true });
        assert.deepEqual(data.map(({ messageId }) => messageId), [second.id, first.id]);
        const [hit] = data;
        assert.deepEqual(
            [hit.type, hit.conversationId, hit.subject, hit.status, hit.other.id, hit.senderId,
                hit.createdAt, hit.excerpt, hit.position],
            ['message', id, 'Coupe au carré', 'ACTIVE', client.id, salon.id,
                second.createdAt, `<b>${word}bis</b> Fin`, 2]);
        assert.deepEqual(marked(hit), [`${word}bis`]);
        assert.deepEqual(textsOf(await search(client, `ete ${word}`)), [first.content]);
        assert.deepEqual(textsOf(await search(client, `${word} coeu`)), [first.content]);
        assert.deepEqual((await search(client, `absent ${word}`)).data, []);
        for (const nobody of [stranger, stack.person('service')])
            assert.deepEqual((await search(nobody, word)).data, []);
    });

    test('a conversation is found by the other\'s name, of today, and its subject', async () => {
        const { salon, client } = await stack.salonAndClient();
        const [name, subject] = [newWord(), newWord()];
        const { id } = await openConversation(salon, client, { subject: `Sujet ${subject}` });
        await send(client, id, { content: subject });
        const rename = async (lastName) => bodyOf(await stack.person('service').put(
            userPath(client.id), { role: 'client', lastName }));
        await rename(name);
        const { data: [card, message] } = await search(salon, subject);
        assert.deepEqual([card.type, card.conversationId, card.other.lastName, message.type],
            ['conversation', id, name, 'message']);
        assert.deepEqual((await search(salon, name)).data.map(({ type }) => type),
            ['conversation']);
        assert.deepEqual((await search(client, name)).data, []);
        await rename('Autre');
        assert.deepEqual((await search(salon, name)).data, []);
    });

    test('what is deleted is not found', async () => {
        const { salon, client } = await stack.salonAndClient();
        const word = newWord();
        const { id } = await openConversation(salon, client);
        const message = await send(client, id, { content: word });
        await send(client, id, { content: `${word} aussi` });
        bodyOf(await client.delete(messagePath(message.id)), 204);
        assert.deepEqual(textsOf(await search(salon, word)), [`${word} aussi`]);
        bodyOf(await salon.delete(conversationPath(id)), 204);
        assert.deepEqual((await search(client, word)).data, []);
        assert.deepEqual(await stack.database.findings(), []);
    });

    test('pages follow each other, and end', async () => {
        const { salon, client } = await stack.salonAndClient();
        const word = newWord();
        const { id } = await openConversation(salon, client);
        for (let i = 0; i < 5; i++)
            await send(client, id, { content: `${word} ${i}` });
        const pages = [];
        for (let page = 1; page <= 4; page++)
            pages.push(await search(salon, word, { page, limit: 2 }));
        assert.deepEqual(pages.map(textsOf),
            [[4, 3], [2, 1], [0], []].map((page) => page.map((i) => `${word} ${i}`)));
        assert.deepEqual(pages.map(({ hasMore }) => hasMore), [true, true, false, false]);
        assert.deepEqual((await search(salon, word, { page: 1e9 })).data, []);
    });

    test('there is no syntax', async () => {
        const { salon, client } = await stack.salonAndClient();
        const word = newWord();
        const { id } = await openConversation(salon, client);
        await send(client, id, { content: `${word} OR "NEAR" 100%` });
        for (const q of [`"${word}"`, `${word}*`, `-${word}`, `(${word}`, `content:${word}`.slice(8),
            `${word} AND`.slice(0, -4), `${word} OR NEAR`, `${word} "near`, `${word} 100%`,
            `^${word}`, `${word}'; DROP TABLE messages`.split(';')[0], `\u202e${word}\u200d`])
            assert.equal((await search(salon, q)).data.length, 1, q);
        for (const q of [`${word} NOT OR`, `${word} AND near`, 'NEAR(a b)', '日本', 'ไทย', '\ufffd 2'])
            assert.deepEqual((await search(salon, q)).data, [], q);
    });

    test('what is no query is 400', async () => {
        const salon = await stack.knownPerson('salon');
        for (const q of ['', ' ', '"', '*', '!?…', '👋', 'x'.repeat(201), 'a b c d e f g h i'])
            assertInvalid(await salon.get(searchPath(q)), ['q']);
        for (const query of ['', '?q=a&q=b', '?q=%ff', '?q=%'])
            assertInvalid(await salon.get(`/messaging/search${query}`), ['q']);
        assertInvalid(await salon.get(searchPath('a', { page: 0, limit: 101 })), ['page', 'limit']);
        assert.equal((await salon.get(searchPath('x'.repeat(200)))).status, 200);
    });
});

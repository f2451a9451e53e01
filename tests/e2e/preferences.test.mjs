// What a person wants to be told of while they are away, as the front-ends ask for it
// (docs/protocol.md, "Preferences").

import assert from 'node:assert/strict';

import { conversationPath, MUTE, mutePath, PREFERENCES, UNKNOWN_ID } from './harness/paths.mjs';
import { assertInvalid, bodyOf, errorOf, openConversation } from './harness/people.mjs';
import { describeStack } from './harness/stack.mjs';

const DEFAULTS = {
    emailNotificationsEnabled: true, emailFrequency: 'IMMEDIATE', mutedConversations: [],
};

describeStack('preferences', {}, ({ stack, test }) => {
    const preferencesOf = async (person) => bodyOf(await person.get(PREFERENCES));

    async function assertEmpty(response, status) {
        assert.equal(response.status, status, response.text);
        assert.equal(response.text, '');
    }

    test('who has never chosen has the defaults, the same each time', async () => {
        const person = await stack.knownPerson('client');
        const first = await preferencesOf(person);
        const { id, userId, createdAt, updatedAt, ...chosen } = first;
        assert.deepEqual(chosen, DEFAULTS);
        assert.equal(userId, person.id);
        assert.equal(typeof id, 'string');
        for (const time of [createdAt, updatedAt])
            assert.equal(new Date(time).toISOString(), time);
        await stack.assertUnchanged(async () => assert.deepEqual(await preferencesOf(person), first));
    });

    test('what is changed stays, what is left out too, and nobody else has it', async () => {
        const { salon, client } = await stack.salonAndClient();
        const before = await preferencesOf(salon);
        const changed = bodyOf(await salon.patch(PREFERENCES, { emailFrequency: 'DAILY' }));
        assert.deepEqual({ ...changed, updatedAt: 0 },
            { ...before, emailFrequency: 'DAILY', updatedAt: 0 });
        bodyOf(await salon.patch(PREFERENCES, { emailNotificationsEnabled: false, other: 1 }));
        const { emailFrequency, emailNotificationsEnabled } = await preferencesOf(salon);
        assert.deepEqual([emailFrequency, emailNotificationsEnabled], ['DAILY', false]);
        assert.equal((await preferencesOf(client)).emailFrequency, 'IMMEDIATE');
        await stack.assertUnchanged(async () => {
            bodyOf(await salon.patch(PREFERENCES, { emailFrequency: 'DAILY' }));
            bodyOf(await salon.patch(PREFERENCES, {}));
            bodyOf(await salon.patch(PREFERENCES));
        });
    });

    for (const frequency of ['IMMEDIATE', 'HOURLY', 'DAILY', 'NEVER'])
        test(`${frequency} is a frequency`, async () => {
            const person = await stack.knownPerson('client');
            assert.equal(bodyOf(await person.patch(PREFERENCES, { emailFrequency: frequency }))
                .emailFrequency, frequency);
        });

    test('other values are refused, null too, and change nothing', async () => {
        const person = await stack.knownPerson('client');
        await stack.assertUnchanged(async () => {
            for (const value of ['WEEKLY', 'daily', '', null, 1, true, [], {}])
                assertInvalid(await person.patch(PREFERENCES,
                    { emailNotificationsEnabled: false, emailFrequency: value }),
                ['emailFrequency']);
            for (const value of ['true', null, 0, 1, [], {}])
                assertInvalid(await person.patch(PREFERENCES,
                    { emailNotificationsEnabled: value, emailFrequency: 'NEVER' }),
                ['emailNotificationsEnabled']);
            for (const body of ['[]', '1', '"x"'])
                assertInvalid(await person.patch(PREFERENCES, body), ['body']);
            errorOf(await person.patch(PREFERENCES, '{'), 400);
        });
    });

    test('a conversation is muted, once, and is heard again', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const { id: other } = await openConversation(salon, client);
        for (const conversationId of [id, other, id])
            await assertEmpty(await client.post(MUTE, { conversationId }), 201);
        assert.deepEqual((await preferencesOf(client)).mutedConversations, [id, other]);
        assert.deepEqual((await preferencesOf(salon)).mutedConversations, []);
        await assertEmpty(await client.delete(mutePath(id)), 200);
        assert.deepEqual((await preferencesOf(client)).mutedConversations, [other]);
        bodyOf(await salon.delete(conversationPath(other)), 204);
        assert.deepEqual((await preferencesOf(client)).mutedConversations, []);
        assert.deepEqual(await stack.database.findings(), []);
    });

    test('what is not one\'s own can\'t be muted, and unmuting it is nothing', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const stranger = await stack.knownPerson('client');
        const unlike = [id, UNKNOWN_ID, 'x'];
        await stack.assertUnchanged(async () => {
            for (const conversationId of unlike)
                errorOf(await stranger.post(MUTE, { conversationId }), 404);
            for (const body of [{}, { conversationId: null }, { conversationId: 1 },
                { conversationId: '' }, { conversationId: 'x'.repeat(65) }])
                assertInvalid(await client.post(MUTE, body), ['conversationId']);
            for (const conversationId of unlike)
                await assertEmpty(await stranger.delete(mutePath(conversationId)), 200);
        });
    });

    test('without a token it is 401, and the booking back-end has none', async () => {
        for (const [method, path] of [['GET', PREFERENCES], ['PATCH', PREFERENCES], ['POST', MUTE],
            ['DELETE', mutePath(UNKNOWN_ID)]])
            errorOf(await stack.request({ method, path, body: {} }), 401);
        const service = stack.person('service');
        errorOf(await service.get(PREFERENCES), 404);
        errorOf(await service.patch(PREFERENCES, { emailFrequency: 'NEVER' }), 404);
    });

    test('nothing beside these paths is ours', async () => {
        const person = await stack.knownPerson('client');
        bodyOf(await person.get(`${PREFERENCES}/`));
        errorOf(await person.get(`${PREFERENCES}/other`), 404);
        assert.notEqual((await person.get(`${PREFERENCES}-other`)).status, 200);
    });
});

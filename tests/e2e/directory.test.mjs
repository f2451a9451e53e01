// The directory of people: what token claims make of it, and who sees an e-mail address
// (docs/protocol.md, "Tokens" and docs/protocol.md, "Answers").

import assert from 'node:assert/strict';

import { messagerie } from './harness/admin.mjs';
import { conversationPath, CONVERSATIONS, messagesPath } from './harness/paths.mjs';
import { bodyOf, openConversation, Person, send } from './harness/people.mjs';
import { describeStack } from './harness/stack.mjs';
import { seconds } from './harness/token.mjs';

const NAMES = { firstName: 'Zoé', lastName: 'Martin' };

describeStack('directory', {}, ({ stack, test }) => {
    const rowOf = async (id) =>
        (await stack.database.sql(`SELECT * FROM users WHERE id = '${id}'`))[0];

    /** A valid call with a token of these claims; gives the row that is there afterwards. */
    async function call(id, role, claims) {
        bodyOf(await new Person(stack, id, role, claims).get(CONVERSATIONS));
        return rowOf(id);
    }

    test('a valid token makes the caller\'s row from the claims that are there', async () => {
        const claims = {
            ...NAMES,
            salonName: 'Lilas',
            email: 'z@client.example',
            image: 'https://files.example/z.png',
        };
        const row = await call('whole', 'client', claims);
        assert.deepEqual(
            [row.role, row.first_name, row.last_name, row.salon_name, row.email, row.image],
            ['client', 'Zoé', 'Martin', 'Lilas', claims.email, claims.image]);
        const bare = await call('bare', 'salon', {});
        assert.deepEqual([bare.role, bare.first_name, bare.email], ['salon', null, null]);
    });

    test('claims of a newer token replace older ones, absent ones stay', async () => {
        await call('newer', 'client',
            { ...NAMES, email: 'old@client.example', iat: seconds(-100) });
        const row = await call('newer', 'client',
            { email: 'new@client.example', iat: seconds(-50) });
        assert.equal(row.email, 'new@client.example');
        assert.equal(row.first_name, 'Zoé');
    });

    test('claims of an older token, or one as old, change nothing', async () => {
        const applied = seconds(-50);
        const before = await call('older', 'client', { ...NAMES, iat: applied });
        for (const iat of [applied - 1, applied, applied - 950, undefined])
            await stack.assertUnchanged(() =>
                call('older', 'salon', { firstName: `Autre ${iat}`, iat }));
        assert.deepEqual(await rowOf('older'), before);
    });

    test('nothing is written when nothing changed', async () => {
        await call('same', 'client', { ...NAMES, iat: seconds(-50) });
        await stack.assertUnchanged(async () => {
            await call('same', 'client', { ...NAMES, iat: seconds(-40) });
            await call('same', 'client', { iat: seconds(-30) });
        });
    });

    test('a refused token makes no row', async () => {
        await stack.assertUnchanged(() => stack.request({
            path: CONVERSATIONS, token: stack.person('client', { exp: seconds(-60) }).token,
        }));
    });

    test('the service has no row', async () => {
        await stack.assertUnchanged(async () => {
            const { total } = bodyOf(await stack.person('service', NAMES).get(CONVERSATIONS));
            assert.equal(total, 0);
        });
    });

    test('a claim of another type than text is as absent', async () => {
        const row = await call('types', 'client',
            { firstName: 7, lastName: { a: 1 }, email: ['x'], image: null });
        assert.deepEqual([row.first_name, row.last_name, row.email, row.image],
            Array(4).fill(null));
    });

    test('fields set by the booking back-end win, field by field', async () => {
        const { code, stderr } = await messagerie(stack, 'user', 'set', 'booked',
            '--role', 'client', '--first-name', 'Nom de la réservation');
        assert.equal(code, 0, stderr);
        const row = await call('booked', 'salon', { ...NAMES, email: 'z@client.example' });
        assert.deepEqual([row.role, row.first_name, row.last_name, row.email],
            ['client', 'Nom de la réservation', 'Martin', 'z@client.example']);
    });

    test('an erased user is never made again from claims, and still gets an answer', async () => {
        await call('erased', 'client', { ...NAMES, iat: seconds(-100) });
        await stack.database.sql(`UPDATE users SET first_name = NULL, last_name = NULL,
            erased_at = 1 WHERE id = 'erased'`);
        await stack.assertUnchanged(() => call('erased', 'client', { ...NAMES, iat: seconds() }));
    });

    test('what the directory says of a person is shown in conversations and messages', async () => {
        const salon = await stack.knownPerson('salon', { salonName: 'Lilas', iat: seconds(-100) });
        const client = await stack.knownPerson('client', NAMES);
        const { id } = await openConversation(salon, client);
        await send(salon, id);
        await call(salon.id, 'salon', { salonName: 'Salon des Roses' });
        assert.equal(bodyOf(await client.get(conversationPath(id))).salon.salonName,
            'Salon des Roses');
        assert.equal(bodyOf(await client.get(messagesPath(id))).data[0].sender.salonName,
            'Salon des Roses');
    });

    // ---- e-mail addresses ----

    async function pairWithAddresses() {
        const salon = await stack.knownPerson('salon', { email: 's@salon.example' });
        const client = await stack.knownPerson('client', { email: 'c@client.example' });
        const addresses = { salon: 's@salon.example', client: 'c@client.example' };
        return { salon, client, addresses };
    }

    const addressesIn = ({ salon, client }) => ({ salon: salon.email, client: client.email });

    test('an e-mail address is shown to the person', async () => {
        const { salon, client, addresses } = await pairWithAddresses();
        const opened = await openConversation(salon, client);
        assert.deepEqual(addressesIn(opened), { ...addresses, client: undefined });
        const path = conversationPath(opened.id);
        assert.deepEqual(addressesIn(bodyOf(await client.get(path))),
            { ...addresses, salon: undefined });
        const [listed] = bodyOf(await client.get(CONVERSATIONS)).data;
        assert.deepEqual(addressesIn(listed), { ...addresses, salon: undefined });
    });

    test('an e-mail address is shown to the service', async () => {
        const { salon, client, addresses } = await pairWithAddresses();
        const opened = await openConversation(stack.person('service'), client,
            { salonId: salon.id });
        assert.deepEqual(addressesIn(opened), addresses);
    });

    test('an e-mail address is shown to whoever shares an appointment', async () => {
        const { salon, client, addresses } = await pairWithAddresses();
        const { id } = await openConversation(salon, client);
        await stack.book(salon, client);
        for (const person of [salon, client]) {
            assert.deepEqual(addressesIn(bodyOf(await person.get(conversationPath(id)))),
                addresses);
            assert.deepEqual(addressesIn(bodyOf(await person.get(CONVERSATIONS)).data[0]),
                addresses);
        }
    });

    test('an appointment with somebody else shows nothing', async () => {
        const { salon, client, addresses } = await pairWithAddresses();
        const other = await pairWithAddresses();
        await stack.book(other.salon, client);
        await stack.book(salon, other.client);
        const opened = await openConversation(salon, client);
        assert.deepEqual(addressesIn(opened), { ...addresses, client: undefined });
    });
});

// Who opens conversations with whom: a salon with people of its appointments, and a client with a
// salon of theirs, where the configuration lets clients.

import assert from 'node:assert/strict';

import { BookingSite } from './harness/booking.mjs';
import { until } from './harness/conditions.mjs';
import { CONVERSATIONS, messagesPath, PEOPLE, userPath } from './harness/paths.mjs';
import { assertInvalid, bodyOf, errorOf, send } from './harness/people.mjs';
import { describeStack } from './harness/stack.mjs';

const MAY = { messaging: { clients_may_open: 'true' } };
const REFUSED = 'Seul un salon peut ouvrir une conversation';

const idsOf = ({ data }) => data.map(({ id }) => id);

describeStack('clients may not open conversations', {}, ({ stack, test }) => {
    test('a client is refused, also by a salon of its appointments, and offered nobody', async () => {
        const { salon, client } = await stack.salonAndClient();
        await stack.book(salon, client);
        assert.equal(errorOf(await stack.assertUnchanged(() =>
            client.post(CONVERSATIONS, { salonId: salon.id })), 403), REFUSED);
        assert.deepEqual(bodyOf(await client.get(PEOPLE)), { data: [], hasMore: false });
    });

    test('a program that runs lets them on SIGHUP, and no more on the next', async () => {
        const { salon, client } = await stack.salonAndClient();
        await stack.book(salon, client);
        const program = stack.programs.conversations;
        for (const [config, status] of [[MAY, 201], [{}, 403]]) {
            const before = program.log.length;
            stack.configure(config);
            program.signal('SIGHUP');
            await until('the configuration is read', () =>
                program.log.slice(before).includes('msg="configuration read again"'));
            bodyOf(await client.post(CONVERSATIONS, { salonId: salon.id }), status);
        }
    });
});

describeStack('clients may open conversations', { config: MAY }, ({ stack, test }) => {
    test('a client opens one with a salon of its appointments, and both write', async () => {
        const { salon, client } = await stack.salonAndClient();
        await stack.book(salon, client);
        const { result, events } = await stack.watchEvents(async () => bodyOf(await client.post(
            CONVERSATIONS, { salonId: salon.id, subject: 'Une question' }), 201));
        assert.deepEqual([result.salonId, result.clientUserId, result.subject, result.lastMessage],
            [salon.id, client.id, 'Une question', undefined]);
        assert.deepEqual(events.map(({ name, audience }) => [name, audience]).sort(), [
            ['conversation-created', `u:${client.id}`], ['conversation-created', `u:${salon.id}`],
        ].sort());
        await send(client, result.id);
        await send(salon, result.id);
        assert.equal(bodyOf(await salon.get(messagesPath(result.id))).total, 2);
        // Whoever opened it, what the salon alone may do is the salon's.
        errorOf(await client.delete(`${CONVERSATIONS}/${result.id}`), 403);
        assert.deepEqual(await stack.database.findings(), []);
    });

    test('as long as nobody has written in it, it is the same one again', async () => {
        const { salon, client } = await stack.salonAndClient();
        await stack.book(salon, client);
        const open = (subject) => client.post(CONVERSATIONS, { salonId: salon.id, subject });
        const answers = await Promise.all(Array.from({ length: 10 }, () => open('Une question')));
        assert.deepEqual(answers.map(({ status }) => status).sort(), [...Array(9).fill(200), 201]);
        const [{ id }] = answers.map((answer) => answer.body);
        assert.ok(answers.every(({ body }) => body.id === id));
        const again = bodyOf(await stack.assertUnchanged(() => open('Une autre')));
        assert.deepEqual([again.id, again.subject], [id, 'Une question']);
        await send(client, id);
        assert.notEqual(bodyOf(await open('Une autre'), 201).id, id);
        // A salon opens as many as it likes.
        const bySalon = () => salon.post(CONVERSATIONS, { clientUserId: client.id });
        assert.notEqual(bodyOf(await bySalon(), 201).id, bodyOf(await bySalon(), 201).id);
    });

    test('who was erased opens none', async () => {
        const { salon, client } = await stack.salonAndClient();
        await stack.book(salon, client);
        bodyOf(await new BookingSite(stack.person('service')).eraseUser(client.id), 204);
        errorOf(await stack.assertUnchanged(() =>
            client.post(CONVERSATIONS, { salonId: salon.id })), 404);
    });

    test('who the client is, is the token\'s to say', async () => {
        const { salon, client } = await stack.salonAndClient();
        const other = await stack.knownPerson('client');
        await stack.book(salon, client);
        await stack.book(salon, other);
        const { clientUserId } = bodyOf(await client.post(CONVERSATIONS,
            { salonId: salon.id, clientUserId: other.id }), 201);
        assert.equal(clientUserId, client.id);
    });

    test('without an appointment of both, in these roles, the salon is not found', async () => {
        const { salon, client } = await stack.salonAndClient();
        const stranger = await stack.knownPerson('client');
        const colleague = await stack.knownPerson('client');
        const other = await stack.knownPerson('salon');
        await stack.book(salon, client);
        await stack.book(other, stranger);
        // Somebody whom an appointment has as its salon, and who is a client by now.
        await stack.book(colleague, client);
        const refused = [
            [stranger, salon.id], [client, other.id], [client, 'nobody'], [client, stranger.id],
            [client, client.id],
        ];
        for (const [person, salonId] of refused)
            assert.equal(errorOf(await stack.assertUnchanged(() =>
                person.post(CONVERSATIONS, { salonId })), 404), 'Salon introuvable');
        errorOf(await stack.assertUnchanged(() =>
            client.post(CONVERSATIONS, { salonId: colleague.id })), 400);
    });

    test('a client names a salon, no appointment of others, and does not speak for the salon', async () => {
        const { salon, client } = await stack.salonAndClient();
        const stranger = await stack.knownPerson('client');
        const own = await stack.book(salon, client);
        const foreign = await stack.book(salon, stranger);
        const post = (body) => client.post(CONVERSATIONS, body);
        const unchanged = (body) => stack.assertUnchanged(() => post(body));
        assertInvalid(await unchanged({}), ['salonId']);
        assertInvalid(await unchanged({ salonId: salon.id, firstMessage: 'Offert !' }), ['firstMessage']);
        errorOf(await unchanged({ salonId: salon.id, appointmentId: foreign }), 404);
        const { id } = bodyOf(await post({ salonId: salon.id, appointmentId: own }), 201);
        assert.equal(bodyOf(await post({ salonId: salon.id, appointmentId: own }), 200).id, id);
    });

    test('the others open what they did, and the unknown nothing', async () => {
        const { salon, client } = await stack.salonAndClient();
        bodyOf(await salon.post(CONVERSATIONS,
            { clientUserId: client.id, firstMessage: 'Bonjour' }), 201);
        bodyOf(await stack.person('service').post(CONVERSATIONS,
            { clientUserId: client.id, salonId: salon.id }), 201);
        const robot = await stack.knownPerson('robot');
        await stack.book(salon, robot);
        errorOf(await stack.assertUnchanged(() =>
            robot.post(CONVERSATIONS, { salonId: salon.id, clientUserId: client.id })), 403);
    });

    test('everybody is offered the people of their own appointments, each once', async () => {
        const { salon, client } = await stack.salonAndClient();
        const otherSalon = await stack.knownPerson('salon');
        const otherClient = await stack.knownPerson('client', { firstName: 'Léa' });
        await stack.book(salon, client);
        await stack.book(salon, client);
        await stack.book(salon, otherClient);
        await stack.book(otherSalon, client);
        const ask = async (person) => bodyOf(await person.get(PEOPLE));
        assert.deepEqual(idsOf(await ask(salon)), [client.id, otherClient.id].sort());
        assert.deepEqual(idsOf(await ask(client)), [salon.id, otherSalon.id].sort());
        assert.deepEqual(idsOf(await ask(otherClient)), [salon.id]);
        assert.deepEqual(idsOf(await ask(otherSalon)), [client.id]);
        assert.deepEqual(await ask(await stack.knownPerson('salon')), { data: [], hasMore: false });
        assert.deepEqual(await ask(stack.person('service')), { data: [], hasMore: false });
        const { data: [first] } = await ask(otherClient);
        assert.deepEqual([first.salonName, first.role], ['Salon des Lilas', 'salon']);
    });

    test('who has been erased, or is no client any more, is not offered', async () => {
        const { salon, client } = await stack.salonAndClient();
        const erased = await stack.knownPerson('client');
        const promoted = await stack.knownPerson('client');
        for (const person of [client, erased, promoted])
            await stack.book(salon, person);
        const service = stack.person('service');
        bodyOf(await service.delete(userPath(erased.id)), 204);
        bodyOf(await service.put(userPath(promoted.id), { role: 'salon' }));
        assert.deepEqual(idsOf(bodyOf(await salon.get(PEOPLE))), [client.id]);
    });

    test('they come in pages, behind a cursor', async () => {
        const salon = await stack.knownPerson('salon');
        const ids = [];
        for (let count = 0; count < 5; count++) {
            const client = await stack.knownPerson('client');
            await stack.book(salon, client);
            ids.push(client.id);
        }
        const seen = [];
        let after = '';
        do {
            const { data, hasMore, nextCursor } = bodyOf(await salon.get(
                `${PEOPLE}?limit=2${after && `&after=${encodeURIComponent(after)}`}`));
            assert.equal(hasMore, nextCursor !== undefined);
            assert.ok(data.length <= 2);
            seen.push(...data.map(({ id }) => id));
            after = nextCursor;
        } while (after);
        assert.deepEqual(seen, ids.sort());
        for (const [query, field] of [['limit=0', 'limit'], ['limit=101', 'limit'],
            [`after=${'x'.repeat(65)}`, 'after'], ['after=a&after=b', 'after'], ['after=%0a', 'after']])
            assertInvalid(await salon.get(`${PEOPLE}?${query}`), [field]);
    });
});

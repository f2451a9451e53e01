// The directory as the booking back-end keeps it, and a person's rights over what is held on them:
// erasure and export (docs/protocol.md, "From the booking back-end").

import assert from 'node:assert/strict';

import { messagerie } from './harness/admin.mjs';
import { appointmentOf, BookingSite } from './harness/booking.mjs';
import { until } from './harness/conditions.mjs';
import {
    conversationPath, CONVERSATIONS, messagesPath, MUTE, PREFERENCES, UNREAD, userPath,
} from './harness/paths.mjs';
import { assertInvalid, bodyOf, errorOf, openConversation, Person, PICTURE, send } from './harness/people.mjs';
import { describeStack } from './harness/stack.mjs';
import { seconds } from './harness/token.mjs';

const WHOLE = {
    role: 'client',
    firstName: 'Inès',
    lastName: 'Petit',
    image: 'https://files.example/i.png',
    email: 'ines@client.example',
};
const LIFE = {
    firstName: 'Apolline',
    lastName: 'Durand-Ruel',
    image: 'https://files.example/a.png',
    email: 'apolline@client.example',
};

describeStack('people', {}, ({ stack, test }) => {
    const site = () => new BookingSite(stack.person('service'));
    let made = 0;
    const newId = () => `someone-${++made}`;

    // ---- PUT and GET ----

    test('what is put is what one gets', async () => {
        const booking = site();
        const id = newId();
        errorOf(await booking.getUser(id), 404);
        assert.deepEqual(bodyOf(await booking.putUser(id, WHOLE)), { id, ...WHOLE });
        const got = await booking.getUser(id);
        assert.deepEqual(bodyOf(got), { id, ...WHOLE });
        const head = await booking.person.head(userPath(id));
        assert.equal(head.status, 200);
        assert.equal(head.headers.etag, got.headers.etag);
        const cached = await booking.person.get(userPath(id), { headers: { 'if-none-match': got.headers.etag } });
        assert.equal(cached.status, 304);
    });

    test('a field that is left out stays, an empty one is removed, null is as left out', async () => {
        const booking = site();
        const id = newId();
        bodyOf(await booking.putUser(id, WHOLE));
        const changed = bodyOf(await booking.putUser(id, { role: 'client', firstName: 'Zoé', lastName: '', email: null }));
        assert.deepEqual(changed, { id, role: 'client', firstName: 'Zoé', image: WHOLE.image, email: WHOLE.email });
    });

    test('putting the same again writes nothing', async () => {
        const booking = site();
        const id = newId();
        bodyOf(await booking.putUser(id, WHOLE));
        await stack.assertUnchanged(async () => bodyOf(await booking.putUser(id, WHOLE)));
        await stack.assertUnchanged(async () => bodyOf(await booking.putUser(id, { role: 'client' })));
    });

    test('any id that may be one is taken, as the path encodes it', async () => {
        const booking = site();
        for (const id of ['é/?#%', 'x'.repeat(64), ' ', '"\'', '2026/001', 'a/../b'])
            assert.equal(bodyOf(await booking.putUser(id, WHOLE)).id, id);
        for (const id of ['x'.repeat(65), 'a\nb', 'é'.repeat(33)])
            assertInvalid(await stack.assertUnchanged(() => booking.putUser(id, WHOLE)), ['id']);
    });

    test('what it says wins over claims, also of newer tokens', async () => {
        const id = newId();
        bodyOf(await site().putUser(id, { role: 'client', firstName: 'Zoé' }));
        bodyOf(await new Person(stack, id, 'salon', { firstName: 'Autre', lastName: 'Martin' }).get(CONVERSATIONS));
        const { role, firstName, lastName } = bodyOf(await site().getUser(id));
        assert.deepEqual([role, firstName, lastName], ['client', 'Zoé', 'Martin']);
    });

    test('a changed name or image shows in every later answer', async () => {
        const booking = site();
        const { salon, client } = await stack.salonAndClient();
        const opened = bodyOf(await booking.book(appointmentOf(salon, client)), 201);
        await send(client, opened.id);
        await send(salon, opened.id);
        const image = 'https://files.example/new.png';
        bodyOf(await booking.putUser(salon.id, { role: 'salon', salonName: 'Salon Neuf', image }));
        bodyOf(await booking.putUser(client.id, { role: 'client', firstName: 'Ada', lastName: 'Neuve', image }));
        const unread = bodyOf(await salon.get(UNREAD))[0];
        assert.deepEqual([unread.clientFirstName, unread.clientLastName, unread.clientImage], ['Ada', 'Neuve', image]);
        const listed = bodyOf(await client.get(CONVERSATIONS)).data[0];
        const shown = bodyOf(await client.get(conversationPath(opened.id)));
        for (const conversation of [listed, shown]) {
            assert.deepEqual([conversation.salon.salonName, conversation.salon.image], ['Salon Neuf', image]);
            assert.deepEqual([conversation.client.firstName, conversation.client.lastName], ['Ada', 'Neuve']);
        }
        const [bySalon, byClient] = bodyOf(await client.get(messagesPath(opened.id))).data;
        assert.deepEqual([bySalon.sender.salonName, bySalon.sender.image], ['Salon Neuf', image]);
        assert.deepEqual([byClient.sender.firstName, byClient.sender.image], ['Ada', image]);
        const { events } = await stack.watchEvents(() => send(client, opened.id));
        assert.equal(events.find(({ name }) => name === 'new-message').payload.sender.firstName, 'Ada');
        assert.match(bodyOf(await booking.change(opened.appointmentId, { status: 'CANCELLED' })).lastMessage.content,
            /^Bonjour Ada, .* chez Salon Neuf /);
    });

    // ---- erasure ----

    /** What the broker keeps of a page of theirs that was cut off. */
    async function storeSession(id, conversationId) {
        await stack.database.sql(`INSERT INTO sessions VALUES ('pid-${id}', 'sid-${id}', '${id}', 0, 1790000000000)`);
        await stack.database.sql(`INSERT INTO session_rooms VALUES ('pid-${id}', '${conversationId}', 1)`);
    }

    /** A client with much that is theirs: former names, a file, words, an appointment, a token, a page. */
    async function makeLife() {
        const booking = site();
        const salon = await stack.knownPerson('salon', { salonName: 'Salon des Lilas' });
        const id = newId();
        const client = new Person(stack, id, 'client', { iat: seconds(-100) });
        const body = appointmentOf(salon, client, { client: LIFE });
        const opened = bodyOf(await booking.book(body), 201);
        bodyOf(await booking.putUser(id, { role: 'client', firstName: 'Clémence' }));
        bodyOf(await booking.change(body.appointmentId, { start: '2026-04-02T07:00:00Z' }));
        await send(client, opened.id, {
            content: 'Voici mon modèle', attachments: [{ ...PICTURE, fileName: 'apolline.png', uploadThingKey: 'clef-apolline' }],
        });
        await send(salon, opened.id, { content: 'Merci !' });
        const own = await openConversation(salon, client, { subject: 'Dossier Clémence', firstMessage: 'Bonjour Clémence.' });
        await storeSession(id, opened.id);
        bodyOf(await client.patch(PREFERENCES, { emailFrequency: 'DAILY' }));
        assert.equal((await client.post(MUTE, { conversationId: opened.id })).status, 201);
        return { booking, salon, client, id, opened, own };
    }

    const TRACES = /apolline|clémence|durand|a\.png|clef-|sid-/i;

    async function assertErased({ booking, salon, client, id, opened, own }) {
        errorOf(await booking.getUser(id), 404);
        await until('what goes in slices is gone', async () =>
            await stack.database.value('SELECT count(*) FROM erasures') === 0);
        // Nothing of theirs is left in any table but their own words.
        for (const { name } of await stack.database.sql("SELECT name FROM sqlite_master WHERE type = 'table'"))
            for (const row of await stack.database.sql(`SELECT * FROM ${name}`))
                assert.doesNotMatch(JSON.stringify(row), TRACES, name);
        assert.equal(await stack.database.value(`SELECT count(*) FROM sessions WHERE user_id = '${id}'`), 0);
        assert.equal(await stack.database.value(`SELECT count(*) FROM session_rooms WHERE pid = 'pid-${id}'`), 0);
        for (const theirs of ['notification_preferences WHERE', 'participants WHERE is_muted = 1 AND'])
            assert.equal(await stack.database.value(`SELECT count(*) FROM ${theirs} user_id = '${id}'`), 0);
        // The salon still reads the thread.
        const { data } = bodyOf(await salon.get(messagesPath(opened.id)));
        assert.deepEqual(data.map(({ content }) => content), ['Merci !', 'Voici mon modèle',
            'Bonjour [effacé], votre rendez-vous « Tatouage » chez Salon des Lilas est déplacé au jeudi '
            + '2 avril 2026 à 9\u00a0h\u00a000.',
            'Bonjour [effacé], votre rendez-vous « Tatouage » chez Salon des Lilas est confirmé pour le '
            + 'jeudi 12 mars 2026 à 14\u00a0h\u00a030. Vous pouvez nous écrire ici.']);
        assert.deepEqual(data[1].sender, { id, role: 'client' });
        assert.equal(data[1].attachments[0].fileName, '[effacé]');
        assert.equal(data[1].attachments[0].fileUrl, PICTURE.fileUrl);
        assert.deepEqual(bodyOf(await salon.get(conversationPath(opened.id))).client, { id, role: 'client' });
        assert.equal(bodyOf(await salon.get(conversationPath(own.id))).subject, 'Dossier [effacé]');
        // No token makes them again.
        bodyOf(await new Person(stack, id, 'client', { firstName: 'Apolline' }).get(CONVERSATIONS));
        errorOf(await booking.getUser(id), 404);
        bodyOf(await client.get(conversationPath(opened.id)));
        assert.deepEqual(await stack.database.findings(), []);
    }

    test('erasing over HTTP leaves nothing of the person, and the other side its thread', async () => {
        const life = await makeLife();
        const { events } = await stack.watchEvents(async () =>
            assert.equal(bodyOf(await life.booking.eraseUser(life.id), 204), undefined));
        const { audience, name, payload } = events.pop();
        assert.deepEqual([audience, name, payload], [`u:${life.id}`, 'user-erased', {}]);
        for (const event of events)
            assert.equal(event.name, 'conversation-updated');
        assert.deepEqual(events.map((event) => event.payload.client), Array(4).fill({ id: life.id, role: 'client' }));
        await assertErased(life);
        errorOf(await stack.assertUnchanged(() => life.booking.eraseUser(life.id)), 404);
        errorOf(await stack.assertUnchanged(() => life.booking.eraseUser('never-there')), 404);
    });

    test('erasing with the tool does the same, and says so', async () => {
        const life = await makeLife();
        const { code, stdout, stderr } = await messagerie(stack, 'user', 'erase', life.id);
        assert.deepEqual([code, stdout, stderr], [0, `${life.id}: erased, in 2 conversations\n`, '']);
        await assertErased(life);
        const again = await messagerie(stack, 'user', 'erase', life.id);
        assert.equal(again.code, 1);
        assert.match(again.stderr, /introuvable/);
    });

    test('a late repetition of an appointment does not bring an erased person back', async () => {
        const booking = site();
        const salon = await stack.knownPerson('salon');
        const client = stack.person('client');
        const body = appointmentOf(salon, client, { client: { firstName: 'Apolline' } });
        bodyOf(await booking.book(body), 201);
        bodyOf(await booking.eraseUser(client.id), 204);
        await stack.assertUnchanged(async () => bodyOf(await booking.book(body), 200));
        errorOf(await booking.getUser(client.id), 404);
        assert.match(bodyOf(await booking.change(body.appointmentId, { status: 'CANCELLED' })).lastMessage.content,
            /^Bonjour, votre/);
    });

    test('a salon can be erased too', async () => {
        const booking = site();
        const { salon, client } = await stack.salonAndClient();
        const opened = bodyOf(await booking.book(appointmentOf(salon, client)), 201);
        bodyOf(await booking.eraseUser(salon.id), 204);
        const shown = bodyOf(await client.get(conversationPath(opened.id)));
        assert.deepEqual(shown.salon, { id: salon.id, role: 'salon' });
        assert.match(shown.lastMessage.content, /^Bonjour Zoé, .* chez \[effacé\] est confirmé/);
    });

    test('somebody who is put again is there again', async () => {
        const booking = site();
        const id = newId();
        bodyOf(await booking.putUser(id, WHOLE));
        bodyOf(await booking.eraseUser(id), 204);
        // 503 as long as it takes to erase those who came before.
        const back = await until('they may come back', async () => {
            const answer = await booking.putUser(id, { role: 'client', firstName: 'Ada' });
            return answer.status !== 503 && answer;
        });
        bodyOf(back);
        assert.deepEqual(bodyOf(await booking.getUser(id)), { id, role: 'client', firstName: 'Ada' });
    });

    // ---- export ----

    test('an export has all that is held on the person, and nobody else\'s words', async () => {
        const { id, opened, own, salon } = await makeLife();
        const { code, stdout, stderr } = await messagerie(stack, 'user', 'export', id);
        assert.deepEqual([code, stderr], [0, '']);
        const held = JSON.parse(stdout);
        assert.deepEqual(held.person, {
            id, role: 'client', ...LIFE, firstName: 'Clémence',
        });
        assert.deepEqual(Object.keys(held.directory), ['createdAt', 'updatedAt']);
        assert.deepEqual(held.names, ['Apolline', 'Durand-Ruel']);
        assert.deepEqual([held.preferences.emailFrequency, held.preferences.mutedConversations], ['DAILY', [opened.id]]);
        assert.deepEqual(held.sessions, [
            { isConnected: false, changedAt: '2026-09-21T14:13:20.000Z', openConversations: [opened.id] },
        ]);
        assert.doesNotMatch(stdout, /pid-|sid-/);
        assert.deepEqual(held.appointments.map(({ appointmentId, salonId, prestation, start, status }) =>
            [appointmentId, salonId, prestation, start, status]),
        [[opened.appointmentId, salon.id, 'Tatouage', '2026-04-02T07:00:00.000Z', 'CONFIRMED']]);
        assert.deepEqual(held.conversations.map((conversation) => conversation.id).sort(), [opened.id, own.id].sort());
        const { messages, subject } = held.conversations.find((conversation) => conversation.id === opened.id);
        assert.equal(subject, 'RDV Tatouage - 02/04/2026');
        assert.deepEqual(messages.map(({ type }) => type), ['SYSTEM', 'SYSTEM', 'TEXT']);
        assert.equal(messages[2].content, 'Voici mon modèle');
        assert.equal(messages[2].attachments[0].fileName, 'apolline.png');
        assert.ok(!stdout.includes('Merci !'));
    });

    test('an export tells from which token a person is known', async () => {
        const issued = seconds(-100);
        const { id } = await stack.knownPerson('client', { firstName: 'Ada', iat: issued });
        const held = JSON.parse((await messagerie(stack, 'user', 'export', id)).stdout);
        assert.equal(held.directory.tokenIssuedAt, new Date(issued * 1000).toISOString());
        assert.deepEqual([held.names, held.appointments, held.sessions, held.conversations], [[], [], [], []]);
    });

    test('there is nothing to export of nobody', async () => {
        const { code, stdout, stderr } = await messagerie(stack, 'user', 'export', 'never-there');
        assert.deepEqual([code, stdout], [1, '']);
        assert.match(stderr, /introuvable/);
    });

    test('no log line has a name, an address or a text', () => {
        assert.doesNotMatch(stack.log, /Apolline|Clémence|Inès|client\.example|modèle/);
    });
});

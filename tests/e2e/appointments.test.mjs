// What the booking back-end says of appointments, and the conversations that come of it
// (docs/protocol.md, "From the booking back-end").

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { appointmentOf, BookingSite, SUMMER, WINTER } from './harness/booking.mjs';
import { describeBroker } from './harness/broker.mjs';
import { until } from './harness/conditions.mjs';
import {
    APPOINTMENTS, archivePath, conversationPath, CONVERSATIONS, messagesPath, UNREAD_TOTAL,
} from './harness/paths.mjs';
import { assertInvalid, bodyOf, errorOf, openConversation } from './harness/people.mjs';
import { Program } from './harness/program.mjs';
import { BUILD } from './harness/project.mjs';
import { describeStack, Stack } from './harness/stack.mjs';

const AT_ONCE = 20;
const EARLY_CHANGES_MAX = 100;

describeStack('appointments', {}, ({ stack, test }) => {
    const site = () => new BookingSite(stack.person('service'));

    /** Two who are known to the directory, and a booking of theirs that is opened. */
    async function open(fields = {}) {
        const { salon, client } = await stack.salonAndClient();
        const body = appointmentOf(salon, client, fields);
        const booking = site();
        const opened = bodyOf(await booking.book(body), 201);
        return { salon, client, body, booking, opened, id: body.appointmentId };
    }

    /** The SYSTEM messages of a conversation, oldest first, as the salon reads them. */
    async function textsOf({ salon, opened }) {
        const { data } = bodyOf(await salon.get(`${messagesPath(opened.id)}?limit=100`));
        for (const message of data) {
            assert.equal(message.type, 'SYSTEM');
            assert.equal(message.sender.id, salon.id);
        }
        return data.map(({ content }) => content).reverse();
    }

    const subjectOf = async ({ salon, opened }) =>
        bodyOf(await salon.get(conversationPath(opened.id))).subject;

    // ---- a new appointment ----

    test('a confirmed appointment opens its conversation', async () => {
        const { salon, client, opened, id } = await open();
        assert.equal(opened.appointmentId, id);
        assert.equal(opened.salonId, salon.id);
        assert.equal(opened.clientUserId, client.id);
        assert.equal(opened.status, 'ACTIVE');
        assert.equal(opened.subject, 'RDV Tatouage - 12/03/2026');
        assert.equal(opened.lastMessage.type, 'SYSTEM');
        assert.equal(opened.lastMessage.content, 'Bonjour Zoé, votre rendez-vous « Tatouage » chez '
            + 'Salon des Lilas est confirmé pour le jeudi 12 mars 2026 à 14\u00a0h\u00a030. '
            + 'Vous pouvez nous écrire ici.');
        const seen = bodyOf(await client.get(CONVERSATIONS));
        assert.equal(seen.total, 1);
        assert.equal(seen.data[0].id, opened.id);
        assert.equal(seen.data[0].unreadCount, 1);
        assert.deepEqual(bodyOf(await client.get(UNREAD_TOTAL)), { totalUnread: 1 });
        assert.deepEqual(bodyOf(await salon.get(UNREAD_TOTAL)), { totalUnread: 0 });
    });

    test('a pending one says so', async () => {
        const { opened } = await open({ status: 'PENDING', start: SUMMER, prestation: 'Coupe & couleur' });
        assert.equal(opened.subject, 'RDV Coupe & couleur - 02/04/2026');
        assert.equal(opened.lastMessage.content, 'Bonjour Zoé, votre demande de rendez-vous '
            + '« Coupe & couleur » chez Salon des Lilas pour le jeudi 2 avril 2026 à '
            + '9\u00a0h\u00a000 est bien reçue. Elle est en attente de confirmation ; vous pouvez '
            + 'nous écrire ici.');
    });

    test('people who are not known yet are made from it, and greeted by name', async () => {
        const salon = stack.person('salon');
        const client = stack.person('client');
        const opened = bodyOf(await site().book(appointmentOf(salon, client, {
            createdBy: 'client',
            salon: { salonName: 'Studio Encre', email: 's@salon.example' },
            client: { firstName: 'Léa', lastName: 'Petit', image: 'https://files.example/l.png' },
        })), 201);
        assert.deepEqual(opened.salon, { id: salon.id, salonName: 'Studio Encre', email: 's@salon.example', role: 'salon' });
        assert.deepEqual(opened.client, {
            id: client.id, firstName: 'Léa', lastName: 'Petit', image: 'https://files.example/l.png', role: 'client',
        });
        assert.match(opened.lastMessage.content, /^Bonjour Léa, .* chez Studio Encre est confirmé/);
        assert.equal(bodyOf(await client.get(conversationPath(opened.id))).id, opened.id);
    });

    test('without names the text still reads well', async () => {
        const opened = bodyOf(await site().book(appointmentOf(stack.person('salon'), stack.person('client'))), 201);
        assert.match(opened.lastMessage.content, /^Bonjour, votre rendez-vous « Tatouage » chez le salon est/);
    });

    test('only its two members read its conversation', async () => {
        const { salon, client, opened } = await open();
        for (const member of [salon, client]) {
            bodyOf(await member.get(conversationPath(opened.id)));
            bodyOf(await member.get(messagesPath(opened.id)));
        }
        for (const outsider of [stack.person('salon'), stack.person('client'), stack.person('service')]) {
            errorOf(await outsider.get(conversationPath(opened.id)), 403);
            errorOf(await outsider.get(messagesPath(opened.id)), 403);
        }
    });

    test('told again it answers 200 with the same conversation and writes nothing', async () => {
        for (const version of [undefined, 4]) {
            const { booking, body, opened } = await open({ version, client: { firstName: 'Léa' } });
            await booking.putUser(body.clientUserId, { role: 'client', firstName: 'Nouveau' });
            for (const again of [body, { ...body, version: version && 3, client: { firstName: 'Ancien' } }]) {
                const response = await stack.assertUnchanged(() => booking.book(again));
                assert.equal(bodyOf(response, 200).id, opened.id);
            }
        }
    });

    test(`${AT_ONCE} at once make one conversation`, async () => {
        const { salon, client } = await stack.salonAndClient();
        const body = appointmentOf(salon, client, { version: 1 });
        const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => site().book(body)));
        assert.deepEqual(answers.map(({ status }) => status).sort(),
            [...Array(AT_ONCE - 1).fill(200), 201]);
        assert.equal(new Set(answers.map((answer) => answer.body.id)).size, 1);
        assert.equal(bodyOf(await salon.get(CONVERSATIONS)).total, 1);
    });

    test('one of other people is refused', async () => {
        const { booking, body, salon, client } = await open();
        for (const other of [{ salonId: client.id, clientUserId: salon.id }, { clientUserId: 'somebody' }])
            assertInvalid(await stack.assertUnchanged(() => booking.book({ ...body, ...other })), ['appointmentId']);
    });

    test('the salon\'s own POST /conversations finds the same conversation', async () => {
        const { salon, client, id, opened } = await open();
        const response = await salon.post(CONVERSATIONS, { clientUserId: client.id, appointmentId: id });
        assert.equal(bodyOf(response, 200).id, opened.id);
    });

    // ---- changes ----

    test('each change is told in the thread', async () => {
        const { booking, salon, opened, id } = await open({ status: 'PENDING' });
        for (const change of [{ status: 'CONFIRMED' }, { start: SUMMER, status: 'RESCHEDULED' },
            { start: '2026-10-25T10:00:00+01:00' }, { status: 'CANCELLED' }, { status: 'COMPLETED' }])
            assert.equal(bodyOf(await booking.change(id, change)).id, opened.id);
        const texts = await textsOf({ salon, opened });
        assert.match(texts[0], /en attente de confirmation/);
        assert.match(texts[1], /est confirmé pour le jeudi 12 mars 2026 à 14\u00a0h\u00a030\./);
        assert.equal(texts[2], 'Bonjour Zoé, votre rendez-vous « Tatouage » chez Salon des Lilas '
            + 'est déplacé au jeudi 2 avril 2026 à 9\u00a0h\u00a000.');
        assert.match(texts[3], /est déplacé au dimanche 25 octobre 2026 à 10\u00a0h\u00a000\.$/);
        assert.match(texts[4], /du dimanche 25 octobre 2026 à 10\u00a0h\u00a000 est annulé\.$/);
        assert.equal(texts[5], 'Bonjour Zoé, merci de votre visite chez Salon des Lilas pour '
            + '« Tatouage ». À bientôt !');
        assert.equal(texts.length, 6);
    });

    test('rescheduled to no date yet is told without one, and the date when it comes', async () => {
        const { booking, salon, opened, id } = await open();
        bodyOf(await booking.change(id, { status: 'RESCHEDULED' }));
        await stack.assertUnchanged(() => booking.change(id, { status: 'RESCHEDULED' }));
        bodyOf(await booking.change(id, { start: SUMMER, status: 'RESCHEDULED' }));
        const [, postponed, moved, ...rest] = await textsOf({ salon, opened });
        assert.equal(postponed, 'Bonjour Zoé, votre rendez-vous « Tatouage » chez Salon des Lilas '
            + 'est reporté à une autre date. Vous pouvez nous écrire ici.');
        assert.match(moved, /est déplacé au jeudi 2 avril 2026 à 9\u00a0h\u00a000\.$/);
        assert.deepEqual(rest, []);
        // A conversation that it brings back begins with it.
        bodyOf(await booking.change(id, { status: 'CANCELLED' }));
        bodyOf(await salon.delete(conversationPath(opened.id)), 204);
        const again = bodyOf(await booking.change(id, { status: 'RESCHEDULED' }));
        assert.deepEqual(await textsOf({ salon, opened: again }), [postponed]);
    });

    test('the subject follows a move, unless somebody wrote one', async () => {
        const own = await open();
        bodyOf(await own.booking.change(own.id, { start: SUMMER }));
        assert.equal(await subjectOf(own), 'RDV Tatouage - 02/04/2026');
        const theirs = await open();
        bodyOf(await theirs.client.patch(conversationPath(theirs.opened.id), { subject: 'Mon tatouage' }));
        bodyOf(await theirs.booking.change(theirs.id, { start: SUMMER }));
        assert.equal(await subjectOf(theirs), 'Mon tatouage');
    });

    test('a known version writes nothing, an older one is ignored, a newer one counts', async () => {
        const { booking, salon, opened, id } = await open({ status: 'PENDING', version: 1 });
        bodyOf(await booking.change(id, { start: SUMMER, version: 3 }));
        for (const old of [{ start: SUMMER, version: 3 }, { status: 'CANCELLED', version: 3 },
            { status: 'CONFIRMED', version: 2 }, { status: 'CANCELLED', version: 0 }]) {
            const response = await stack.assertUnchanged(() => booking.change(id, old));
            assert.equal(bodyOf(response, 200).id, opened.id);
        }
        bodyOf(await booking.change(id, { status: 'CONFIRMED', version: 1_000 }));
        assert.equal((await textsOf({ salon, opened })).length, 3);
    });

    test('without a version, a change to the present state writes nothing', async () => {
        const { booking, opened, id } = await open();
        for (const change of [{}, { status: 'CONFIRMED' }, { start: WINTER }, { start: '2026-03-12T14:30:00+01:00' }]) {
            const response = await stack.assertUnchanged(() => booking.change(id, change));
            assert.equal(bodyOf(response, 200).id, opened.id);
        }
    });

    test('the same change many times at once is told once', async () => {
        const { booking, salon, opened, id } = await open();
        const answers = await Promise.all(Array.from({ length: AT_ONCE }, () =>
            booking.change(id, { status: 'CANCELLED', version: 2 })));
        assert.deepEqual(answers.map(({ status }) => status), Array(AT_ONCE).fill(200));
        assert.equal((await textsOf({ salon, opened })).length, 2);
    });

    test('a change brings the conversation back from the archive', async () => {
        const { booking, salon, opened, id } = await open();
        bodyOf(await salon.patch(archivePath(opened.id)), 204);
        assert.equal(bodyOf(await booking.change(id, { status: 'CANCELLED' })).status, 'ACTIVE');
    });

    test('what the salon deleted comes back with news alone', async () => {
        const { booking, salon, opened, id } = await open({ version: 1 });
        bodyOf(await booking.change(id, { start: SUMMER, version: 2 }));
        bodyOf(await salon.delete(conversationPath(opened.id)), 204);
        const known = await stack.assertUnchanged(() => booking.change(id, { start: SUMMER, version: 2 }));
        assert.deepEqual(bodyOf(known, 200), { appointmentId: id, applied: false });
        const again = bodyOf(await booking.change(id, { status: 'CANCELLED', version: 3 }));
        assert.notEqual(again.id, opened.id);
        assert.match(again.lastMessage.content, /est annulé/);
    });

    // ---- changes that come before their appointment ----

    test('a change that comes first is kept, and applied after its appointment', async () => {
        const { salon, client } = await stack.salonAndClient();
        const booking = site();
        const body = appointmentOf(salon, client, { status: 'PENDING', version: 1 });
        const id = body.appointmentId;
        for (const change of [{ status: 'CANCELLED', version: 4 }, { status: 'CONFIRMED', version: 2 },
            { start: SUMMER, version: 3 }, { status: 'CANCELLED', version: 4 }])
            assert.deepEqual(bodyOf(await booking.change(id, change), 202), { appointmentId: id, applied: false });
        assert.equal(bodyOf(await salon.get(CONVERSATIONS)).total, 0);
        const opened = bodyOf(await booking.book(body), 201);
        assert.equal(opened.subject, 'RDV Tatouage - 02/04/2026');
        const texts = await textsOf({ salon, opened });
        for (const [index, pattern] of [/en attente/, /confirmé/, /déplacé au jeudi 2 avril/, /annulé/].entries())
            assert.match(texts[index], pattern);
        assert.equal(texts.length, 4);
        bodyOf(await booking.change(id, { status: 'COMPLETED', version: 4 }));
        assert.equal((await textsOf({ salon, opened })).length, 4);
    });

    test('changes that are older than their appointment are forgotten', async () => {
        const { salon, client } = await stack.salonAndClient();
        const booking = site();
        const body = appointmentOf(salon, client, { version: 5 });
        bodyOf(await booking.change(body.appointmentId, { status: 'CANCELLED', version: 4 }), 202);
        const opened = bodyOf(await booking.book(body), 201);
        assert.equal((await textsOf({ salon, opened })).length, 1);
        assert.equal(await stack.database.value('SELECT count(*) FROM appointment_changes'), 0);
    });

    test(`more than ${EARLY_CHANGES_MAX} changes of an unknown appointment are refused`, async () => {
        const booking = site();
        await Promise.all(Array.from({ length: EARLY_CHANGES_MAX }, async (_, version) =>
            bodyOf(await booking.change('never', { status: 'CONFIRMED', version }), 202)));
        const more = () => booking.change('never', { status: 'CONFIRMED', version: EARLY_CHANGES_MAX });
        assertInvalid(await stack.assertUnchanged(more), ['appointmentId']);
        await stack.database.sql("DELETE FROM appointment_changes WHERE appointment_id = 'never'");
    });

    test('an appointment and its change at the same time end in the same state', async () => {
        const { salon, client } = await stack.salonAndClient();
        await Promise.all(Array.from({ length: AT_ONCE }, async () => {
            const body = appointmentOf(salon, client, { version: 1 });
            const [change, opened] = await Promise.all([
                site().change(body.appointmentId, { status: 'CANCELLED', version: 2 }),
                site().book(body),
            ]);
            assert.ok([200, 202].includes(change.status), change.text);
            const texts = await textsOf({ salon, opened: bodyOf(opened, 201) });
            assert.match(texts[0], /confirmé/);
            assert.match(texts[1], /annulé/);
            assert.equal(texts.length, 2);
        }));
    });

    // ---- events ----

    test('both sides are told of the conversation and of their counters', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { result, events } = await stack.watchEvents(async () =>
            bodyOf(await site().book(appointmentOf(salon, client)), 201));
        const told = (audience, name) => events
            .filter((event) => event.audience === audience && event.name === name)
            .map(({ payload }) => payload);
        assert.deepEqual(told(`u:${salon.id}`, 'conversation-created').map(({ id, unreadCount }) => [id, unreadCount]),
            [[result.id, 0]]);
        assert.deepEqual(told(`u:${client.id}`, 'conversation-created').map(({ id, unreadCount }) => [id, unreadCount]),
            [[result.id, 1]]);
        assert.deepEqual(told(`u:${salon.id}`, 'unread-count-updated'), [{ totalUnread: 0 }]);
        assert.deepEqual(told(`u:${client.id}`, 'unread-count-updated'), [{ totalUnread: 1 }]);
        assert.equal(told(`c:${result.id}`, 'new-message').length, 1);
        assert.equal(told(`c:${result.id}`, 'new-message')[0].content, result.lastMessage.content);
    });

    test('a move is told with the new subject, then with its message', async () => {
        const { booking, opened, id } = await open();
        const { events } = await stack.watchEvents(async () =>
            bodyOf(await booking.change(id, { start: SUMMER })));
        const names = events.map(({ name }) => name);
        assert.ok(names.indexOf('conversation-updated') < names.indexOf('new-message'), names.join());
        const updated = events.filter(({ name }) => name === 'conversation-updated');
        assert.equal(updated.length, 2);
        for (const { payload } of updated)
            assert.equal(payload.subject, 'RDV Tatouage - 02/04/2026');
        assert.equal(events.filter(({ name }) => name === 'new-message')[0].audience, `c:${opened.id}`);
    });

    // ---- e-mail addresses ----

    test('e-mail addresses go to those alone who share an appointment', async () => {
        const salon = stack.person('salon');
        const client = stack.person('client');
        const addresses = { salon: { email: 's@salon.example' }, client: { email: 'c@client.example' } };
        const { result: opened, events } = await stack.watchEvents(async () =>
            bodyOf(await site().book(appointmentOf(salon, client, addresses)), 201));
        for (const person of [salon, client]) {
            const shown = bodyOf(await person.get(conversationPath(opened.id)));
            assert.equal(shown.salon.email, 's@salon.example');
            assert.equal(shown.client.email, 'c@client.example');
        }
        // A salon of no appointment sees none, and no event carries one to anybody else.
        const other = await stack.knownPerson('salon');
        const theirs = await openConversation(other, client);
        assert.equal(theirs.client.email, undefined);
        const audiences = events.filter(({ payload }) => JSON.stringify(payload).includes('.example'))
            .map(({ audience }) => audience);
        assert.deepEqual([...new Set(audiences)].sort(), [`u:${client.id}`, `u:${salon.id}`].sort());
        for (const path of [CONVERSATIONS, messagesPath(theirs.id)])
            assert.ok(!(await other.get(path)).text.includes('c@client.example'));
    });

    test('all counters equal a recount', async () => {
        assert.deepEqual(await stack.database.findings(), []);
    });
});

// ---- sockets ----

describeBroker('appointments, on connected sockets', { front: 'nginx' }, ({ stack, test }) => {
    test('both sides get their conversation and their counters at once', async () => {
        const { salon, client } = await stack.salonAndClient();
        const stranger = await stack.knownPerson('client');
        const tabs = { salon: await stack.openTab(salon), client: await stack.openTab(client) };
        const outsider = await stack.openTab(stranger);
        Object.values(tabs).forEach((tab) => tab.forget());
        const opened = bodyOf(await stack.person('service').post(APPOINTMENTS, appointmentOf(salon, client)), 201);
        for (const [name, unread] of Object.entries({ salon: 0, client: 1 })) {
            const told = await tabs[name].next('conversation-created', ({ id }) => id === opened.id);
            assert.equal(told.unreadCount, unread);
            assert.equal(told.lastMessage.content, opened.lastMessage.content);
            await tabs[name].next('unread-count-updated', ({ totalUnread }) => totalUnread === unread);
        }
        assert.ok(!outsider.bytes.includes(opened.id));
        for (const tab of [...Object.values(tabs), outsider])
            tab.close();
    });

    test('a change reaches the open thread', async () => {
        const { salon, client } = await stack.salonAndClient();
        const booking = new BookingSite(stack.person('service'));
        const body = appointmentOf(salon, client);
        const opened = bodyOf(await booking.book(body), 201);
        const tab = await stack.openTab(salon);
        await tab.join(opened.id);
        bodyOf(await booking.change(body.appointmentId, { status: 'CANCELLED' }));
        const message = await tab.next('new-message', ({ type }) => type === 'SYSTEM');
        assert.match(message.content, /est annulé/);
        tab.close();
    });
});

// ---- texts ----

/** Writes texts as files into the stack's folder of templates. */
function writeTemplates(stack, texts) {
    const folder = join(stack.accountFolder, 'templates');
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of Object.entries(texts))
        writeFileSync(join(folder, name), text);
}

const OWN_TEXTS = {
    'confirmed.txt': 'Salut {prenom} !\n{prestation}, {date} ({date_courte}) {heure}, {salon} {{-:\n',
    'subject.txt': '{prestation} du {date_courte}',
};

describeStack('appointments with texts and a time zone of one\'s own', {
    config: { appointments: { time_zone: 'Pacific/Noumea' } },
    prepare: (stack) => writeTemplates(stack, OWN_TEXTS),
}, ({ stack, test }) => {
    const book = async (fields) => {
        const { salon, client } = await stack.salonAndClient();
        return bodyOf(await stack.person('service').post(APPOINTMENTS, appointmentOf(salon, client, fields)), 201);
    };

    test('they are used, and the others stay ours', async () => {
        const opened = await book();
        assert.equal(opened.lastMessage.content, 'Salut Zoé !\nTatouage, vendredi 13 mars 2026 '
            + '(13/03/2026) 0\u00a0h\u00a030, Salon des Lilas {-:');
        assert.equal(opened.subject, 'Tatouage du 13/03/2026');
        assert.match((await book({ status: 'PENDING' })).lastMessage.content, /^Bonjour Zoé, votre demande/);
    });

    // The last one: only programs that stay can read their configuration again.
    if (new Stack().frontName === 'nginx')
        test('SIGHUP reads them again, a bad one keeps the old ones', async () => {
            const { appointments } = stack.programs;
            const reload = async (text, logged) => {
                const before = appointments.log.length;
                writeTemplates(stack, { 'confirmed.txt': text });
                appointments.signal('SIGHUP');
                await until(logged, () => appointments.log.slice(before).includes(logged));
            };
            await reload('Nouveau texte pour {prenom}', 'configuration read again');
            assert.equal((await book()).lastMessage.content, 'Nouveau texte pour Zoé');
            await reload('Texte pour\n{personne}', 'confirmed.txt:2: unknown variable {personne}');
            assert.equal((await book()).lastMessage.content, 'Nouveau texte pour Zoé');
        });
});

describe('a bad text', () => {
    for (const [what, text, reason] of [
        ['an unknown variable', 'Bonjour {prenom},\n\nau revoir {nom} !\n', 'moved.txt:3: unknown variable {nom}'],
        ['an open brace', 'Bonjour {prenom\n', 'moved.txt:1: a brace is not closed'],
    ])
        it(`with ${what} is refused at start, with its line`, async () => {
            let command;
            const stack = new Stack({
                front: 'cgi',
                prepare: (made) => writeTemplates(made, { 'moved.txt': text }),
            });
            await stack.start();
            try {
                const environment = { MESSAGERIE_CONFIG: stack.configuration };
                for (command of [[join(BUILD, 'appointments.fcgi')], [join(BUILD, 'appointments.fcgi'), '--check'],
                    [join(BUILD, 'messagerie'), 'check-config'], [join(BUILD, 'messagerie'), 'spool', stack.folder]]) {
                    const program = new Program({ name: 'appointments', command, environment });
                    await assert.rejects(program.start(() => false), /ended at start/);
                    assert.equal(program.exit.code, 1, program.log);
                    assert.ok(program.log.includes(reason), program.log);
                }
                // The others have no use for it.
                const salon = stack.person('salon');
                assert.equal(bodyOf(await salon.get(CONVERSATIONS)).total, 0);
            } finally {
                await stack.stop();
            }
        });
});

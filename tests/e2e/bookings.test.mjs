// Promise 7 (docs/architecture.md, "Promises"): no booking ends with none or two conversations, and
// none waits for us. A simulated booking site tells of appointments over HTTP and through the
// spool, with retries, doubles, reorderings, moves and cancellations, while programs are killed;
// then every conversation is compared with a model.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { messagerie } from './harness/admin.mjs';
import { appointmentOf, BookingSite } from './harness/booking.mjs';
import { until } from './harness/conditions.mjs';
import { isLong } from './harness/project.mjs';
import { seededRandom, testSeed } from './harness/random.mjs';
import { Spool } from './harness/spool.mjs';
import { describeStack } from './harness/stack.mjs';

const BOOKINGS = isLong ? 100_000 : 2_000;
const SITES = 24; // that book at once
const SALONS = 20;
const CLIENTS = 200;
const CHANGES_MAX = 4;
// Of each program, spread over the bookings, however fast they are told.
const KILLS = isLong ? 500 : 25;
const ANSWER_LIMIT_MS = 120_000;
const SPOOL_LIMIT_MS = isLong ? 3_600_000 : 120_000;
const seed = testSeed();

// ---- the model: what is told of an appointment ----

/** Moments, and how French people in Paris write them. */
const MOMENTS = [
    ['2026-03-12T13:30:00Z', 'jeudi 12 mars 2026', '12/03/2026', '14 h 30'],
    ['2026-03-29T00:59:00Z', 'dimanche 29 mars 2026', '29/03/2026', '1 h 59'],
    ['2026-03-29T01:00:00Z', 'dimanche 29 mars 2026', '29/03/2026', '3 h 00'],
    ['2026-07-31T22:15:00+00:00', 'samedi 1er août 2026', '01/08/2026', '0 h 15'],
    ['2026-10-25T02:30:00+02:00', 'dimanche 25 octobre 2026', '25/10/2026', '2 h 30'],
    ['2027-01-01T08:05:00+01:00', 'vendredi 1er janvier 2027', '01/01/2027', '8 h 05'],
].map(([start, date, shortDate, hour]) => ({ start, date, shortDate, hour: hour.replaceAll(' ', '\u00a0') }));
const momentOf = (start) => MOMENTS.find((moment) => moment.start === start);

const TEXTS = {
    PENDING: ({ who, what, where, date, hour }) => `Bonjour ${who}, votre demande de rendez-vous « ${what} » chez `
        + `${where} pour le ${date} à ${hour} est bien reçue. Elle est en attente de confirmation ; vous pouvez nous écrire ici.`,
    CONFIRMED: ({ who, what, where, date, hour }) => `Bonjour ${who}, votre rendez-vous « ${what} » chez ${where} `
        + `est confirmé pour le ${date} à ${hour}. Vous pouvez nous écrire ici.`,
    RESCHEDULED: ({ who, what, where, date, hour }) =>
        `Bonjour ${who}, votre rendez-vous « ${what} » chez ${where} est déplacé au ${date} à ${hour}.`,
    POSTPONED: ({ who, what, where }) => `Bonjour ${who}, votre rendez-vous « ${what} » chez ${where} est reporté à `
        + 'une autre date. Vous pouvez nous écrire ici.',
    CANCELLED: ({ who, what, where, date, hour }) =>
        `Bonjour ${who}, votre rendez-vous « ${what} » chez ${where} du ${date} à ${hour} est annulé.`,
    COMPLETED: ({ who, what, where }) => `Bonjour ${who}, merci de votre visite chez ${where} pour « ${what} ». À bientôt !`,
};

/** An appointment as it comes to be when it is told of in some order. */
class Model {
    texts = [];
    #early = [];

    constructor(booking) {
        this.booking = booking;
    }

    take(item) {
        if (this.state !== undefined)
            this.#change(item);
        else if (item.isNew)
            this.#open(item);
        else
            this.#early.push(item);
    }

    #open({ start, status, version }) {
        this.state = { start, status, version: version ?? -1 };
        this.#tell(status);
        for (const item of this.#early.sort((one, other) => one.version - other.version))
            this.#change(item);
    }

    #change(item) {
        const before = this.state;
        if (item.version !== undefined && item.version <= before.version)
            return;
        if (item.isNew && item.version === undefined)
            return;
        this.state = {
            start: item.start ?? before.start,
            status: item.status ?? before.status,
            version: item.version ?? before.version,
        };
        if (this.state.status !== before.status)
            this.#tell(item.status === 'RESCHEDULED' && item.start === undefined ? 'POSTPONED' : this.state.status);
        else if (this.state.start !== before.start)
            this.#tell('RESCHEDULED');
    }

    #tell(kind) {
        const { salon, client, body } = this.booking;
        this.texts.push(TEXTS[kind]({
            who: client.firstName, where: salon.salonName, what: body.prestation, ...momentOf(this.state.start),
        }));
    }

    get subject() {
        return `RDV ${this.booking.body.prestation} - ${momentOf(this.state.start).shortDate}`;
    }
}

/** Every order in which the changes of a booking may have counted: what overtook others made them
 * old, but the newest counts in any case. */
function* possibleModels(booking) {
    const [first, ...changes] = booking.items;
    const optional = changes.slice(0, -1);
    for (let chosen = 0; chosen < 2 ** optional.length; chosen++) {
        const model = new Model(booking);
        model.take(first);
        optional.filter((_, index) => chosen & (1 << index)).forEach((item) => model.take(item));
        changes.slice(-1).forEach((item) => model.take(item));
        yield model;
    }
}

/** The only possible one, of deliveries that come one after the other. */
function modelOf(booking) {
    const model = new Model(booking);
    booking.deliveries.forEach(({ item }) => model.take(item));
    return model;
}

// ---- the plan ----

/** What is told of one booking: a new appointment and its changes, in the order of versions. */
function makeItems(random, body, isVersioned) {
    const items = [{ ...body, isNew: true }];
    for (let count = random.below(CHANGES_MAX + 1); count > 0; count--) {
        const change = {};
        if (random.below(2) === 0)
            change.start = random.pick(MOMENTS).start;
        if (change.start === undefined || random.below(2) === 0)
            change.status = random.pick(['CONFIRMED', 'RESCHEDULED', 'CANCELLED', 'COMPLETED']);
        items.push(change);
    }
    let version = random.below(3);
    if (isVersioned)
        for (const item of items)
            item.version = version += 1 + random.below(3);
    return items;
}

function shuffle(random, list) {
    const shuffled = [...list];
    for (let i = shuffled.length - 1; i > 0; i--) {
        const other = random.below(i + 1);
        [shuffled[i], shuffled[other]] = [shuffled[other], shuffled[i]];
    }
    return shuffled;
}

const WAYS = ['http', 'spool'];

/**
 * How a booking is told: each item once at least, some again at once and, where versions tell, later.
 *   ordered      by one way, in order
 *   unversioned  the same without versions
 *   early        by one way, the changes in any order before their appointment
 *   shuffled     by one way, in any order
 *   mixed        by both ways at the same time
 */
function makePlan(random, body) {
    const kind = random.pick(['ordered', 'unversioned', 'early', 'shuffled', 'mixed']);
    const items = makeItems(random, body, kind !== 'unversioned');
    const [first, ...changes] = items;
    let order = items;
    if (kind === 'early')
        order = [...shuffle(random, changes), first];
    else if (kind === 'shuffled' || kind === 'mixed')
        order = shuffle(random, items);
    const told = order.flatMap((item) => (random.below(5) === 0 ? [item, item] : [item]));
    if (kind !== 'unversioned')
        while (random.below(3) === 0)
            told.push(random.pick(items));
    const way = random.pick(WAYS);
    const deliveries = told.map((item) => ({ item, way: kind === 'mixed' ? random.pick(WAYS) : way }));
    return { kind, items, deliveries };
}

// ---- the test ----

/** The bodies are the same by both ways, but for the id, which a path can carry. */
function bodyOfItem({ isNew, ...fields }, appointmentId) {
    return isNew ? fields : { ...fields, appointmentId };
}

describeStack(`${BOOKINGS} bookings (MESSAGERIE_TEST_SEED=${seed})`, {
    front: 'nginx', config: { database: { outbox_max_rows: 100_000_000 } },
}, ({ stack, test }) => {
    const random = seededRandom(seed);
    const bookings = [];
    let site;
    let spool;

    /** Repeats a call until it is answered: what was lost may have been done. */
    function insist(call) {
        return until('an answer', async () => {
            const response = await call();
            if (response.status === 503)
                return false;
            assert.ok([200, 201, 202].includes(response.status), response.text);
            return true;
        }, ANSWER_LIMIT_MS);
    }

    function deliver({ item, way }, id) {
        const body = bodyOfItem(item, id);
        if (way === 'spool')
            return spool.write(body);
        return insist(() => (item.isNew ? site.book(body) : site.change(id, body)));
    }

    async function tell({ kind, deliveries, body }) {
        if (kind === 'mixed') {
            await Promise.all(deliveries.map((delivery) => deliver(delivery, body.appointmentId)));
            return;
        }
        for (const delivery of deliveries)
            await deliver(delivery, body.appointmentId);
    }

    /** Kills whenever so many more have been told, and then is there until all is done. */
    async function killWhile(isOver, toldCount, start, program) {
        let kills = 0;
        for (let next = 0; !isOver(); await sleep(2)) {
            if (toldCount() < next)
                continue;
            await program.kill();
            await start();
            kills++;
            next = toldCount() + random.below(2 * BOOKINGS / KILLS);
        }
        return kills;
    }

    test('are told over HTTP and spool while the programs are killed', async () => {
        site = new BookingSite(stack.person('service'));
        spool = new Spool(stack);
        await spool.start();
        const salons = Array.from({ length: SALONS }, (_, index) => ({ id: `s${index}`, salonName: `Studio ${index}` }));
        const clients = Array.from({ length: CLIENTS }, (_, index) => ({ id: `c${index}`, firstName: `Léa-${index}` }));
        for (let i = 0; i < BOOKINGS; i++) {
            const salon = random.pick(salons);
            const client = random.pick(clients);
            const body = appointmentOf(salon, client, {
                prestation: random.pick(['Tatouage', 'Coupe', 'Balayage « soleil »', 'Piercing & bijou']),
                start: random.pick(MOMENTS).start,
                status: random.pick(['PENDING', 'CONFIRMED']),
                salon: { salonName: salon.salonName },
                client: { firstName: client.firstName },
            });
            bookings.push({ salon, client, body, ...makePlan(random, body) });
        }
        const queue = [...bookings];
        let isOver = false;
        const toldCount = () => BOOKINGS - queue.length;
        const appointments = stack.programs.appointments;
        const killers = [
            killWhile(() => isOver, toldCount, () => stack.startProgram(appointments), appointments),
            killWhile(() => isOver, toldCount, () => spool.start(), spool.program),
        ];
        try {
            await Promise.all(Array.from({ length: SITES }, async () => {
                while (queue.length > 0)
                    await tell(queue.pop());
            }));
            await spool.emptied(SPOOL_LIMIT_MS);
        } finally {
            isOver = true;
            await Promise.allSettled(killers);
            await spool.program.stop();
        }
        for (const kills of await Promise.all(killers))
            assert.ok(kills > 3, `only ${kills} kills`);
        assert.deepEqual(spool.refused(), []);
        assert.deepEqual(spool.program.exit, { code: 0, signal: null });
    });

    test('each has one conversation, of the right people, that tells what happened in order', async () => {
        const rows = await stack.database.sql(`SELECT c.appointment_id, c.salon_id, c.client_user_id, c.subject, c.status,
            (SELECT json_group_array(p.user_id) FROM participants p WHERE p.conversation_id = c.id) AS members,
            (SELECT json_group_array(json_array(m.sender_id, m.type, m.content)) FROM (SELECT * FROM messages n
             WHERE n.conversation_id = c.id ORDER BY n.position) m) AS told,
            (SELECT p.unread_count FROM participants p WHERE p.conversation_id = c.id AND p.user_id = c.client_user_id)
             AS unread FROM conversations c`);
        assert.equal(rows.length, BOOKINGS);
        const conversations = new Map(rows.map((row) => [row.appointment_id, row]));
        assert.equal(conversations.size, BOOKINGS);
        for (const booking of bookings) {
            const row = conversations.get(booking.body.appointmentId);
            const told = JSON.parse(row.told);
            const where = `${booking.kind} ${JSON.stringify(booking.deliveries)}`;
            assert.deepEqual([row.salon_id, row.client_user_id, row.status],
                [booking.salon.id, booking.client.id, 'ACTIVE'], where);
            assert.deepEqual(JSON.parse(row.members).sort(), [booking.salon.id, booking.client.id].sort(), where);
            for (const [sender, type] of told)
                assert.deepEqual([sender, type], [booking.salon.id, 'SYSTEM'], where);
            assert.equal(row.unread, told.length, where);
            const seen = JSON.stringify([row.subject, ...told.map(([, , text]) => text)]);
            const models = booking.kind === 'mixed' ? [...possibleModels(booking)] : [modelOf(booking)];
            const possible = models.map(({ subject, texts }) => JSON.stringify([subject, ...texts]));
            assert.ok(possible.includes(seen), `${where}\nseen: ${seen}\npossible: ${possible.join('\n')}`);
        }
    });

    test('each was told to both sides once, and no change is left over', async () => {
        assert.equal(await stack.database.value("SELECT count(*) FROM outbox WHERE name = 'conversation-created'"),
            2 * BOOKINGS);
        assert.equal(await stack.database.value('SELECT count(*) FROM appointment_changes'), 0);
        assert.equal(await stack.database.value('SELECT count(*) FROM appointments'), BOOKINGS);
    });

    test('all counters equal a recount', async () => {
        const { code, stdout } = await messagerie(stack, 'verify', stack.database.path);
        assert.deepEqual([code, stdout], [0, 'ok\n']);
        assert.deepEqual(await stack.database.findings(), []);
    });
});

describeStack('bookings while messaging is away', { front: 'nginx' }, ({ stack, test }) => {
    const [salon, client] = [{ id: 'studio' }, { id: 'lea' }];

    test('cost one file each, and are applied in order when it comes back', async () => {
        await stack.stopPrograms();
        const spool = new Spool(stack);
        const bodies = Array.from({ length: 50 }, () => appointmentOf(salon, client, { version: 1, status: 'PENDING' }));
        const names = bodies.map((body) => spool.write(body));
        names.push(...bodies.map(({ appointmentId }) => spool.write({ appointmentId, status: 'CONFIRMED', version: 2 })));
        names.push(spool.write('{"appointmentId": no JSON'));
        names.push(spool.write({ appointmentId: bodies[0].appointmentId, status: 'CANCELLED', version: 3 }));
        assert.deepEqual(spool.waiting(), names);
        await spool.start();
        await stack.startPrograms();
        await spool.emptied();
        const created = (await stack.database.events())
            .filter(({ name, audience }) => name === 'conversation-created' && audience === 'u:lea')
            .map(({ payload }) => payload.appointmentId);
        assert.deepEqual(created, bodies.map(({ appointmentId }) => appointmentId));
        const texts = (await stack.database.events()).filter(({ name }) => name === 'new-message')
            .map(({ payload }) => payload.content);
        assert.deepEqual(texts.map((text) => /attente|confirmé|annulé/.exec(text)[0]),
            [...Array(50).fill('attente'), ...Array(50).fill('confirmé'), 'annulé']);
        const [bad] = names.slice(-2);
        assert.deepEqual(spool.refused(), [bad, `${bad}.reason`]);
        assert.deepEqual(await spool.program.stop(), { code: 0, signal: null });
        assert.deepEqual(await stack.database.findings(), []);
    });

    test('a file that comes while it runs is taken at once; --once takes what is there', async () => {
        const spool = new Spool(stack);
        await spool.start();
        const body = appointmentOf(salon, client);
        spool.write(body);
        await spool.emptied();
        const second = await messagerie(stack, 'spool', spool.folder);
        assert.equal(second.code, 1);
        assert.match(second.stderr, /another process works on it/);
        assert.deepEqual(await spool.program.stop('SIGINT'), { code: 0, signal: null });
        spool.write({ appointmentId: body.appointmentId, status: 'CANCELLED' });
        const once = await messagerie(stack, 'spool', spool.folder, '--once');
        assert.equal(once.code, 0, once.stderr);
        assert.deepEqual(spool.waiting(), []);
    });
});

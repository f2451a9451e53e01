// Chaos, with a checker: writers send over REST and sockets while the broker and the programs are
// killed, and connections are cut at random bytes. At the end each client's record must equal the
// outbox for its user and its rooms: none lost, none twice, none out of order; and every message
// that was acknowledged must be there.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

import { describeBroker, seqOf } from '../harness/broker.mjs';
import { until } from '../harness/conditions.mjs';
import { messagesPath } from '../harness/paths.mjs';
import { openConversation, send } from '../harness/people.mjs';
import { isLong } from '../harness/project.mjs';
import { CuttingProxy } from '../harness/proxy.mjs';
import { seededRandom, testSeed } from '../harness/random.mjs';
import { sendRequest } from '../harness/http.mjs';

const DURATION_MS = isLong ? 600_000 : 30_000;
const CONVERSATIONS = 3;
const ACK_LIMIT_MS = 2000;
const SETTLE_LIMIT_MS = 60_000;

/** A page that joins its rooms whenever it has to, and records what it gets in segments: a new one
 * begins with each connection that is no recovery. */
class Page {
    constructor(stack, person, rooms, options) {
        this.rooms = rooms;
        this.segments = [];
        this.tab = stack.tab(person, options);
        const { socket } = this.tab;
        socket.on('connect', () => {
            if (!socket.recovered)
                this.segments.push({ events: [], joined: new Map(), start: undefined });
            this.#join();
        });
        socket.onAny((name, payload, offset) => this.#record(name, payload, offset));
        socket.connect();
    }

    get segment() {
        return this.segments.at(-1);
    }

    #join() {
        for (const room of this.rooms) {
            if (!this.segment.joined.has(room))
                this.tab.socket.emit('join-conversation', { conversationId: room });
        }
    }

    #record(name, payload, offset) {
        if (offset === undefined)
            return;
        const { segment } = this;
        const seq = seqOf(offset);
        if (segment.start === undefined) {
            assert.equal(name, 'unread-count-updated');
            segment.start = seq;
        } else if (name === 'conversation-history') {
            if (!segment.joined.has(payload.conversationId))
                segment.joined.set(payload.conversationId, seq);
            segment.seen = seq;
        } else {
            segment.events.push({ seq, name, payload });
        }
    }
}

/** What a segment must hold of the outbox. */
function expectedOf(segment, userId, outbox, last) {
    return outbox.filter(({ seq, audience, payload }) => {
        if (seq > last || payload === undefined)
            return false;
        if (audience === `u:${userId}`)
            return seq > segment.start;
        return segment.joined.has(audience.slice(2)) && seq > segment.joined.get(audience.slice(2));
    }).map(({ seq, name, payload }) => ({ seq, name, payload }));
}

/** Thousands of events: only where they first differ tells something. */
function assertSame(events, expected) {
    const index = events.findIndex((event, i) => !isDeepStrictEqual(event, expected[i]));
    const at = index < 0 && events.length < expected.length ? events.length : index;
    if (at >= 0)
        assert.deepEqual(events.slice(at, at + 3), expected.slice(at, at + 3), `event ${at}`);
}

function checkPage(page, outbox) {
    const newest = outbox.at(-1).seq;
    page.segments.forEach((segment, index) => {
        if (segment.start === undefined)
            return;
        const isLast = index === page.segments.length - 1;
        const last = isLast ? newest : segment.events.at(-1)?.seq ?? segment.start;
        // Something may still be read, and be told, after the outbox was looked at.
        const events = segment.events.filter(({ seq }) => seq <= newest);
        assertSame(events, expectedOf(segment, page.tab.person.id, outbox, last));
    });
}

async function survive(stack, proxy, random) {
    const { salon, client } = await stack.salonAndClient();
    const outsider = await stack.knownPerson('client');
    const rooms = [];
    for (let i = 0; i < CONVERSATIONS; i++)
        rooms.push((await openConversation(salon, client)).id);
    const at = (transports) => ({ port: proxy.port, transports });
    const pages = [
        new Page(stack, salon, rooms, at(['websocket'])),
        new Page(stack, salon, rooms.slice(0, 1), at(undefined)),
        new Page(stack, client, rooms, at(['polling'])),
        new Page(stack, client, rooms.slice(1), at(['websocket'])),
        new Page(stack, outsider, [], at(['websocket'])),
    ];
    let running = true;
    const acknowledged = new Set();
    const attempted = new Set();

    /** Sends until it is acknowledged, always under the same key. */
    const persist = async (name, attempt) => {
        for (let i = 0; running; i++) {
            const key = `${name}-${i}`;
            const room = random.pick(rooms);
            attempted.add(key);
            while (!acknowledged.has(key)) {
                if (await attempt(room, key).catch(() => false))
                    acknowledged.add(key);
                else if (running)
                    await sleep(20);
                else
                    return;
            }
            await sleep(random.below(30));
        }
    };
    const overRest = (person) => async (room, key) => {
        const answer = await sendRequest({
            port: proxy.port, method: 'POST', path: messagesPath(room), token: person.token,
            body: { content: key, clientMessageId: key },
        });
        assert.ok([200, 201, 502, 503].includes(answer.status), answer.text);
        return answer.status < 300;
    };
    const overSocket = (page) => (room, key) => new Promise((resolve) => {
        if (!page.tab.socket.connected) {
            resolve(false);
            return;
        }
        const timer = setTimeout(() => resolve(false), ACK_LIMIT_MS);
        page.tab.socket.emit('send-message',
            { conversationId: room, content: key, clientMessageId: key }, (answer) => {
                clearTimeout(timer);
                resolve(answer.status === 'ok');
            });
    });
    const kill = async () => {
        let kills = 0;
        while (running) {
            await sleep(1000 + random.below(2000));
            const choice = random.below(4);
            const program = choice < 2 ? stack.broker : Object.values(stack.programs)[choice - 2];
            await program.kill();
            await sleep(random.below(300));
            await (choice < 2 ? stack.startBroker() : stack.startProgram(program));
            kills++;
        }
        return kills;
    };
    const cut = async () => {
        while (running) {
            await sleep(100 + random.below(400));
            proxy.cutOne();
        }
    };

    const work = [
        persist('salon-rest', overRest(salon)), persist('client-rest', overRest(client)),
        persist('salon-socket', overSocket(pages[0])), persist('client-socket', overSocket(pages[2])),
        kill(), cut(),
    ];
    await Promise.race([sleep(DURATION_MS), Promise.all(work)]).finally(() => { running = false; });
    const kills = (await Promise.all(work)).at(-2);
    proxy.isCutting = false;

    await until('everybody is connected and in all rooms', () => pages.every((page) =>
        page.tab.socket.connected && page.segment?.joined.size === page.rooms.length), SETTLE_LIMIT_MS);
    // What comes twice or too late comes before these, for each of them.
    for (const room of rooms)
        await until('it is sent', () => send(salon, room, { content: 'à la fin' }));
    await until('it is opened', () => openConversation(salon, outsider));
    // Who looks on has read them, which is told too.
    await until('they are read', async () => await stack.database.value(
        "SELECT count(*) FROM messages WHERE content = 'à la fin' AND read_at IS NULL") === 0,
    SETTLE_LIMIT_MS);
    const outbox = await stack.database.events();
    await until('everybody has all', () => pages.every((page) => page.segment.events.length
        >= expectedOf(page.segment, page.tab.person.id, outbox, outbox.at(-1).seq).length),
    SETTLE_LIMIT_MS).catch(() => {}); // the checks tell what is missing
    pages.forEach((page) => checkPage(page, outbox));
    const stored = (await stack.database.sql(
        'SELECT client_message_id AS key, count(*) AS n FROM messages'
        + ' WHERE client_message_id IS NOT NULL GROUP BY 1'));
    const keys = new Set(stored.map(({ key }) => key));
    assert.deepEqual([...acknowledged].filter((key) => !keys.has(key)), [], 'acknowledged, but lost');
    assert.deepEqual(stored.filter(({ n }) => n !== 1), [], 'stored twice');
    assert.ok([...keys].every((key) => attempted.has(key)));
    assert.deepEqual(await stack.database.findings(), []);
    process.stdout.write(`# chaos: ${acknowledged.size} messages, ${outbox.length} events, `
        + `${kills} kills, ${proxy.cuts} cuts, `
        + `${pages.map((page) => page.tab.connects.filter(Boolean).length)} recoveries of `
        + `${pages.map((page) => page.tab.connects.length)} connections\n`);
}

describeBroker('chaos', { config: { broker: { events_per_second: 1000 } } }, ({ stack, test }) => {
    const seed = testSeed();

    test(`${DURATION_MS / 1000} s, MESSAGERIE_TEST_SEED=${seed}`, async () => {
        const random = seededRandom(seed);
        const proxy = new CuttingProxy(stack.port, random);
        await proxy.start();
        try {
            await survive(stack, proxy, random);
        } finally {
            await proxy.stop();
        }
    });
});

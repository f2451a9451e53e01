// Judged: while strangers open handshakes without end and say what they may, those who have a token are
// let in and told everything in time. In a long run for a minute each, from one address and from two
// hundred, through nginx and at the broker itself; else for some seconds, which only shows that it works.
// Strangers cost the machine that they run on, which is ours here, too: so they ask us and somebody else
// in turn, and one is compared with the other.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import WebSocket from 'ws';

import { describeBroker, NAMESPACE } from '../harness/broker.mjs';
import { isLong, isSanitized } from '../harness/project.mjs';
import { openConversation } from '../harness/people.mjs';
import { startStrangers } from '../harness/strangers.mjs';

const PAIRS = isLong ? 100 : 20;
const SLICES = isLong ? 3 : 1;
const SLICE_MS = isLong ? 20_000 : 3_000;
const CALM_SLICE_MS = SLICE_MS / 2;
const REQUESTS_PER_SECOND = 2000;
const MESSAGE_EVERY_MS = 1000; // of each pair
const RECONNECTS_PER_SECOND = 10;
const GROWTH_MAX_BYTES = 64 * 1024 * 1024;
const CONNECT_P99_MS = 1000;
const DELIVERY_MORE_MS = 20;

const residentBytes = (pid) =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

/** Of user and system time, in ms; the kernel counts in hundredths of a second. */
const cpuMs = (pid) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
    .slice(11, 13).reduce((sum, ticks) => sum + Number(ticks) * 10, 0);

const percentile = (values, part) =>
    values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))];

/** What several slices have measured, together. */
function sum(slices) {
    const connects = slices.flatMap((slice) => slice.connects);
    const deliveries = slices.flatMap((slice) => slice.deliveries);
    return { connect: percentile(connects, 0.99), connects: connects.length,
        delivery: percentile(deliveries, 0.99), delivered: deliveries.length,
        before: slices[0].before, growth: Math.max(...slices.map(({ largest }) => largest)) - slices[0].before,
        cpu: slices.reduce((all, { cpu }) => all + cpu, 0) / slices.length };
}

function addUp(counts) {
    const total = {};
    for (const [what, count] of counts.flatMap(Object.entries))
        total[what] = (total[what] ?? 0) + count;
    return total;
}

/** A client that speaks by hand, which costs the test less: {connect, close, say}. */
class Client {
    constructor(open, person, onMessage) {
        Object.assign(this, { open, person, onMessage });
        this.refusals = [];
    }

    /** Gives how long it took. */
    connect() {
        const begin = performance.now();
        this.socket = this.open();
        return new Promise((resolve) => {
            const { socket } = this;
            let isIn = false;
            const end = (why) => {
                if (socket === this.socket && !this.isClosing)
                    this.refusals.push(why);
                resolve(Infinity);
            };
            socket.on('error', (error) => end(error.message));
            socket.on('close', (code) => end(`closed ${code}`));
            socket.on('message', (data) => {
                const text = `${data}`;
                if (text === '2')
                    socket.send('3');
                else if (text.startsWith('0'))
                    socket.send(`40${NAMESPACE},${JSON.stringify({ token: this.person.token })}`);
                else if (text.startsWith(`40${NAMESPACE}`) && !isIn) {
                    isIn = true;
                    resolve(performance.now() - begin);
                } else if (text.startsWith(`44${NAMESPACE}`) || text.includes('["error"'))
                    this.refusals.push(text);
                else
                    this.onMessage(text);
            });
        });
    }

    emit(name, payload) {
        this.socket.send(`42${NAMESPACE},${JSON.stringify([name, payload])}`);
    }

    async reconnect() {
        this.isClosing = true;
        this.socket.close();
        this.isClosing = false;
        return await this.connect();
    }

    close() {
        this.isClosing = true;
        this.socket.terminate();
    }
}

/** Everybody who has a token, and what they measure. */
class Crowd {
    constructor(stack, front) {
        Object.assign(this, { stack, front });
        this.clients = [];
        this.sent = 0;
    }

    #opener(number) {
        const address = `127.77.${1 + (number >> 7)}.${1 + (number & 127)}`;
        const query = '/socket.io/?EIO=4&transport=websocket';
        return this.front
            ? () => new WebSocket(`ws://127.0.0.1:${this.stack.port}${query}`, { localAddress: address })
            : () => new WebSocket(`ws+unix:${this.stack.brokerSocket}:${query}`,
                { headers: { 'x-forwarded-for': address } });
    }

    async open() {
        this.pairs = [];
        for (let i = 0; i < PAIRS; i++) {
            const { salon, client } = await this.stack.salonAndClient();
            const { id } = await openConversation(salon, client);
            const deliver = (text) => {
                const sentAt = /"content":"at ([\d.]+)"/.exec(text);
                if (sentAt && text.includes('["new-message"'))
                    this.deliveries.push(performance.now() - Number(sentAt[1]));
            };
            const reader = new Client(this.#opener(2 * i), client, deliver);
            const writer = new Client(this.#opener(2 * i + 1), salon, () => {});
            this.pairs.push({ id, reader, writer });
            this.clients.push(reader, writer);
        }
        this.deliveries = [];
        await Promise.all(this.clients.map((client) => client.connect()));
        for (const { id, reader } of this.pairs)
            reader.emit('join-conversation', { conversationId: id });
    }

    /** Writes, and lets writers come back, for so long; gives what was measured. */
    async measure(ms) {
        this.deliveries = [];
        const connects = [];
        const { pid } = this.stack.broker;
        const before = residentBytes(pid);
        const cpuBefore = cpuMs(pid);
        let largest = before;
        let sent = 0;
        let next = 0;
        const begin = performance.now();
        const due = (count, everyMs) => (performance.now() - begin) / everyMs > count;
        let reconnects = 0;
        const pending = [];
        while (performance.now() - begin < ms) {
            while (due(sent, MESSAGE_EVERY_MS / PAIRS)) {
                const { id, writer } = this.pairs[sent++ % PAIRS];
                if (!writer.isComing)
                    writer.emit('send-message', { conversationId: id,
                        content: `at ${performance.now()}` });
            }
            while (due(reconnects, 1000 / RECONNECTS_PER_SECOND)) {
                const { writer } = this.pairs[next++ % PAIRS];
                reconnects++;
                writer.isComing = true;
                pending.push(writer.reconnect().then((took) => {
                    writer.isComing = false;
                    connects.push(took);
                }));
            }
            largest = Math.max(largest, residentBytes(pid));
            await sleep(5);
        }
        const cpu = (cpuMs(pid) - cpuBefore) / ms;
        await Promise.all(pending);
        await sleep(500); // what is under way; nothing is judged by it but its own delay
        return { connects, deliveries: this.deliveries, cpu, before, largest };
    }

    refusals() {
        return this.clients.flatMap(({ refusals }) => refusals);
    }

    close() {
        this.clients.forEach((client) => client.close());
    }
}

const megabytes = (bytes) => Math.round(bytes / 1024 / 1024);

const round = (value) => Math.round(value * 10) / 10;

function tell(what, measured, answers) {
    process.stderr.write(`# ${what}: connect p99 ${round(measured.connect)} ms of ${measured.connects}, `
        + `delivery p99 ${round(measured.delivery)} ms of ${measured.delivered}, broker `
        + `${megabytes(measured.before)} + ${megabytes(measured.growth)} MB and ${Math.round(100 * measured.cpu)} % of `
        + 'a processor'
        + `${answers ? `; strangers were answered ${JSON.stringify(answers)}` : ''}\n`);
}

for (const front of ['nginx', undefined])
    describeBroker(`an attack ${front ? 'through nginx' : 'on the broker'}`, { front: 'nginx',
        config: { broker: { events_per_second: 1000, event_burst: 1000 } } }, ({ stack, test }) => {
        test('of one address, and of 200, disturbs nobody who has a token', async () => {
            const crowd = new Crowd(stack, front);
            await crowd.open();
            tell('without', sum([await crowd.measure(CALM_SLICE_MS)]));
            const target = front ? { port: stack.port } : { socketPath: stack.brokerSocket };
            for (const addresses of [1, 200]) {
                const slices = { calm: [], attacked: [] };
                const answers = { calm: [], attacked: [] };
                const run = async (name, ms, at) => {
                    const strangers = startStrangers({ addresses, perSecond: REQUESTS_PER_SECOND, ...at });
                    slices[name].push(await crowd.measure(ms));
                    answers[name].push(await strangers.end());
                };
                for (let i = 0; i < SLICES; i++) {
                    await run('calm', CALM_SLICE_MS, {});
                    await run('attacked', SLICE_MS, target);
                }
                const [calm, attacked] = [sum(slices.calm), sum(slices.attacked)];
                tell(`${addresses} address(es), at somebody else`, calm, addUp(answers.calm));
                tell(`${addresses} address(es)`, attacked, addUp(answers.attacked));
                assert.deepEqual(crowd.refusals(), []);
                if (isSanitized || !isLong)
                    continue;
                assert.ok(attacked.connect < CONNECT_P99_MS);
                assert.ok(attacked.delivery <= 2 * calm.delivery + DELIVERY_MORE_MS);
                assert.ok(attacked.growth <= GROWTH_MAX_BYTES);
            }
            crowd.close();
        });
    });

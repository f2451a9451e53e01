// From the POST of a message to the `new-message` at the other's socket, while ten thousand others
// are connected: the whole of it, behind nginx, with every message on disk before it is answered.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { freePort, isListening } from '../../e2e/harness/http.mjs';
import { BUILD, SOURCE } from '../../e2e/harness/project.mjs';
import { SERVER_CPU, selectContestants, spawnPinned } from '../lib/contestant.mjs';
import { cpuTimes, processTree, untilIdle } from '../lib/cpu.mjs';
import { DiskProbe } from '../lib/disk.mjs';
import { withGenerator } from '../lib/generator.mjs';
import { Ours } from '../lib/ours.mjs';
import { writeIdentities } from '../lib/people.mjs';
import { runInterleaved } from '../lib/rounds.mjs';
import { makeTable } from '../lib/table.mjs';

export const name = 'end-to-end';
export const order = 4;

/** Conversations in which it is written; each client in turn, and each salon looks. */
const CONVERSATIONS = 100;
const WRITERS = 2 * CONVERSATIONS;
const IDLE = 10_000;
const RATES = [50, 1000];
const SECONDS = { 50: 15, 1000: 6 };
const SECONDS_QUICK = { 50: 4, 1000: 3 };
const ROUNDS = { full: 5, quick: 1 };
/** Before anything is measured: until the database's log has the size that it keeps, each commit
 * makes it longer, and a disk needs more for that. */
const WARM_UP_MESSAGES = 5000;
const WARM_UP_RATE = 1000;
const US_PER_SECOND = 1e6;

const numbers = (first, count, step = 1) => Array.from({ length: count }, (_, i) => first + i * step);

/** The service as it is installed: nginx, the program for messages, the broker. */
class Service extends Ours {
    constructor() {
        super({ people: WRITERS + IDLE, onUnixSocket: true });
        this.packages = ['nginx'];
    }

    async start() {
        await super.start();
        const socket = join(this.socketFolder, 'messages.sock');
        this.messages = await spawnPinned(SERVER_CPU, join(BUILD, 'messages.fcgi'), [],
            this.environment, { name: 'messages', isReady: () => isListening(socket) });
        const port = await freePort();
        const folder = this.file('nginx');
        execFileSync(join(SOURCE, 'nginx/render'), [folder, this.socketFolder, `127.0.0.1:${port}`]);
        this.nginx = await spawnPinned(SERVER_CPU, 'nginx',
            ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')], {},
            { name: 'nginx', isReady: () => isListening(port) });
        this.address = `127.0.0.1:${port}`;
    }

    pidsByPart() {
        return {
            nginx: processTree(this.nginx.pid),
            program: [this.messages.pid],
            broker: [this.broker.pid],
        };
    }

    pids() {
        return Object.values(this.pidsByPart()).flat();
    }

    async stop() {
        for (const program of [this.nginx, this.messages])
            if (program?.isRunning)
                await program.stop();
        await super.stop();
    }

    /** The salons' sockets come through nginx, as a browser's do; so do the clients' POSTs. */
    writerArguments() {
        const senders = writeIdentities(this.file('senders'), numbers(1, CONVERSATIONS, 2));
        return {
            ...this.clientArguments(numbers(0, CONVERSATIONS, 2)),
            target: this.address,
            publish: `rest:${this.address},${senders}`,
        };
    }

    /** The idle ones connect to the broker itself: nginx would need two descriptors for each. */
    idleArguments() {
        return {
            ...this.clientArguments([0]),
            identities: writeIdentities(this.file('idle'), numbers(WRITERS, IDLE), { joins: false }),
        };
    }
}

function cpuByPart(service) {
    return Object.fromEntries(Object.entries(service.pidsByPart())
        .map(([part, pids]) => [part, cpuTimes(pids).total]));
}

async function measureRate(service, generator, probe, rate, seconds) {
    const count = rate * seconds;
    await untilIdle(() => service.pids());
    await probe.untilCalm();
    const before = cpuByPart(service);
    const [run, disk] = await probe.beside(
        () => generator.ask('run', 1, count, US_PER_SECOND / rate, 1));
    const after = cpuByPart(service);
    if (run.delivered !== run.expected)
        throw new Error(`${run.delivered} of ${run.expected} messages delivered`);
    const spent = Object.fromEntries(Object.keys(after).map((part) =>
        [part, (after[part] - before[part]) / count]));
    return {
        ...run.latency,
        cpu: Object.values(spent).reduce((sum, us) => sum + us),
        ...spent,
        answerP50: run.answer.p50,
        answerP99: run.answer.p99,
        diskP99: disk.p99,
        diskMax: disk.max,
        generator: run.generatorUs / count,
    };
}

function measure(service, seconds) {
    return withGenerator(service.idleArguments(), async (idle) => {
        await idle.ask('connect', IDLE);
        return withGenerator(service.writerArguments(), async (writers) => {
            await writers.ask('connect', CONVERSATIONS);
            await writers.ask('run', 1, WARM_UP_MESSAGES, US_PER_SECOND / WARM_UP_RATE, 1);
            const probe = await DiskProbe.open(service.folder);
            const results = {};
            try {
                for (const rate of RATES)
                    results[rate] = await measureRate(service, writers, probe, rate, seconds[rate]);
            } finally {
                await probe.close();
            }
            return results;
        });
    });
}

const COLUMNS = [
    { key: 'cpu', title: 'CPU us/message', digits: 0 },
    { key: 'nginx', title: 'nginx', digits: 0 },
    { key: 'program', title: 'program', digits: 0 },
    { key: 'broker', title: 'broker', digits: 0 },
    { key: 'p50', title: 'p50 ms', digits: 2 },
    { key: 'p99', title: 'p99 ms', digits: 2 },
    { key: 'p999', title: 'p99.9 ms', digits: 2 },
    { key: 'max', title: 'max ms', digits: 1 },
    { key: 'answerP50', title: 'POST p50', digits: 2 },
    { key: 'answerP99', title: 'p99', digits: 2 },
    { key: 'diskP99', title: 'disk p99', digits: 1 },
    { key: 'diskMax', title: 'max', digits: 1 },
    { key: 'generator', title: 'generator us', digits: 0 },
];

export async function run({ quick, repetitions, only }) {
    const seconds = quick ? SECONDS_QUICK : SECONDS;
    const { results, failures } = await runInterleaved({
        contestants: selectContestants([new Service()], only),
        rounds: repetitions ?? (quick ? ROUNDS.quick : ROUNDS.full),
        measure: (service) => measure(service, seconds),
    });
    return {
        tables: RATES.map((rate) => makeTable({
            title: `POST to new-message at ${rate}/s for ${seconds[rate]} s, ${IDLE} idle sockets`,
            results: new Map([...results].map(([contestant, each]) =>
                [contestant, each.map((round) => round[rate])])),
            columns: COLUMNS,
            notes: [
                'from when a POST was due to the event at the reader\'s socket; fsync is on',
                'the reader looks: the broker marks each message as read, which is a second write',
                'disk: what a loop beside it needs for 20 kB and fdatasync, due 50 times a second',
            ],
        })),
        failures,
    };
}

// One message to many sockets: what a delivery costs the server, and how long it takes.

import { selectContestants } from '../lib/contestant.mjs';
import { measureCpu } from '../lib/cpu.mjs';
import { runAll } from '../lib/fanout.mjs';
import { Generator } from '../lib/generator.mjs';
import { layers } from '../lib/layers.mjs';
import { Ours } from '../lib/ours.mjs';
import { Slices } from '../lib/slices.mjs';
import { makeTable } from '../lib/table.mjs';
import { bareWriter } from '../peers/bare-writer/contestant.mjs';
import { Mosquitto } from '../peers/mosquitto/contestant.mjs';
import { Nchan } from '../peers/nchan/contestant.mjs';
import { socketio } from '../peers/socketio/contestant.mjs';
import { ws } from '../peers/ws/contestant.mjs';

export const name = 'fanout';
export const order = 1;

/** Of a slice for the CPU time of a delivery, with as many whole turns as that is for the
 * contestant, which it shows with so many deliveries before. */
const SLICE_SECONDS = 0.25;
const FIRST_DELIVERIES = 20_000;
const WARM_UP_SECONDS = 0.5;
// So many a second load the slowest contestant to some three quarters.
const DELIVERIES_PER_SECOND = 25_000;
const SECONDS = 1;
const BURSTS = [1, 4, 16];
const SOCKETS = [1000, 10_000];
const REPETITIONS = { full: 30, quick: 3 };
/** So many others have their turn between two of ours. */
const BETWEEN = 2;
/** Latencies are measured in every so many-th repetition, ours before and after all others. */
const LATENCY_EVERY = 15;
/** Of so many deliveries one turn takes some a second, and it is measured less often. */
const LARGE_TURN = 100_000;
const LARGE_TURN_EVERY = 3;
const US_PER_SECOND = 1e6;

/** A contestant whose sockets are connected. */
class Crowd {
    constructor(contestant, sockets, bursts) {
        this.contestant = contestant;
        this.name = contestant.name;
        this.isRestless = contestant.isRestless;
        this.sockets = sockets;
        this.bursts = bursts;
        this.rates = new Map(); // deliveries a second, by burst
    }

    async start() {
        await this.contestant.start();
        this.generator = new Generator(this.contestant.fanoutArguments()).start();
        await this.generator.ask('connect', this.sockets);
        for (const burst of this.bursts)
            await this.warmUp(burst);
    }

    pids() {
        return this.contestant.pids();
    }

    run(burst, turns, intervalUs = 0) {
        return runAll(this.generator, burst, turns, intervalUs, this.sockets);
    }

    /** At least so many, in whole turns; and notes how fast that was. */
    async deliver(burst, deliveries) {
        const run = await this.run(burst, Math.ceil(deliveries / (this.sockets * burst)));
        this.rates.set(burst, run.delivered / run.seconds);
        return run;
    }

    /** Finds out how long turns take; compilers get something to go by. */
    async warmUp(burst) {
        await this.deliver(burst, FIRST_DELIVERIES);
        if (this.sockets * burst <= LARGE_TURN)
            await this.deliver(burst, WARM_UP_SECONDS * this.rates.get(burst));
    }

    async stop() {
        await this.generator?.stop();
        await this.contestant.stop();
    }
}

/** With one turn after the other, so that a turn has exactly so many messages. */
async function measureCost(crowd, burst) {
    await crowd.run(1, 1); // the others have had the caches
    const [run, cpu] = await measureCpu(() => crowd.pids(),
        () => crowd.deliver(burst, SLICE_SECONDS * crowd.rates.get(burst)));
    return {
        cpu: cpu.total / run.delivered,
        user: cpu.user / run.delivered,
        perSecond: run.delivered / run.seconds,
        generator: run.generatorUs / run.delivered,
    };
}

/** On a schedule that waits for nobody, the same for everybody. */
async function measureLatency(crowd, burst) {
    const intervalUs = crowd.sockets * burst / DELIVERIES_PER_SECOND * US_PER_SECOND;
    const dueTurns = Math.round(SECONDS * US_PER_SECOND / intervalUs);
    // A schedule of one is no schedule.
    const { latency } = await (dueTurns < 2 ? crowd.run(burst, 1)
        : crowd.run(burst, dueTurns, intervalUs));
    return { p50: latency.p50, p99: latency.p99 };
}

const keyOf = (sockets, burst) => `${sockets}/${burst}`;

const casesOf = (crowds, burst) => {
    const common = { group: keyOf(crowds[0].sockets, burst), contestants: crowds };
    return [
        { ...common, measure: (crowd) => measureCost(crowd, burst), between: BETWEEN,
            every: crowds[0].sockets * burst > LARGE_TURN ? LARGE_TURN_EVERY : 1 },
        { ...common, measure: (crowd) => measureLatency(crowd, burst), every: LATENCY_EVERY,
            between: crowds.length },
    ];
};

const COLUMNS = [
    { key: 'cpu', title: 'CPU us/delivery', digits: 2, isCost: true },
    { key: 'user', title: 'of it user', digits: 2 },
    { key: 'perSecond', title: 'deliveries/s', digits: 0 },
    { key: 'p50', title: 'p50 ms', digits: 1, isCost: true, isLatency: true },
    { key: 'p99', title: 'p99 ms', digits: 1 },
    { key: 'generator', title: 'generator us', digits: 2 },
];

function tableOf(results, sockets, burst) {
    return makeTable({
        title: `Fan-out to ${sockets} sockets, 300 bytes, messages at once: ${burst}`,
        results: results.get(keyOf(sockets, burst)) ?? new Map(),
        columns: COLUMNS,
    });
}

export async function run({ quick, repetitions, only }) {
    const sizes = quick ? SOCKETS.slice(0, 1) : SOCKETS;
    const bursts = quick ? BURSTS.slice(0, 2) : BURSTS;
    const select = () => selectContestants([new Ours(), layers(), bareWriter(), new Nchan(),
        new Mosquitto(), ws(), socketio()], only);
    const crowds = sizes.map((sockets) => select().map((one) => new Crowd(one, sockets, bursts)));
    const slices = new Slices();
    await slices.withRunning(crowds.flat(), (running) => slices.run({
        cases: crowds.map((group) => group.filter((crowd) => running.includes(crowd)))
            .filter((group) => group.length > 0)
            .flatMap((group) => bursts.flatMap((burst) => casesOf(group, burst))),
        repetitions: repetitions ?? (quick ? REPETITIONS.quick : REPETITIONS.full),
    }));
    return {
        tables: sizes.flatMap((sockets) =>
            bursts.map((burst) => tableOf(slices.results, sockets, burst))),
        ...slices.outcome(),
    };
}

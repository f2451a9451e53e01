// One message to many sockets: what a delivery costs the server, and how long it takes.

import { selectContestants } from '../lib/contestant.mjs';
import { measureCpu, untilIdle } from '../lib/cpu.mjs';
import { runAll } from '../lib/fanout.mjs';
import { withGenerator } from '../lib/generator.mjs';
import { layers } from '../lib/layers.mjs';
import { Ours } from '../lib/ours.mjs';
import { runInterleaved } from '../lib/rounds.mjs';
import { makeTable } from '../lib/table.mjs';
import { bareWriter } from '../peers/bare-writer/contestant.mjs';
import { Mosquitto } from '../peers/mosquitto/contestant.mjs';
import { Nchan } from '../peers/nchan/contestant.mjs';
import { socketio } from '../peers/socketio/contestant.mjs';
import { ws } from '../peers/ws/contestant.mjs';

export const name = 'fanout';
export const order = 1;

// What is counted for the CPU time of a delivery, at least.
const DELIVERIES = 50_000;
// So many a second load the slowest contestant to some three quarters.
const DELIVERIES_PER_SECOND = 25_000;
const SECONDS = 1.5;
const SECONDS_QUICK = 1;
const BURSTS = [1, 4, 16];
const SOCKETS = [1000, 10_000];
const US_PER_SECOND = 1e6;

/** The CPU time with one turn after the other, so that a turn has exactly so many messages; the
 * latency on a schedule that waits for nobody, the same for everybody. */
async function measureBurst(contestant, generator, { sockets, burst, seconds }) {
    const turns = Math.ceil(DELIVERIES / (sockets * burst));
    const [inTurn, cpu] = await measureCpu(() => contestant.pids(),
        () => runAll(generator, burst, turns, 0, sockets));
    const intervalUs = sockets * burst / DELIVERIES_PER_SECOND * US_PER_SECOND;
    const dueTurns = Math.round(seconds * US_PER_SECOND / intervalUs);
    // A schedule of one is no schedule.
    const { latency } = dueTurns < 2 ? inTurn
        : await runAll(generator, burst, dueTurns, intervalUs, sockets);
    return {
        cpu: cpu.total / inTurn.delivered,
        user: cpu.user / inTurn.delivered,
        perSecond: inTurn.delivered / inTurn.seconds,
        p50: latency.p50,
        p99: latency.p99,
        generator: inTurn.generatorUs / inTurn.delivered,
    };
}

const keyOf = (sockets, burst) => `${sockets}/${burst}`;

/** All cases on one start of a contestant: {'1000/1': {cpu, …}, …}. */
function measure(contestant, cases) {
    return withGenerator(contestant.fanoutArguments(), async (generator) => {
        const results = {};
        for (const sockets of cases.sockets) {
            await generator.ask('connect', sockets);
            await runAll(generator, 1, 2, 0, sockets); // what happens once, happens here
            await untilIdle(() => contestant.pids());
            for (const burst of cases.bursts)
                results[keyOf(sockets, burst)] = await measureBurst(contestant, generator,
                    { sockets, burst, seconds: cases.seconds });
        }
        return results;
    });
}

const COLUMNS = [
    { key: 'cpu', title: 'CPU us/delivery', digits: 2, isCost: true },
    { key: 'user', title: 'of it user', digits: 2 },
    { key: 'perSecond', title: 'deliveries/s', digits: 0 },
    { key: 'p50', title: 'p50 ms', digits: 1, isCost: true },
    { key: 'p99', title: 'p99 ms', digits: 1 },
    { key: 'generator', title: 'generator us', digits: 2 },
];

function tableOf(results, sockets, burst) {
    return makeTable({
        title: `Fan-out to ${sockets} sockets, 300 bytes, messages at once: ${burst}`,
        results: new Map([...results].map(([contestant, rounds]) =>
            [contestant, rounds.map((round) => round[keyOf(sockets, burst)])])),
        columns: COLUMNS,
    });
}

export async function run({ quick, rounds, only }) {
    const cases = quick
        ? { sockets: SOCKETS.slice(0, 1), bursts: BURSTS.slice(0, 2), seconds: SECONDS_QUICK }
        : { sockets: SOCKETS, bursts: BURSTS, seconds: SECONDS };
    const contestants = selectContestants([new Ours(), layers(), bareWriter(), new Nchan(),
        new Mosquitto(), ws(), socketio()], only);
    const { results, failures } = await runInterleaved({
        contestants, rounds, measure: (contestant) => measure(contestant, cases),
    });
    return {
        tables: cases.sockets.flatMap((sockets) =>
            cases.bursts.map((burst) => tableOf(results, sockets, burst))),
        failures,
    };
}

// Clients that stop reading, among healthy ones: what they cost those who read.

import { measureCpu, residentBytes, untilIdle } from '../lib/cpu.mjs';
import { selectContestants } from '../lib/contestant.mjs';
import { runAll } from '../lib/fanout.mjs';
import { withGenerator } from '../lib/generator.mjs';
import { Ours } from '../lib/ours.mjs';
import { runInterleaved } from '../lib/rounds.mjs';
import { makeTable } from '../lib/table.mjs';

export const name = 'stuck';
export const order = 6;

const HEALTHY = 1000;
const STUCK = 1000;
/** What may wait for a client, in bytes: more than what waits while it is measured, and little
 * enough that all stuck ones are over it at the end. */
const OUTPUT_BYTES_MAX = 524_288;
// Messages of some 350 bytes. Stuck is who has filled its Unix socket, which takes some 280.
const MESSAGES_TO_FILL = 350;
const MESSAGES_MEASURED = 400;
const INTERVAL_US = 25_000;
const MESSAGES_TO_CUT = 1300;
const ROUNDS = 5;
const BYTES_PER_MB = 1e6;

class Crowd extends Ours {
    /** Behind a Unix socket, as a web server uses it: its buffer is filled sooner. */
    constructor(name, stuck) {
        super({ name, onUnixSocket: true, settings: { max_output_bytes: OUTPUT_BYTES_MAX } });
        this.stuck = stuck;
    }
}

/** Everybody is a tab of the same salon: each message goes to all of them. */
function measure(contestant) {
    return withGenerator(contestant.fanoutArguments(), async (generator) => {
        const pids = () => contestant.pids();
        const megabytes = () => residentBytes(pids()) / BYTES_PER_MB;
        const cut = () => contestant.metric('slow_consumers_total');
        await generator.ask('connect', HEALTHY);
        await generator.ask('stall', contestant.stuck);
        await untilIdle(pids);
        const before = megabytes();
        await runAll(generator, 1, MESSAGES_TO_FILL, 0, HEALTHY);
        const queued = await contestant.metric('queued_bytes');
        const [run, cpu] = await measureCpu(pids,
            () => runAll(generator, 1, MESSAGES_MEASURED, INTERVAL_US, HEALTHY));
        if (await cut() !== 0)
            throw new Error('some were cut off while it was measured');
        const after = megabytes();
        await runAll(generator, 1, MESSAGES_TO_CUT, 0, HEALTHY);
        if (await cut() !== contestant.stuck)
            throw new Error(`${await cut()} of ${contestant.stuck} were cut off`);
        return {
            p50: run.latency.p50,
            p99: run.latency.p99,
            p999: run.latency.p999,
            cpu: cpu.total / run.delivered,
            queued: queued / BYTES_PER_MB,
            resident: after - before,
            afterCut: megabytes() - before,
        };
    });
}

export async function run({ quick, repetitions = ROUNDS, only }) {
    if (quick)
        return { tables: [], failures: [] };
    const contestants = selectContestants(
        [new Crowd('ours', 0), new Crowd('beside stuck ones', STUCK)], only);
    const { results, failures } = await runInterleaved({
        contestants, rounds: repetitions, measure,
    });
    return {
        tables: [makeTable({
            title: `${HEALTHY} healthy clients, alone and beside ${STUCK} that do not read`,
            results,
            columns: [
                { key: 'p99', title: 'p99 ms', digits: 1, isCost: true, isLatency: true },
                { key: 'p50', title: 'p50 ms', digits: 1, isCost: true, isLatency: true },
                { key: 'p999', title: 'p99.9 ms', digits: 1 },
                { key: 'cpu', title: 'CPU us/delivery', digits: 2, isCost: true },
                { key: 'queued', title: 'MB queued', digits: 1 },
                { key: 'resident', title: 'MB of RSS more', digits: 1 },
                { key: 'afterCut', title: 'and at the end', digits: 1 },
            ],
            notes: [
                `${MESSAGES_MEASURED} messages of 300 bytes to all of them, one every `
                    + `${INTERVAL_US / 1000} ms; the stuck ones' sockets are full`,
                `at the end all stuck ones are over ${OUTPUT_BYTES_MAX} bytes and cut off`,
            ],
        })],
        failures,
    };
}

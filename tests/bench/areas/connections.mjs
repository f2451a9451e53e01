// What a client costs that does nothing: to let it in, to keep it, to let it come back.

import { setTimeout as sleep } from 'node:timers/promises';

import { selectContestants } from '../lib/contestant.mjs';
import { measureCpu, residentBytes, untilIdle } from '../lib/cpu.mjs';
import { Generator } from '../lib/generator.mjs';
import { Ours } from '../lib/ours.mjs';
import { Slices } from '../lib/slices.mjs';
import { makeTable } from '../lib/table.mjs';
import { socketio } from '../peers/socketio/contestant.mjs';

export const name = 'connections';
export const order = 2;

/** Everybody comes in so many `steps`, and that `starts` times. */
const FULL = { few: 1000, many: 10_000, steps: 6, starts: 4 };
const QUICK = { few: 500, many: 3000, steps: 3, starts: 1 };
/** What comes behind the last answer belongs to the step, too. */
const SETTLE_MS = 100;
const GROUP = 'connections';

/** A contestant that its clients come to, step by step. */
class Door {
    constructor(contestant, plan, joins = false) {
        this.contestant = contestant;
        this.name = contestant.name;
        this.plan = plan;
        this.joins = joins;
    }

    async start() {
        const everybody = [...Array(this.plan.many).keys()]; // each client is somebody else
        await this.contestant.start();
        this.generator = new Generator(
            this.contestant.clientArguments(everybody, { joins: this.joins })).start();
        await this.generator.ask('connect', this.plan.few);
        this.connected = this.plan.few;
        await untilIdle(() => this.pids());
        this.residentWithFew = residentBytes(this.pids());
    }

    pids() {
        return this.contestant.pids();
    }

    /** Lets so many in. */
    async admit(count) {
        const [connect, cpu] = await measureCpu(() => this.pids(), async () => {
            const answer = await this.generator.ask('connect', this.connected + count);
            await sleep(SETTLE_MS);
            return answer;
        });
        this.connected += count;
        return {
            connectUs: cpu.total / count,
            connectUserUs: cpu.user / count,
            connectsPerSecond: count / connect.seconds,
            generatorUs: connect.generatorUs / count,
        };
    }

    /** With all of them in. */
    async weigh() {
        const { few, many } = this.plan;
        await untilIdle(() => this.pids());
        return { resident: (residentBytes(this.pids()) - this.residentWithFew) / (many - few) };
    }

    /** Cuts all off and lets them return. */
    async readmit() {
        const { many } = this.plan;
        const [reconnect, cpu] =
            await measureCpu(() => this.pids(), () => this.generator.ask('reconnect'));
        if (reconnect.recovered !== many)
            throw new Error(`only ${reconnect.recovered} of ${many} recovered`);
        return { reconnectUs: cpu.total / many, reconnectSeconds: reconnect.seconds };
    }

    async stop() {
        await this.generator?.stop();
        this.generator = undefined;
        await this.contestant.stop();
    }
}

/** As many come to ours as to the others in the end, though ours has two slices in each step: one
 * before the others' and one after. */
async function measureStart(slices, doors, { few, many, steps }) {
    const all = { group: GROUP, contestants: doors };
    const between = doors.length;
    const share = (door) =>
        (many - few) / (door.name === slices.reference && doors.length > 1 ? 2 * steps : steps);
    await slices.run({
        cases: [{ ...all, between, measure: (door) => door.admit(share(door)) }],
        repetitions: steps,
    });
    await slices.run({
        cases: [
            { ...all, between, measure: (door) => door.weigh() },
            { ...all, measure: (door) => door.readmit() },
        ],
        repetitions: 1,
    });
}

export async function run({ quick, repetitions, only }) {
    const plan = quick ? QUICK : FULL;
    const people = plan.many;
    const contestants = selectContestants([
        new Ours({ people }),
        ...(quick ? [] : [new Ours({ people, name: 'ours, in rooms' })]),
        socketio(),
    ], only);
    const doors = contestants.map((contestant) =>
        new Door(contestant, plan, contestant.name === 'ours, in rooms'));
    const slices = new Slices();
    for (let start = 0; start < (repetitions ?? plan.starts); start++)
        await slices.withRunning(doors, (running) => measureStart(slices, running, plan));
    return {
        tables: [makeTable({
            title: `Authenticated connections, ${plan.few} to ${plan.many}`,
            results: slices.results.get(GROUP) ?? new Map(),
            columns: [
                { key: 'connectUs', title: 'CPU us/connect', digits: 1, isCost: true },
                { key: 'connectUserUs', title: 'of it user', digits: 1 },
                { key: 'connectsPerSecond', title: 'connects/s', digits: 0 },
                { key: 'resident', title: 'RSS bytes each', digits: 0, isCost: true },
                { key: 'reconnectUs', title: 'CPU us/return', digits: 1, isCost: true },
                { key: 'reconnectSeconds', title: 'all back in s', digits: 2 },
                { key: 'generatorUs', title: 'generator us', digits: 1 },
            ],
            notes: [
                'a connect is WebSocket handshake, token check and CONNECT to the namespace, until '
                    + 'the first event; ours stores a session on disk with each',
                `return: all ${plan.many} are cut off at once and recover their state; the end of `
                    + 'the old connection is part of it',
            ],
        })],
        ...slices.outcome(),
    };
}

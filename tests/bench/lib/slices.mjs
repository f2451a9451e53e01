// Slices: contestants that run side by side are measured for a moment each, in turn, again and
// again, with ours between them. A machine whose speed changes, as a virtual one's does within
// seconds, then changes for both sides of a ratio.

import { cpuTimes } from './cpu.mjs';
import { median } from './table.mjs';

const NS_PER_MS = 1e6;
const MS_PER_S = 1000;
const US_PER_S = 1e6;

/**
 * Collects slices. `results` is a Map of groups to a Map of contestants' names to their slices:
 * objects of figures, in which `beside` has the figures of ours around them. `slices` has the same
 * in the order of time, `failures` who failed, as texts.
 */
export class Slices {
    results = new Map();
    slices = [];
    failures = [];
    #failed = new Set();
    #begin = process.hrtime.bigint();

    /** `reference` is the name of the one whom ratios are to. */
    constructor(reference = 'ours') {
        this.reference = reference;
    }

    /** Starts all of them, gives those that run to `act`, and stops them in any case. */
    async withRunning(contestants, act) {
        const able = contestants.filter((contestant) => !this.#failed.has(contestant));
        try {
            for (const contestant of able)
                await this.#orFail(contestant, async () => {
                    await contestant.start();
                    signalRestless(contestant, 'SIGSTOP');
                });
            return await act(able.filter((contestant) => !this.#failed.has(contestant)));
        } finally {
            for (const contestant of able)
                await contestant.stop();
        }
    }

    /**
     * Measures each case `repetitions` times; a repetition has all cases, so that those of each are
     * spread over the whole time. A case is {group, contestants, measure}: `measure(contestant)`
     * gives figures of one slice. With `every` it is measured in every so many-th repetition only;
     * `between` is how many others have their turn between two of ours. All contestants of all
     * cases are running. Who does this in several parts says with `first` how many repetitions
     * there have been.
     */
    async run({ cases, repetitions, first = 0 }) {
        const running = [...new Set(cases.flatMap(({ contestants }) => contestants))];
        for (let repetition = first; repetition < first + repetitions; repetition++) {
            const known = this.slices.length;
            const begin = this.#seconds();
            for (const one of cases.filter(({ every = 1 }) => repetition % every === 0))
                await this.#visit(one, repetition, running);
            process.stderr.write(`  repetition ${repetition + 1}: `
                + `${(this.#seconds() - begin).toFixed(1)} s, `
                + `${describeIdle(this.slices.slice(known))}\n`);
        }
    }

    /** Ours, some others, ours, some others, …, ours. */
    async #visit(one, repetition, running) {
        const ours = one.contestants.find(({ name }) => name === this.reference);
        const others = inTurn(one.contestants.filter((contestant) => contestant !== ours),
            repetition);
        const take = (contestant) => this.#slice(one, contestant, repetition, running);
        const between = one.between ?? 1;
        let before = await take(ours);
        for (let at = 0; at < others.length; at += between) {
            const taken = [];
            for (const contestant of others.slice(at, at + between))
                taken.push(await take(contestant));
            const after = await take(ours);
            for (const slice of taken.filter((figures) => figures !== undefined))
                slice.beside = meanOf(before, after);
            before = after;
        }
    }

    async #slice(one, contestant, repetition, running) {
        if (contestant === undefined || this.#failed.has(contestant))
            return undefined;
        const others = running.filter((other) =>
            other !== contestant && !this.#failed.has(other));
        const at = this.#seconds();
        const usedBefore = usedBy(others);
        signalRestless(contestant, 'SIGCONT');
        const figures = await this.#orFail(contestant, () => one.measure(contestant));
        if (figures === undefined)
            return undefined;
        signalRestless(contestant, 'SIGSTOP');
        const taken = this.#seconds() - at;
        const idle = usedSince(usedBefore, usedBy(others)).map((us) => us / (taken * US_PER_S));
        const idleShare = idle.reduce((sum, share) => sum + share, 0);
        this.slices.push({ at, seconds: taken, group: one.group, repetition,
            contestant: contestant.name, idleShare,
            idleMost: others[idle.indexOf(Math.max(...idle))]?.name, figures });
        this.#keep(one.group, contestant.name, figures);
        return figures;
    }

    #keep(group, name, figures) {
        const names = this.results.get(group) ?? new Map();
        this.results.set(group, names.set(name, [...names.get(name) ?? [], figures]));
    }

    /** What `act` gives; undefined when it fails, which is told and leaves the contestant out. */
    async #orFail(contestant, act) {
        try {
            return await act();
        } catch (error) {
            this.#failed.add(contestant);
            this.failures.push(`${contestant.name}: ${error.message ?? error}`);
            console.log(`FAILED ${this.failures.at(-1)}`);
            return undefined;
        }
    }

    /** What an area gives beside its tables. */
    outcome() {
        return { failures: this.failures, remark: describeIdle(this.slices), slices: this.slices };
    }

    #seconds() {
        return Number((process.hrtime.bigint() - this.#begin) / BigInt(NS_PER_MS)) / MS_PER_S;
    }
}

function signalRestless(contestant, signal) {
    if (contestant.isRestless)
        contestant.pids().forEach((pid) => process.kill(pid, signal));
}

/** Who was first is last the next time: nobody always follows the same. */
function inTurn(contestants, repetition) {
    return repetition % 2 === 0 ? contestants : [...contestants].reverse();
}

function meanOf(before, after) {
    if (before === undefined || after === undefined)
        return before ?? after ?? {};
    return Object.fromEntries(Object.keys(before).map((key) =>
        [key, (before[key] + after[key]) / 2]));
}

const usedBy = (contestants) => contestants.map((contestant) => cpuTimes(contestant.pids()).total);

/** A process that has ended meanwhile takes its time with it. */
const usedSince = (before, after) =>
    after.map((value, index) => Math.max(0, value - before[index]));

/** What those used who were not measured: they are idle if all is well. */
function describeIdle(slices) {
    if (slices.length === 0)
        return 'nothing measured';
    const [most] = [...slices].sort((one, other) => other.idleShare - one.idleShare);
    const percent = (share, digits) => `${(100 * share).toFixed(digits)} %`;
    return `idle contestants ${percent(median(slices.map(({ idleShare }) => idleShare)), 2)} of a `
        + `core, at most ${percent(most.idleShare, 1)} (${most.idleMost})`;
}

// REST: what a request costs the processes that answer it, and how many there can be.

import { onAllCores, selectContestants } from '../lib/contestant.mjs';
import { untilDiskIsCalm } from '../lib/disk.mjs';
import { Slices } from '../lib/slices.mjs';
import { makeTable } from '../lib/table.mjs';
import { casesFor, FIRST_PAGE, slicesOf, tableOf, warmUp } from '../rest/cases.mjs';
import { Floor } from '../rest/floor.mjs';
import { MIXED, MIXED_COLUMNS, measureMixed } from '../rest/mixed.mjs';
import { Nest } from '../rest/nest.mjs';
import { OurSite } from '../rest/ours.mjs';

export const name = 'rest';
export const order = 3;

/** Of the open loop, for everybody: below what the slowest can do. */
const OPEN_RATE = 25;
const FULL = {
    size: { large: 1_000_000, conversations: 10_000, small: 10 },
    writers: [1, 8, 32, 64],
    repetitions: 18, seconds: 0.25, openSeconds: 2, openEvery: 7, openRate: OPEN_RATE,
    mixedSeconds: 2, warmUpSeconds: 1, waitsForDisk: true,
};
const QUICK = {
    size: { large: 20_000, conversations: 500, small: 10 },
    writers: [1, 32],
    repetitions: 2, seconds: 0.3, openSeconds: 1, openEvery: 4, openRate: OPEN_RATE,
    mixedSeconds: 1, warmUpSeconds: 0.3,
};
/** Bytes of our answers, as long as we have not been measured. */
const BODY_BYTES = { page1: 23_000, lastPage: 23_000, list: 15_000, unread: 20, write32: 373 };
/** It does a fortieth of what ours does: a slice of it needs to be longer. */
const NEST_SLICE_FACTOR = 4;

/** By how much the peer's answers may differ in length: numbers grow while messages are written. */
const ANSWER_TOLERANCE = 0.05;

/** The floor answers with as many bytes as we do, to the same requests. */
const hasFloor = ({ key }) => key in BODY_BYTES && key !== 'lastPage';

/** What each contestant does for a case before a slice of it; gives the case as it has it. */
function preparation(cases, results) {
    const { targets } = cases.find(({ key }) => key === FIRST_PAGE);
    return async (contestant, one) => {
        if (!(contestant instanceof Floor))
            return one;
        const ours = results.get(one.key)?.get('ours')?.[0].bodyBytes ?? BODY_BYTES[one.key];
        await contestant.answerWith(Math.round(ours));
        return { ...one, targets };
    };
}

/** The cases' slices, and those of ours alone with everybody writing. */
function allSlices(cases, running, plan, results) {
    const prepare = preparation(cases, results);
    const site = running.filter((contestant) => contestant instanceof OurSite);
    return [
        ...cases.flatMap((one) => slicesOf(one,
            running.filter((contestant) => hasFloor(one) || !(contestant instanceof Floor)),
            plan, prepare)),
        { group: MIXED.key, contestants: site, every: plan.openEvery, measure: (contestant) =>
            onAllCores(contestant, () => measureMixed(contestant, plan.size, plan.mixedSeconds)) },
    ];
}

async function warmUpAll(contestants, cases, plan) {
    for (const contestant of contestants.filter((one) => !(one instanceof Floor)))
        for (const one of cases)
            await warmUp(contestant, one, plan.size, plan.warmUpSeconds);
}

export async function run({ quick, repetitions, only }) {
    const plan = quick ? QUICK : FULL;
    const cases = casesFor(plan.size, plan.writers);
    const nest = Object.assign(new Nest(plan.size), { sliceFactor: NEST_SLICE_FACTOR });
    const contestants = selectContestants([new OurSite(plan.size), new Floor(), nest], only);
    const slices = new Slices();
    try {
        await slices.withRunning(contestants, async (running) => {
            await warmUpAll(running, cases, plan);
            if (plan.waitsForDisk)
                await untilDiskIsCalm(running);
            await slices.run({
                cases: allSlices(cases, running, plan, slices.results),
                repetitions: repetitions ?? plan.repetitions,
            });
        });
    } finally {
        nest.remove();
    }
    const outcome = slices.outcome();
    return {
        tables: tablesOf(cases, slices.results, quick),
        ...outcome,
        failures: [...outcome.failures, ...differences(cases, slices.results)],
    };
}

/** Who answers less than we do has less work. */
function differences(cases, results) {
    const bytesOf = (contestant, { key }) => results.get(key)?.get(contestant)?.[0].bodyBytes;
    return cases.filter((one) =>
        Math.abs(bytesOf('nest', one) / bytesOf('ours', one) - 1) > ANSWER_TOLERANCE)
        .map((one) => `nest: its answers to ${one.title} have ${bytesOf('nest', one)} bytes,`
            + ` ours ${bytesOf('ours', one)}`);
}

function tablesOf(cases, results, quick) {
    const notes = quick ? ['quick: a smaller file, hardly any warming up'] : [];
    return [
        ...cases.map((one) => tableOf(one, results, { notes, openRate: OPEN_RATE })),
        makeTable({ title: MIXED.title, results: results.get(MIXED.key) ?? new Map(),
            columns: MIXED_COLUMNS, notes }),
    ];
}

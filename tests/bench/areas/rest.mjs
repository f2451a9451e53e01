// REST: what a request costs the processes that answer it, and how many there can be.

import { onAllCores, selectContestants } from '../lib/contestant.mjs';
import { runInterleaved } from '../lib/rounds.mjs';
import { makeTable } from '../lib/table.mjs';
import { casesFor, measureCase, tableOf } from '../rest/cases.mjs';
import { Floor } from '../rest/floor.mjs';
import { MIXED, MIXED_COLUMNS, measureMixed } from '../rest/mixed.mjs';
import { Nest } from '../rest/nest.mjs';
import { OurSite } from '../rest/ours.mjs';

export const name = 'rest';
export const order = 3;

const FULL = {
    size: { large: 1_000_000, conversations: 10_000, small: 10 },
    writers: [1, 8, 32, 64], seconds: 2, warmsUp: true,
};
const QUICK = {
    size: { large: 20_000, conversations: 500, small: 10 },
    writers: [1, 32], seconds: 1, warmsUp: false,
};
/** Bytes of our answers, as long as we have not been measured. */
const BODY_BYTES = { page1: 23_000, lastPage: 23_000, list: 15_000, unread: 20, write32: 373 };

/** By how much the peer's answers may differ in length: numbers grow while messages are written. */
const ANSWER_TOLERANCE = 0.05;

function measureOurs(site, cases, plan, bodyBytes) {
    return measureAll(cases, async (one) => {
        const figures = await measureCase(site, one, plan.size, plan);
        bodyBytes[one.key] = Math.round(figures.bodyBytes);
        return figures;
    });
}

async function measureAll(cases, measure) {
    const figures = {};
    for (const one of cases)
        figures[one.key] = await measure(one);
    return figures;
}

/** The floor answers with as many bytes as we do, to the same requests. */
function measureFloor(floor, cases, plan, bodyBytes) {
    const [page, ...others] = cases;
    return measureAll([page, ...others.filter(({ key }) => key in BODY_BYTES && key !== 'lastPage')],
        async (one) => {
            await floor.answerWith(bodyBytes[one.key]);
            return measureCase(floor, { ...one, targets: page.targets }, plan.size, plan);
        });
}

async function measureContestant(contestant, cases, plan, bodyBytes) {
    if (contestant instanceof Floor)
        return measureFloor(contestant, cases, plan, bodyBytes);
    if (!plan.warmsUp) // once for all, as compilers need it
        await measureCase(contestant, cases[0], plan.size, { seconds: 1 });
    if (!(contestant instanceof OurSite))
        return measureAll(cases, (one) => measureCase(contestant, one, plan.size, plan));
    const figures = await measureOurs(contestant, cases, plan, bodyBytes);
    figures[MIXED.key] = await onAllCores(contestant,
        () => measureMixed(contestant, plan.size, plan.seconds));
    return figures;
}

export async function run({ quick, rounds, only }) {
    const plan = quick ? QUICK : FULL;
    const cases = casesFor(plan.size, plan.writers);
    const bodyBytes = { ...BODY_BYTES };
    const nest = new Nest(plan.size);
    const contestants = selectContestants([new OurSite(plan.size), new Floor(), nest], only);
    try {
        const { results, failures } = await runInterleaved({
            contestants, rounds,
            measure: (contestant) => measureContestant(contestant, cases, plan, bodyBytes),
        });
        return {
            tables: tablesOf(cases, results, quick),
            failures: [...failures, ...differences(cases, results)],
        };
    } finally {
        nest.remove();
    }
}

/** Who answers less than we do has less work. */
function differences(cases, results) {
    const [ours, nest] = ['ours', 'nest'].map((contestant) => results.get(contestant)?.[0]);
    if (!ours || !nest)
        return [];
    return cases.filter(({ key }) =>
        Math.abs(nest[key].bodyBytes / ours[key].bodyBytes - 1) > ANSWER_TOLERANCE)
        .map(({ key, title }) => `nest: its answers to ${title} have ${nest[key].bodyBytes} bytes,`
            + ` ours ${ours[key].bodyBytes}`);
}

function tablesOf(cases, results, quick) {
    const notes = quick ? ['quick: a smaller file, one round, hardly any warming up'] : [];
    const ours = (results.get('ours') ?? []).map((round) => round[MIXED.key]);
    return [
        ...cases.map((one) => tableOf(one, results, { notes })),
        ...(ours.length > 0 ? [makeTable({ title: MIXED.title,
            results: new Map([['ours', ours]]), columns: MIXED_COLUMNS, notes })] : []),
    ];
}

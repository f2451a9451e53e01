// Growth: the same work on files with few and with many messages. It should cost the same.

import { untilDiskIsCalm } from '../lib/disk.mjs';
import { Slices } from '../lib/slices.mjs';
import { casesFor, fillLog, slicesOf, tableOf, warmUp } from '../rest/cases.mjs';
import { messageCount } from '../rest/dataset.mjs';
import { OurSite } from '../rest/ours.mjs';

export const name = 'growth';
export const order = 5;

/** Half of the messages in one conversation, as many conversations as such a salon has. */
const sizeOf = (total, conversations) => ({
    large: total / 2,
    conversations: conversations + 1,
    small: total / 2 / conversations,
});
/** Of the open loop: far below what we can do, and enough in a slice for its p99. */
const OPEN_RATE = 200;
const FULL = {
    sizes: [sizeOf(1000, 50), sizeOf(100_000, 1000), sizeOf(5_000_000, 10_000)],
    repetitions: 15, seconds: 0.25, openSeconds: 2, openEvery: 7, openRate: OPEN_RATE,
    warmUpSeconds: 0.5,
    waitsForDisk: true, // which has just got 2 GB of copies, and thrown away as much
};
const QUICK = {
    sizes: [sizeOf(1000, 50), sizeOf(20_000, 500), sizeOf(100_000, 1000)],
    repetitions: 2, seconds: 0.3, openSeconds: 1, openEvery: 4, openRate: OPEN_RATE,
    warmUpSeconds: 0.2,
};
const WRITERS = 32;
/** Files grow by what is written, the smallest by the largest part of it: new ones after so many
 * repetitions. */
const WRITING_REPETITIONS_MAX = 2;

const nameOf = (size) => `${messageCount(size).toLocaleString('en')} messages`;

const casesOf = (size, quick) => casesFor(size, [WRITERS])
    .map((one) => ({ ...one, isMeasuredOpen: one.isMeasuredOpen && !quick }));

/** The same case on a file of that site's size. */
const asOf = (site, { key }) => casesFor(site.size, [WRITERS]).find((one) => one.key === key);

/** Measures these cases on sites that are started for them. */
function measure(slices, sites, cases, plan, { first = 0, repetitions }) {
    return slices.withRunning(sites, async (running) => {
        for (const site of running) {
            if (cases.some(({ writes }) => writes))
                await fillLog(site, WRITERS);
            for (const one of cases)
                await warmUp(site, asOf(site, one), site.size, plan.warmUpSeconds);
        }
        if (plan.waitsForDisk)
            await untilDiskIsCalm(running);
        await slices.run({ cases: cases.flatMap((one) => slicesOf(one, running, plan, asOf)),
            first, repetitions });
    });
}

export async function run({ quick, repetitions: wanted }) {
    const plan = quick ? QUICK : FULL;
    const repetitions = wanted ?? plan.repetitions;
    const cases = casesOf(plan.sizes[0], quick);
    const reading = cases.filter(({ writes }) => !writes);
    const writing = cases.filter(({ writes }) => writes);
    const slices = new Slices(nameOf(plan.sizes[0]));
    const sites = plan.sizes.map((size) => new OurSite(size, nameOf(size)));
    await measure(slices, sites, reading, plan, { repetitions });
    for (let first = 0; first < repetitions; first += WRITING_REPETITIONS_MAX) {
        await measure(slices, sites, writing, plan,
            { first, repetitions: Math.min(WRITING_REPETITIONS_MAX, repetitions - first) });
        sites.reverse(); // of the two larger ones not always the same first, on a fresh file
    }
    const notes = ['/ ours: how many times that of the smallest file',
        ...(quick ? ['quick: smaller files, hardly any warming up'] : [])];
    return {
        tables: cases.map((one, index) => tableOf(
            { key: one.key, title: `Growth: ${TITLES[index]}` }, slices.results,
            { ours: slices.reference, openRate: OPEN_RATE, notes })),
        ...slices.outcome(),
    };
}

const TITLES = ['the first page of 50', 'the last page of 50', '20 conversations', 'unread total',
    `durable writes, ${WRITERS} at once`];

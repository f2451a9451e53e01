// Growth: the same work on files with few and with many messages. It should cost the same.

import { runInterleaved } from '../lib/rounds.mjs';
import { casesFor, measureCase, tableOf } from '../rest/cases.mjs';
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
const SIZES = [sizeOf(1000, 50), sizeOf(100_000, 1000), sizeOf(5_000_000, 10_000)];
const SIZES_QUICK = [sizeOf(1000, 50), sizeOf(20_000, 500), sizeOf(100_000, 1000)];
const WRITERS = 32;

const nameOf = (size) => `${messageCount(size).toLocaleString('en')} messages`;

export async function run({ quick, rounds }) {
    const sizes = quick ? SIZES_QUICK : SIZES;
    const plan = { seconds: quick ? 1 : 2, warmsUp: !quick };
    const casesOf = (size) => casesFor(size, [WRITERS])
        .map((one) => ({ ...one, isMeasuredOpen: one.isMeasuredOpen && !quick }));
    const { results, failures } = await runInterleaved({
        contestants: sizes.map((size) => new OurSite(size, nameOf(size))),
        rounds,
        measure: async (site) => {
            const figures = {};
            for (const one of casesOf(site.size))
                figures[one.key] = await measureCase(site, one, site.size, plan);
            return figures;
        },
    });
    const notes = ['/ ours: how many times that of the smallest file',
        ...(quick ? ['quick: smaller files, one round, no warming up'] : [])];
    return {
        tables: casesOf(sizes[0]).map((one, index) => tableOf(
            { key: one.key, title: `Growth: ${TITLES[index]}` }, results,
            { ours: nameOf(sizes[0]), notes })),
        failures,
    };
}

const TITLES = ['the first page of 50', 'the last page of 50', '20 conversations', 'unread total',
    `durable writes, ${WRITERS} at once`];

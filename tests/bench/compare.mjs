// Compares what two runs of the bench have found.
//
//   node tests/bench/compare.mjs A.json B.json
//
// Prints each ratio to ours of both, and by how many percent the larger one exceeds the other; then
// how many are further apart than the limit: those of CPU time and memory, and those of latency.

import { readFileSync } from 'node:fs';

const LIMIT_PERCENT = 15;
const GAP = '  ';

/** Every ratio of a run: a Map of what it is of to {ratio, isLatency}. */
function ratiosOf(path) {
    const { areas } = JSON.parse(readFileSync(path, 'utf8'));
    return new Map(areas.flatMap((area) => area.tables).flatMap(ratiosOfTable));
}

/** Those of all but ours, to whom they are. */
function ratiosOfTable({ title, columns, ours, rows }) {
    const costs = columns.filter(({ isCost }) => isCost);
    return rows.filter(({ name }) => name !== ours).flatMap(({ name, cells }) =>
        costs.filter(({ key }) => cells[key]?.ratioToOurs !== undefined)
            .map((column) => [`${title}: ${column.title} of ${name}`, {
                ratio: cells[column.key].ratioToOurs,
                isLatency: column.isLatency ?? false,
            }]));
}

function differenceInPercent(one, other) {
    return (Math.max(one, other) / Math.min(one, other) - 1) * 100;
}

function render({ what, one, other, percent }) {
    return [one.toFixed(2).padStart(8), other.toFixed(2).padStart(8),
        `${percent.toFixed(0)} %`.padStart(6), percent > LIMIT_PERCENT ? '*' : ' ', what].join(GAP);
}

function summarize(kind, compared) {
    const beyond = compared.filter(({ percent }) => percent > LIMIT_PERCENT);
    return `${beyond.length} of ${compared.length} ratios of ${kind} differ by more than `
        + `${LIMIT_PERCENT} %`;
}

const paths = process.argv.slice(2);
if (paths.length !== 2) {
    console.error('usage: node tests/bench/compare.mjs A.json B.json');
    process.exit(2);
}
const [first, second] = paths.map(ratiosOf);
const compared = [...first].filter(([what]) => second.has(what))
    .map(([what, { ratio, isLatency }]) => {
        const other = second.get(what).ratio;
        return { what, isLatency, one: ratio, other, percent: differenceInPercent(ratio, other) };
    });
for (const each of compared)
    console.log(render(each));
const alone = first.size + second.size - 2 * compared.length;
if (alone > 0)
    console.log(`${alone} ratios are in one of them only`);
console.log(summarize('CPU time and memory', compared.filter(({ isLatency }) => !isLatency)));
console.log(summarize('latency', compared.filter(({ isLatency }) => isLatency)));

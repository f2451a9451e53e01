// Tables: the median over the rounds or slices, the range, and the ratio to ours.

const GAP = '  ';

export function median(values) {
    const sorted = [...values].sort((one, other) => one - other);
    const middle = sorted.length >> 1;
    return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The smallest that so large a share of them does not exceed. */
export function quantile(values, share) {
    const sorted = [...values].sort((one, other) => one - other);
    return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/** [smallest, largest] */
export const range = (values) => [Math.min(...values), Math.max(...values)];

/**
 * A table out of `results`, a Map of contestants' names to one object of numbers per round or
 * slice. `columns` are {key, title, digits = 1, isCost = false, isLatency = false}: with `isCost` a
 * column `/ ours` follows, how many times ours it is; `isLatency` is for those who compare runs.
 * `ours` is the name that the ratios are to; `notes` are lines below. A number that a contestant
 * does not have is left out.
 */
export function makeTable({ title, results, columns, ours = 'ours', notes = [] }) {
    const reference = results.get(ours);
    const rows = [...results].filter(([, rounds]) => rounds.length > 0).map(([name, rounds]) => ({
        name,
        cells: Object.fromEntries(columns.flatMap(({ key }) =>
            summarize(key, rounds, reference))),
    }));
    return { title, columns, ours, rows, notes };
}

function summarize(key, rounds, reference) {
    const values = rounds.map((round) => round[key]).filter((value) => value !== undefined);
    if (values.length === 0)
        return [];
    const ratios = ratiosTo(reference, key, rounds);
    return [[key, { median: median(values), range: range(values), values, ratios,
        ratioToOurs: ratios.length === 0 ? undefined : median(ratios) }]];
}

/** To the slices of ours around each, else to ours in the same round: a machine whose speed
 * changes from one to the next, as virtual ones do, changes both. */
function ratiosTo(reference, key, rounds) {
    return rounds.map((round, index) =>
        round[key] / (round.beside ?? reference?.[index])?.[key]).filter(Number.isFinite);
}

function renderCell(cell, { digits = 1 }) {
    if (cell === undefined)
        return '';
    const [low, high] = cell.range.map((value) => value.toFixed(digits));
    return low === high ? cell.median.toFixed(digits)
        : `${cell.median.toFixed(digits)} (${low} to ${high})`;
}

/** The table as text. */
export function renderTable({ title, columns, rows, notes }) {
    const head = ['', ...columns.flatMap((column) =>
        (column.isCost ? [column.title, '/ ours'] : [column.title]))];
    const lines = rows.map(({ name, cells }) => [name, ...columns.flatMap((column) => {
        const cell = cells[column.key];
        const text = renderCell(cell, column);
        return column.isCost ? [text, cell?.ratioToOurs?.toFixed(2) ?? ''] : [text];
    })]);
    const widths = head.map((_, index) =>
        Math.max(...[head, ...lines].map((line) => line[index].length)));
    const render = (line) => line.map((text, index) =>
        (index === 0 ? text.padEnd(widths[index]) : text.padStart(widths[index]))).join(GAP)
        .trimEnd();
    return [title, '', render(head), ...lines.map(render), ...notes.map((note) => `* ${note}`), '']
        .join('\n');
}

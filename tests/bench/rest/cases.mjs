// What is asked, in both REST areas, and how the figures are laid out.

import { join } from 'node:path';

import { conversationPath, CONVERSATIONS, messagesPath, UNREAD_TOTAL } from '../../e2e/harness/paths.mjs';
import { onAllCores } from '../lib/contestant.mjs';
import { makeTable } from '../lib/table.mjs';
import { conversationId, writtenConversations } from './dataset.mjs';
import { measureLoad, load, writeTargets } from './load.mjs';
import { salonToken } from './web.mjs';

export const PAGE_SIZE = 50;
const READ_CONNECTIONS = 16;
const OPEN_CONNECTIONS = 32;
/** The database's log is copied into the file, and begun anew, at 8000 pages of 2 KiB. */
const LOG_BYTES = 16_000_000;
const FILL_LOG_SECONDS = 0.25;
const US_PER_MS = 1000;

const content = 'Bonjour, message numéro ############. Est-ce que jeudi vers quinze heures irait ?';

/** Reading one thing, always the same. */
const reading = (key, title, path) => ({
    key, title, connections: READ_CONNECTIONS, isMeasuredOpen: true,
    targets: () => [{ path, token: salonToken() }],
});

/** The salon's messages into many conversations. */
const writing = (connections, isMeasuredOpen) => ({
    key: `write${connections}`,
    title: `durable writes, ${connections} at once`,
    connections,
    isMeasuredOpen,
    writes: true,
    usesAllCores: true,
    targets: (size) => writtenConversations(size).map((index) => ({
        method: 'POST', path: messagesPath(conversationId(index)), token: salonToken(),
        body: { content },
    })),
});

export const lastPage = ({ large }) => Math.floor(large / PAGE_SIZE);

const page = (number) =>
    `${messagesPath(conversationId(0))}?page=${number}&limit=${PAGE_SIZE}`;

export const FIRST_PAGE = 'page1';
/** The cases for a size; `writers` are numbers of connections. */
export const casesFor = (size, writers) => [
    reading(FIRST_PAGE, `page 1 of ${size.large} messages, ${PAGE_SIZE} of them`, page(1)),
    reading('lastPage', `page ${lastPage(size)} of them`, page(lastPage(size))),
    reading('list', `20 of ${size.conversations} conversations`, `${CONVERSATIONS}?limit=20`),
    reading('unread', 'unread total', UNREAD_TOTAL),
    ...writers.map((connections) => writing(connections, connections === 32)),
];

/** A program of ours that writes meanwhile: the client changes subjects. */
export const subjectTargets = (size) => writtenConversations(size).map((index) => ({
    method: 'PATCH', path: conversationPath(conversationId(index)), token: salonToken(),
    body: { subject: 'Sujet ############' },
}));

const onItsCores = (contestant, { usesAllCores }, act) =>
    (usesAllCores ? onAllCores(contestant, act) : act());

const targetsFile = (contestant, { key, targets }, size) =>
    writeTargets(join(contestant.folder, key), targets(size));

/** As much of a case as compilers and caches need, with nothing measured. */
export function warmUp(contestant, one, size, seconds) {
    const file = targetsFile(contestant, one, size);
    return onItsCores(contestant, one, () => load({ port: contestant.port, file,
        connections: one.connections, seconds }));
}

/** Changes until the database's log has the size that it keeps: as long as it grows, a disk needs
 * more for each commit. Of subjects, so that no message is added. */
export async function fillLog(site, connections) {
    const file = writeTargets(join(site.folder, 'subjects'), subjectTargets(site.size));
    while (site.logBytes() < LOG_BYTES)
        await onAllCores(site, () => load({ port: site.port, file, connections,
            seconds: FILL_LOG_SECONDS }));
}

/** One slice of a case, each connection busy all the time: {program, nginx, …, total, perSecond,
 * p50, p99, …}. */
export async function measureClosed(contestant, one, size, seconds) {
    const file = targetsFile(contestant, one, size);
    const closed = await onItsCores(contestant, one, () =>
        measureLoad(contestant, { file, connections: one.connections, seconds }));
    return {
        ...closed.cpu,
        total: closed.total,
        perSecond: closed.perSecond,
        p50: closed.p50 / US_PER_MS,
        p99: closed.p99 / US_PER_MS,
        generator: closed.cpuUs,
        bodyBytes: closed.bodyBytes,
    };
}

/** One slice at a rate that everybody can do: {openP50, openP99}. */
export async function measureOpen(contestant, one, size, seconds, rate) {
    const file = targetsFile(contestant, one, size);
    const open = await onItsCores(contestant, one, () => load({ port: contestant.port, file,
        connections: OPEN_CONNECTIONS, seconds, rate }));
    return { openP50: open.p50 / US_PER_MS, openP99: open.p99 / US_PER_MS };
}

/**
 * The slices of a case, see lib/slices.mjs. `plan` is {size, seconds, openSeconds, openEvery,
 * openRate}; a contestant may have `sliceFactor`, of how many times those seconds it needs for as
 * steady a figure, and `size`.
 * `prepare(contestant, one)` comes before each slice and gives the case as that contestant has it.
 */
export function slicesOf(one, contestants, plan, prepare = () => one) {
    const { size, seconds, openSeconds, openEvery, openRate } = plan;
    const common = { group: one.key, contestants };
    const sizeOf = (contestant) => contestant.size ?? size;
    const closed = async (contestant) => measureClosed(contestant, await prepare(contestant, one),
        sizeOf(contestant), seconds * (contestant.sliceFactor ?? 1));
    const open = async (contestant) => measureOpen(contestant, await prepare(contestant, one),
        sizeOf(contestant), openSeconds, openRate);
    return [
        { ...common, measure: closed },
        ...(one.isMeasuredOpen ? [{ ...common, measure: open, every: openEvery,
            between: contestants.length }] : []),
    ];
}

const columnsFor = (openRate) => [
    { key: 'program', title: 'program us', isCost: true },
    { key: 'nginx', title: 'nginx us' },
    { key: 'database', title: 'database us' },
    { key: 'broker', title: 'broker us' },
    { key: 'total', title: 'all us', isCost: true },
    { key: 'perSecond', title: 'per s', digits: 0 },
    { key: 'p50', title: 'p50 ms', digits: 2 },
    { key: 'p99', title: 'p99 ms', digits: 2 },
    { key: 'openP50', title: `p50 at ${openRate}/s`, digits: 2, isCost: true,
        isLatency: true },
    { key: 'openP99', title: `p99 at ${openRate}/s`, digits: 2 },
    { key: 'generator', title: 'generator us' },
];

/** `results` as Slices has them; contestants without the case stay out. */
export function tableOf({ key, title }, results, { openRate, ...options }) {
    const rows = results.get(key) ?? new Map();
    const used = columnsFor(openRate).filter((column) => [...rows.values()].flat()
        .some((figures) => figures[column.key] !== undefined));
    return makeTable({ title, results: rows, columns: used, ...options });
}

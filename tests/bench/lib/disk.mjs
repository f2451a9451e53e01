// The disk that durable writes end on: another's files, still on their way to it or being thrown
// away there, make it pause for a tenth of a second and more, whoever writes next.

import { rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { quantile } from './table.mjs';

/** What a commit of a few messages is to a disk, as often as there is one. */
const PROBE_BYTES = 20_480;
const PROBE_EVERY_MS = 20;
/** It starts over, as a database's log does. */
const PROBE_FILE_BYTES = 400 * PROBE_BYTES;
/** Calm is a disk that has done so many in a row, each in less than that. */
const CALM_PROBES = 100;
const CALM_MS = 10;
const CALM_WAIT_MAX_MS = 30_000;

const block = Buffer.alloc(PROBE_BYTES, 'x');

async function withProbeFile(folder, act) {
    const path = join(folder, 'disk-probe');
    const file = await open(path, 'w');
    try {
        return await act(file);
    } finally {
        await file.close();
        rmSync(path);
    }
}

/** One write and its fdatasync, and a pause; gives how many ms the two took. */
async function probe(file, count) {
    const begin = performance.now();
    await file.write(block, 0, PROBE_BYTES, (count * PROBE_BYTES) % PROBE_FILE_BYTES);
    await file.datasync();
    const took = performance.now() - begin;
    await sleep(PROBE_EVERY_MS);
    return took;
}

/** Waits until the disk of that folder is calm, for a while at most. */
export function untilDiskIsCalm(folder) {
    return withProbeFile(folder, async (file) => {
        const until = performance.now() + CALM_WAIT_MAX_MS;
        let calm = 0;
        for (let count = 0; calm < CALM_PROBES && performance.now() < until; count++)
            calm = await probe(file, count) < CALM_MS ? calm + 1 : 0;
        if (calm < CALM_PROBES)
            process.stderr.write('  the disk does not calm down\n');
    });
}

/** Runs `act`, and beside it writes to that folder's disk by itself: gives [its result, {p99, max}
 * of what a write and its fdatasync took, in ms]. */
export function withDiskProbe(folder, act) {
    return withProbeFile(folder, async (file) => {
        const took = [];
        let isOver = false;
        const probing = (async () => {
            while (!isOver)
                took.push(await probe(file, took.length));
        })();
        try {
            return [await act(), { p99: quantile(took, 0.99), max: Math.max(...took) }];
        } finally {
            isOver = true;
            await probing;
        }
    });
}

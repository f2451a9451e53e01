// The disk that durable writes end on: files of others that are still on their way to it, or are
// being thrown away there, make it pause for a tenth of a second and more, whoever writes next.

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { quantile } from './table.mjs';

/** A write, and how often one is due. */
const PROBE_BYTES = 20_480;
const PROBE_EVERY_MS = 20;
/** All of the file is there before it is measured, and written again from its beginning, as a
 * database's log is: nothing of the file system has to be written but the bytes. */
const PROBES_IN_FILE = 400;
/** Calm is a disk that has done so many in a row, each in less than that. */
const CALM_PROBES = 100;
const CALM_MS = 10;
const CALM_WAIT_MAX_MS = 30_000;

const block = Buffer.alloc(PROBE_BYTES, 'x');

/** Writes to a disk by itself, each time with fdatasync, on a schedule that waits for nobody: what
 * is due while one write takes long is late as well, and done at once after it. */
export class DiskProbe {
    #count = 0;

    /** In a folder that somebody removes; has to be closed. */
    static async open(folder) {
        const probe = new DiskProbe();
        probe.file = await open(join(folder, 'disk-probe'), 'w');
        await probe.file.write(Buffer.alloc(PROBE_BYTES * PROBES_IN_FILE, 'x'));
        await probe.file.sync();
        return probe;
    }

    close() {
        return this.file.close();
    }

    /** Yields how many ms after it was due each write was done. */
    async *#writes() {
        for (let due = performance.now(); ; due += PROBE_EVERY_MS) {
            const early = due - performance.now();
            if (early > 0)
                await sleep(early);
            await this.file.write(block, 0, PROBE_BYTES,
                PROBE_BYTES * (this.#count++ % PROBES_IN_FILE));
            await this.file.datasync();
            yield performance.now() - due;
        }
    }

    /** Waits until the disk is calm; for a while at most, and says so when it never was. */
    async untilCalm() {
        const until = performance.now() + CALM_WAIT_MAX_MS;
        let calm = 0;
        for await (const took of this.#writes()) {
            calm = took < CALM_MS ? calm + 1 : 0;
            if (calm === CALM_PROBES)
                return;
            if (performance.now() > until)
                break;
        }
        process.stderr.write('  the disk does not calm down\n');
    }

    /** Runs `act` and writes meanwhile: gives [its result, {p99, max} of the writes in ms]. */
    async beside(act) {
        let isOver = false;
        const acting = act().finally(() => { isOver = true; });
        const took = [];
        const writing = (async () => {
            for await (const ms of this.#writes()) {
                took.push(ms);
                if (isOver)
                    return;
            }
        })();
        // A failure is told when both are over.
        const [acted, written] = await Promise.allSettled([acting, writing]);
        for (const { status, reason } of [acted, written])
            if (status === 'rejected')
                throw reason;
        return [acted.value, { p99: quantile(took, 0.99), max: Math.max(...took) }];
    }
}

/** Waits until the disk is calm that these contestants have their folders on. */
export async function untilDiskIsCalm(contestants) {
    if (contestants.length === 0)
        return;
    const probe = await DiskProbe.open(contestants[0].folder);
    try {
        await probe.untilCalm();
    } finally {
        await probe.close();
    }
}

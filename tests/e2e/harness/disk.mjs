// A small file system of one's own, to be filled up or made read-only. Needs the right to mount.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, writeSync, openSync, closeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BLOCK = Buffer.alloc(4096, 'x');

const mount = (...args) => execFileSync('mount', args, { stdio: 'pipe' });

export class SmallDisk {
    /** A disk of that size, or undefined where mounting is not allowed. */
    static make(megabytes) {
        const folder = mkdtempSync(join(tmpdir(), 'messagerie-disk-'));
        try {
            mount('-t', 'tmpfs', '-o', `size=${megabytes}m`, 'messagerie-test', folder);
            return new SmallDisk(folder);
        } catch {
            rmdirSync(folder);
            return undefined;
        }
    }

    constructor(folder) {
        this.folder = folder;
        this.filler = join(folder, 'filler');
    }

    /** Takes all the room that is left. */
    fill() {
        const file = openSync(this.filler, 'a');
        try {
            for (;;)
                writeSync(file, BLOCK);
        } catch (error) {
            if (error.code !== 'ENOSPC')
                throw error;
        } finally {
            closeSync(file);
        }
    }

    empty() {
        rmSync(this.filler, { force: true });
    }

    /** Works while nobody has a file open for writing. */
    makeReadOnly() {
        mount('-o', 'remount,ro', this.folder);
    }

    makeWritable() {
        mount('-o', 'remount,rw', this.folder);
    }

    remove() {
        execFileSync('umount', [this.folder]);
        rmdirSync(this.folder);
    }
}

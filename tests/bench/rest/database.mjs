// Files full of messages, each made once for a schema and kept in the build folder.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
    closeSync, constants, copyFileSync, existsSync, fsyncSync, mkdirSync, mkdtempSync, openSync,
    renameSync, rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { BUILD } from '../../e2e/harness/project.mjs';
import { describeSize, fillSql, messageCount, SQLITE } from './dataset.mjs';

// Recounting everything takes longer than filling: for the small ones only, which the same SQL made.
const VERIFIED_MESSAGES_MAX = 100_000;

function tool(path, ...args) {
    execFileSync(join(BUILD, 'messagerie'), args,
        { env: { MESSAGERIE_DATABASE_PATH: path, JWT_SECRET: 'x'.repeat(32) },
            stdio: ['ignore', 'ignore', 'pipe'] });
}

/** An empty database as this build makes it, and what identifies its schema. */
function makeEmpty(path) {
    tool(path, 'migrate');
    const schema = execFileSync('sqlite3', [path, '.schema']);
    return createHash('sha256').update(schema).digest('hex').slice(0, 12);
}

function fill(path, size) {
    execFileSync('sqlite3', ['-bail', path], {
        input: `PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-262144;
            ${fillSql(size, SQLITE)}`,
        stdio: ['pipe', 'ignore', 'inherit'],
    });
    if (messageCount(size) <= VERIFIED_MESSAGES_MAX)
        tool(path, 'verify', path);
}

/** The path of a file of that size, which must not be changed. */
function filledFile(size) {
    const folder = join(BUILD, 'tests/bench/data');
    const scratch = mkdtempSync(join(tmpdir(), 'messagerie-fill-'));
    mkdirSync(folder, { recursive: true });
    try {
        const schema = makeEmpty(join(scratch, 'empty.db'));
        const path = join(folder, `${schema}-${describeSize(size)}.db`);
        if (!existsSync(path)) {
            process.stderr.write(`  filling a file with ${messageCount(size)} messages\n`);
            const fresh = join(folder, 'new.db');
            rmSync(fresh, { force: true });
            makeEmpty(fresh);
            fill(fresh, size);
            renameSync(fresh, path);
            rmSync(`${fresh}.lock`, { force: true });
        }
        return path;
    } finally {
        rmSync(scratch, { recursive: true, force: true });
    }
}

/** Puts a copy of it at `path`, and on the disk, which would be busy with it else while others are
 * measured. */
export function copyFilled(size, path) {
    copyFileSync(filledFile(size), path, constants.COPYFILE_FICLONE);
    const copy = openSync(path, 'r+');
    fsyncSync(copy);
    closeSync(copy);
}

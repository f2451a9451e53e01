// A PostgreSQL of our own: Debian's, with its defaults (fsync on), in a temporary folder, reached
// through a unix socket alone.

import { execFileSync } from 'node:child_process';
import { chownSync, readdirSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import { makeFolder, removeFolder, SERVER_CPU, spawnPinned } from '../lib/contestant.mjs';
import { processTree } from '../lib/cpu.mjs';

const VERSIONS = '/usr/lib/postgresql';
const USER = 'postgres';
// Of /proc/PID/stat, behind the name in parentheses.
const CHILDREN_USER_FIELD = 13;
const CHILDREN_SYSTEM_FIELD = 14;
const US_PER_TICK = 10_000;
export const DATABASE = 'messagerie';

/** The newest version's folder of programs. */
function programFolder() {
    const newest = readdirSync(VERSIONS).sort((one, other) => Number(other) - Number(one))[0];
    return join(VERSIONS, newest, 'bin');
}

/** Its programs refuse to run as root: Debian's package has a user for them. */
const asUser = userInfo().uid === 0
    ? ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--init-groups', '--'] : [];

function run(command, options = {}) {
    const [file, ...args] = [...asUser, ...command];
    return execFileSync(file, args, { cwd: '/', stdio: ['pipe', 'ignore', 'pipe'], ...options });
}

export class Postgres {
    /** Makes it, once; `fill` gives SQL that is run on the empty database. */
    async prepare(fill) {
        if (this.folder)
            return;
        this.folder = makeFolder();
        if (asUser.length > 0) {
            const [uid, gid] = ['-u', '-g'].map((option) =>
                Number(execFileSync('id', [option, USER], { encoding: 'utf8' })));
            chownSync(this.folder, uid, gid);
        }
        this.data = join(this.folder, 'data');
        run([join(programFolder(), 'initdb'), '-D', this.data, '-A', 'trust', '-U', USER,
            '-E', 'UTF8', '--no-sync']);
        await this.start();
        this.sql('postgres', `CREATE DATABASE ${DATABASE}`);
        this.sql(DATABASE, fill());
        this.sql(DATABASE, 'VACUUM ANALYZE');
        this.sql(DATABASE, 'CHECKPOINT');
        await this.stop();
    }

    sql(database, text) {
        run([join(programFolder(), 'psql'), '-h', this.folder, '-U', USER, '-d', database,
            '-q', '-v', 'ON_ERROR_STOP=1', '-f', '-'], { input: text });
    }

    get environment() {
        return { PGHOST: this.folder, PGUSER: USER, PGDATABASE: DATABASE };
    }

    async start() {
        this.server = await spawnPinned(SERVER_CPU, asUser[0] ?? 'env', [...asUser.slice(1),
            join(programFolder(), 'postgres'), '-D', this.data, '-k', this.folder,
            '-c', 'listen_addresses='], {}, {
            name: 'postgres',
            isReady: ({ log }) => log.includes('ready to accept connections'),
        });
    }

    pids() {
        return processTree(this.server.pid);
    }

    /** CPU time of its processes that have ended (autovacuum, closed connections), in microseconds:
     * what proc(5) calls cutime and cstime. */
    endedTime() {
        const text = readFileSync(`/proc/${this.server.pid}/stat`, 'utf8');
        const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
        return (Number(fields[CHILDREN_USER_FIELD]) + Number(fields[CHILDREN_SYSTEM_FIELD]))
            * US_PER_TICK;
    }

    /** A fast shutdown: clients are cut off. */
    async stop() {
        if (this.server?.isRunning)
            await this.server.stop('SIGINT');
        this.server = undefined;
    }

    remove() {
        removeFolder(this.folder);
        this.folder = undefined;
    }
}

// Who is measured: a server that can be started, and whose processes are known.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Program } from '../../e2e/harness/program.mjs';
import { processTree } from './cpu.mjs';

/** Servers run on one core, load generators (and the harness) on the other. */
export const SERVER_CPU = 0;
export const GENERATOR_CPU = os.cpus().length > 1 ? 1 : 0;

/** Runs `act` while the contestant's processes, and those that they start, may use every core. */
export async function onAllCores(contestant, act) {
    const pin = (cpus) => contestant.pids().forEach((pid) =>
        execFileSync('taskset', ['-acp', `${cpus}`, `${pid}`], { stdio: 'ignore' }));
    pin(`0-${os.cpus().length - 1}`);
    try {
        return await act();
    } finally {
        pin(SERVER_CPU);
    }
}

/** What a contestant needs beyond what builds messagerie: a file of it, by Debian's package. */
const PACKAGE_FILES = {
    'libnginx-mod-nchan': '/usr/lib/nginx/modules/ngx_nchan_module.so',
    mosquitto: '/usr/sbin/mosquitto',
    postgresql: '/usr/lib/postgresql',
    nginx: '/usr/sbin/nginx',
};

const BENCH = fileURLToPath(new URL('..', import.meta.url));

export class Contestant {
    /** `packages` are those of Debian that must be there, `modules` those of npm, as paths from
     * tests/bench. */
    constructor(name, packages = [], modules = []) {
        this.name = name;
        this.packages = packages;
        this.modules = modules;
    }

    /** Whether it works though nobody asks it to, and must be stopped (SIGSTOP) where it is up
     * beside one that is measured. */
    isRestless = false;

    /** Starts it, new and empty, and waits until it serves. */
    async start() {
        throw new Error(`${this.name} can't start`);
    }

    /** The processes whose CPU time and memory are its own, as they are now. */
    pids() {
        return [];
    }

    /** Ends it and removes what it has left. Also after a start that failed half-way. */
    async stop() {}

    /** Why it can't run here, or undefined. */
    missing() {
        const absent = this.packages.filter((name) => !existsSync(PACKAGE_FILES[name]));
        if (absent.length > 0)
            return `apt-get install ${absent.join(' ')}`;
        const module = this.modules.find((path) => !existsSync(`${BENCH}${path}`));
        return module && `npm ci (there is no tests/bench/${module})`;
    }
}

// What would stay behind when the bench is broken off.
const started = new Set();
const folders = new Set();

/** One that was ended by what happened to another is no reason to leave the rest. */
function killIfThere(pid) {
    try {
        process.kill(pid, 'SIGKILL');
    } catch (error) {
        if (error.code !== 'ESRCH')
            throw error;
    }
}

process.on('exit', () => {
    for (const program of started)
        if (program.isRunning)
            processTree(program.pid).forEach(killIfThere);
    for (const folder of folders)
        rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'])
    process.on(signal, () => process.exit(1));

/** A new folder for what a contestant writes. */
export function makeFolder() {
    const folder = mkdtempSync(join(os.tmpdir(), 'messagerie-bench-'));
    folders.add(folder);
    return folder;
}

/** Does nothing without one. */
export function removeFolder(folder) {
    if (folder === undefined)
        return;
    rmSync(folder, { recursive: true, force: true });
    folders.delete(folder);
}

/**
 * Starts a process on one core and waits until it is ready. Gives a Program (tests/e2e/harness):
 * `pid`, `log`, `stop()`. Options: `name`, and `isReady(program)`, without which it is taken for
 * ready at once.
 */
export async function spawnPinned(cpu, command, args = [], env = {}, options = {}) {
    const program = new Program({
        name: options.name ?? command,
        command: ['taskset', '-c', `${cpu}`, command, ...args],
        environment: env,
    });
    started.add(program);
    await program.start(() => options.isReady?.(program) ?? true);
    return program;
}

/** Those whose name was asked for (all without `only`) and that can run here; says who cannot. */
export function selectContestants(contestants, only) {
    return contestants.filter((contestant) => {
        if (only !== undefined && !only.includes(contestant.name))
            return false;
        const reason = contestant.missing();
        if (reason !== undefined)
            console.log(`${contestant.name}: skipped, it needs: ${reason}`);
        return reason === undefined;
    });
}

// A process that a test starts, watches and ends by its pid.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

import { until } from './conditions.mjs';
import { BUILD } from './project.mjs';

/** What tests/repeat wants loaded into our programs. */
const { MESSAGERIE_TEST_PRELOAD } = process.env;
const PRELOAD = MESSAGERIE_TEST_PRELOAD ? { LD_PRELOAD: MESSAGERIE_TEST_PRELOAD } : {};


export class Program {
    #child;
    #closed;

    /** `command` is [file, ...arguments]. What it writes is kept in `log`, and handed to `onLog`
     * as it comes. */
    constructor({ name, command, environment = {}, onLog = () => {} }) {
        this.name = name;
        this.command = command;
        this.environment = environment;
        this.onLog = onLog;
        this.log = '';
    }

    get pid() {
        return this.#child.pid;
    }

    get wasStarted() {
        return this.#child !== undefined;
    }

    get isRunning() {
        return this.#child !== undefined && this.exit === undefined;
    }

    /** Starts it (again) and waits until `isReady` says so. */
    async start(isReady) {
        const [file, ...args] = this.command;
        this.exit = undefined;
        this.#child = spawn(file, args, {
            env: { PATH: process.env.PATH, ...(file.startsWith(BUILD) && PRELOAD), ...this.environment },
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        const keep = (chunk) => {
            this.log += chunk;
            this.onLog(`${chunk}`);
        };
        this.#child.stdout.on('data', keep);
        this.#child.stderr.on('data', keep);
        this.#closed = new Promise((resolve) => {
            this.#child.on('error', (error) => resolve({ code: undefined, signal: `${error}` }));
            this.#child.on('close', (code, signal) => resolve({ code, signal }));
        }).then((exit) => { this.exit = exit; });
        await until(`${this.name} is ready`, async () => {
            if (this.exit)
                return true;
            return isReady();
        });
        if (this.exit)
            throw new Error(
                `${this.name} ended at start: ${JSON.stringify(this.exit)}\n${this.log}`);
    }

    signal(signal) {
        this.#child.kill(signal);
    }

    /** Ends it without warning, as a power cut would. */
    async kill() {
        this.signal('SIGKILL');
        await this.#closed;
    }

    /** Asks it to end and gives {code, signal}. */
    async stop(signal = 'SIGTERM') {
        if (this.isRunning)
            this.signal(signal);
        await until(`${this.name} has ended`, () => this.exit);
        return this.exit;
    }
}

/** The command lines of the processes that were started with `text` in their command line or
 * environment, or that hold a file open whose path has it. */
export function processesNaming(text) {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
        if (Number(pid) === process.pid)
            return [];
        const commandLine = readIfThere(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
        const traces = [commandLine, readIfThere(`/proc/${pid}/environ`), ...openPaths(pid)];
        return traces.some((trace) => trace.includes(text)) ? [`${pid} ${commandLine}`] : [];
    });
}

/** Direct children of a process, {comm: pid}; names as the kernel cuts them off. */
export function childrenOf(parent) {
    const children = {};
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        const fields = /^\d+ \((.*)\) (\S) (\d+)/s.exec(readIfThere(`/proc/${pid}/stat`));
        if (fields && Number(fields[3]) === parent && fields[2] !== 'Z')
            children[fields[1]] = Number(pid);
    }
    return children;
}

function openPaths(pid) {
    const folder = `/proc/${pid}/fd`;
    return orIfGone([], () => readdirSync(folder))
        .map((descriptor) => orIfGone('', () => readlinkSync(`${folder}/${descriptor}`)));
}

/** A file's text; empty when it is gone. */
export const readIfThere = (path) => orIfGone('', () => readFileSync(path, 'utf8'));

/** A process may end, or belong to somebody else, while one looks at it. */
function orIfGone(fallback, read) {
    try {
        return read();
    } catch {
        return fallback;
    }
}

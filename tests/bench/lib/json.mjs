// What a run leaves as JSON: the figures, and what they were measured on.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';

import { SOURCE } from '../../e2e/harness/project.mjs';

/** What a command writes, or undefined where it is not there. */
function outputOf(command, ...args) {
    try {
        return execFileSync(command, args, { encoding: 'utf8', cwd: SOURCE,
            stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
        return undefined;
    }
}

/** Debian's versions of the packages that are there. */
function packageVersions(...names) {
    return Object.fromEntries(names.flatMap((name) => {
        const version = outputOf('dpkg-query', '-W', '-f', '${Version}', name);
        return version ? [[name, version]] : [];
    }));
}

/** The machine, the software and the state of the source. */
export function describeRun() {
    return {
        date: new Date().toISOString(),
        revision: outputOf('git', 'rev-parse', '--short', 'HEAD'),
        isModified: (outputOf('git', 'status', '--porcelain') ?? '') !== '',
        machine: {
            cpu: os.cpus()[0].model,
            cores: os.cpus().length,
            memoryBytes: os.totalmem(),
            kernel: os.release(),
            system: /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1],
        },
        versions: {
            node: process.version,
            ...packageVersions('nginx', 'libnginx-mod-nchan', 'mosquitto', 'postgresql',
                'libsqlite3-0', 'libmicrohttpd12', 'gcc'),
        },
        loadAtStart: os.loadavg(),
    };
}

export function writeJson(path, run) {
    writeFileSync(path, `${JSON.stringify({ ...run, loadAtEnd: os.loadavg() }, null, 2)}\n`);
}

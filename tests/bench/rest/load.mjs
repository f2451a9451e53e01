// bench_http: what it is to ask, running it, and what the server's processes used meanwhile.

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { BUILD } from '../../e2e/harness/project.mjs';
import { GENERATOR_CPU } from '../lib/contestant.mjs';
import { cpuTimes } from '../lib/cpu.mjs';

const execute = promisify(execFile);

/** Writes a file of targets: {method, path, token, body} each; a run of # in a body is numbered. */
export function writeTargets(file, targets) {
    writeFileSync(file, targets.map(({ method = 'GET', path, token = '-', body }) =>
        `${method} ${path} ${token}${body ? ` ${JSON.stringify(body)}` : ''}\n`).join(''));
    return file;
}

/**
 * Asks for `seconds` over so many connections; at a fixed rate with `rate`. Gives what bench_http
 * prints. Nothing may be refused; at a fixed rate, what the server can't keep up with
 * is in the latencies.
 */
export async function load({ port, file, connections, seconds, rate }) {
    const args = [port, file, connections, seconds, ...(rate ? [rate] : [])].map(String);
    const { stdout } = await execute('taskset',
        ['-c', `${GENERATOR_CPU}`, join(BUILD, 'tests/bench/bench_http'), ...args]);
    const result = JSON.parse(stdout);
    if (result.refused > 0 || result.requests === 0 || (!rate && result.lost > 0))
        throw new Error(`not everything was answered: ${stdout}`);
    return result;
}

/** CPU time now of each group of processes, those that have ended included: {program: us, …}. */
function groupTimes(contestant) {
    const ended = contestant.endedTimes();
    return Object.fromEntries(Object.entries(contestant.processes()).map(([name, pids]) =>
        [name, cpuTimes(pids).total + (ended[name] ?? 0)]));
}

/**
 * The same, with the CPU time of the contestant's processes for each request added: {cpu: {program,
 * nginx, …}, total}.
 */
export async function measureLoad(contestant, request) {
    const before = groupTimes(contestant);
    const result = await load({ port: contestant.port, ...request });
    const after = groupTimes(contestant);
    const cpu = Object.fromEntries(Object.keys(after).map((name) =>
        [name, (after[name] - before[name]) / result.requests]));
    return { ...result, cpu, total: Object.values(cpu).reduce((sum, value) => sum + value, 0) };
}

// CPU time of processes, out of /proc.

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const TICKS_PER_SECOND = 100; // USER_HZ, the same on every Linux that Debian runs on
const US_PER_TICK = 1e6 / TICKS_PER_SECOND;
// Fields of /proc/PID/stat behind the name in parentheses, which may hold anything.
const USER_FIELD = 11;
const SYSTEM_FIELD = 12;
// Idle is who uses less than that share of a core for so long.
const IDLE_LOOK_MS = 300;
const IDLE_SHARE = 0.02;
const IDLE_LOOKS = 20;

/** A process may end while one looks: PostgreSQL's come and go. */
function orIfGone(fallback, read) {
    try {
        return read();
    } catch (error) {
        if (error.code !== 'ENOENT' && error.code !== 'ESRCH')
            throw error;
        return fallback;
    }
}

/** {user, system} in ticks of 10 ms, ended threads included. */
function ticksOf(pid) {
    const text = orIfGone(undefined, () => readFileSync(`/proc/${pid}/stat`, 'utf8'));
    if (text === undefined)
        return { user: 0, system: 0 };
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { user: Number(fields[USER_FIELD]), system: Number(fields[SYSTEM_FIELD]) };
}

/** What the threads of a process have run, in microseconds and exact to the nanosecond; undefined
 * where the kernel does not tell. */
function threadTimeOf(pid) {
    try {
        return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => sum
            + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]), 0)
            / 1000;
    } catch {
        return undefined;
    }
}

/**
 * CPU time that processes have used until now, in microseconds: {user, system, total}. `total` is
 * exact when the threads stay the same; user and system share it as the kernel's ticks say.
 */
export function cpuTimes(pids) {
    const sum = { user: 0, system: 0, total: 0 };
    for (const pid of pids) {
        const { user, system } = ticksOf(pid);
        const ticks = user + system;
        const total = threadTimeOf(pid) ?? ticks * US_PER_TICK;
        sum.user += ticks === 0 ? 0 : total * user / ticks;
        sum.system += ticks === 0 ? 0 : total * system / ticks;
        sum.total += total;
    }
    return sum;
}

/** Runs `act` and gives [its result, the CPU time that the processes used meanwhile]. `pids` is a
 * function, as a server may start processes while it works. */
export async function measureCpu(pids, act) {
    const before = cpuTimes(pids());
    const result = await act();
    const after = cpuTimes(pids());
    return [result, {
        user: after.user - before.user,
        system: after.system - before.system,
        total: after.total - before.total,
    }];
}

/** Resident memory of processes, in bytes; what they share counts for each. */
export function residentBytes(pids) {
    return pids.reduce((sum, pid) =>
        sum + Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])
            * 1024, 0);
}

/** A process with all that it has started, as they are now. */
export function processTree(pid) {
    const children = orIfGone([], () => readdirSync(`/proc/${pid}/task`)).flatMap((task) =>
        orIfGone('', () => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')).trim()
            .split(' ').filter((text) => text !== '').map(Number));
    return [pid, ...children.flatMap(processTree)];
}

/** Waits until the processes do next to nothing, a few seconds at most. */
export async function untilIdle(pids) {
    for (let look = 0; look < IDLE_LOOKS; look++) {
        const [, { total }] = await measureCpu(pids, () => sleep(IDLE_LOOK_MS));
        if (total < IDLE_LOOK_MS * 1000 * IDLE_SHARE)
            return;
    }
}

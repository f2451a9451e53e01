// The people of the bench, by number, and their tokens.

import { writeFileSync } from 'node:fs';

import { signClaims, usualClaims } from '../../e2e/harness/token.mjs';

export const SECRET = 'a secret for the bench, long enough for HS256';

/** Person `number`: the even ones are salons, each with the next one for a client. */
export const userId = (number) => `u${number}`;
export const roleOf = (number) => (number % 2 === 0 ? 'salon' : 'client');
/** The conversation of person `number` with the other one. */
export const roomOf = (number) =>
    `01890000-0000-7000-8000-${String(number >> 1).padStart(12, '0')}`;
export const tokenOf = (number) =>
    signClaims(usualClaims(userId(number), roleOf(number)), SECRET);

/** Writes what bench_sockets reads: one line `TOKEN ROOM` for each of these people. */
export function writeIdentities(path, numbers, { joins = true } = {}) {
    writeFileSync(path, numbers.map((number) =>
        `${tokenOf(number)} ${joins ? roomOf(number) : '-'}\n`).join(''));
    return path;
}

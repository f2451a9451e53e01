// Waiting for something to become true: the only way in which these tests wait.

import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 20;
// Longer than anything takes on a machine that has much else to do.
const DEFAULT_LIMIT_MS = 60_000;

/**
 * Calls `condition` until it gives something truthy, which is returned. A condition that throws
 * counts as not yet true; what it threw last is told when the time is up.
 */
export async function until(what, condition, limitMs = DEFAULT_LIMIT_MS) {
    const deadline = Date.now() + limitMs;
    let lastError;
    for (;;) {
        try {
            const result = await condition();
            if (result)
                return result;
            lastError = undefined;
        } catch (error) {
            lastError = error;
        }
        if (Date.now() > deadline)
            throw new Error(`not within ${limitMs} ms: ${what}`, { cause: lastError });
        await sleep(POLL_MS);
    }
}

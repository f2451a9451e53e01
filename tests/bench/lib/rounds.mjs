// Interleaved rounds: each contestant once in each, so that what disturbs the machine for a while
// disturbs all of them. For who can't be up beside the others; slices.mjs is for all who can.

/**
 * Runs `measure(contestant, round)` in each round on each contestant, started anew every time.
 * Gives {results: Map of name to one result per round, failures: [text]}. One that fails is told
 * and left out of the rounds that follow.
 */
export async function runInterleaved({ contestants, rounds, measure }) {
    const results = new Map(contestants.map(({ name }) => [name, []]));
    const failures = [];
    const failed = new Set();
    for (let round = 0; round < rounds; round++) {
        for (const contestant of inTurn(contestants, round)) {
            if (failed.has(contestant))
                continue;
            try {
                results.get(contestant.name).push(await measureOnce(contestant, round, measure));
            } catch (error) {
                failed.add(contestant);
                failures.push(`${contestant.name}: ${error.message ?? error}`);
                console.log(`FAILED ${failures.at(-1)}`);
            }
        }
    }
    return { results, failures };
}

/** Another one begins in each round: nobody always follows the same. */
function inTurn(contestants, round) {
    return round % 2 === 0 ? contestants : [...contestants].reverse();
}

async function measureOnce(contestant, round, measure) {
    const begin = Date.now();
    try {
        await contestant.start();
        return await measure(contestant, round);
    } finally {
        await contestant.stop();
        process.stderr.write(`  round ${round + 1}: ${contestant.name}, `
            + `${((Date.now() - begin) / 1000).toFixed(1)} s\n`);
    }
}

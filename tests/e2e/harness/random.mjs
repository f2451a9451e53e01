// Repeatable randomness: a run prints its seed, and MESSAGERIE_TEST_SEED runs it again.

export function testSeed() {
    const given = process.env.MESSAGERIE_TEST_SEED;
    const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
    if (!Number.isSafeInteger(seed))
        throw new Error('MESSAGERIE_TEST_SEED must be a whole number');
    return seed;
}

/** A source of numbers that depend on the seed alone (the mulberry32 generator). */
export function seededRandom(seed) {
    let state = seed >>> 0;
    const fraction = () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
    /** A whole number from 0 to bound - 1. */
    const below = (bound) => Math.floor(fraction() * bound);
    const pick = (list) => list[below(list.length)];
    return { fraction, below, pick };
}

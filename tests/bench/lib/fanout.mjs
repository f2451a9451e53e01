/** Has the generator publish; gives its answer. Fails when a message is missing. */
export async function runAll(generator, ...words) {
    const run = await generator.ask('run', ...words);
    if (run.delivered !== run.expected)
        throw new Error(`${run.delivered} of ${run.expected} messages delivered`);
    return run;
}

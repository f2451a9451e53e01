// The bench: runs the areas, prints their tables and writes everything as JSON.
//
//   node tests/bench/run.mjs [--quick] [--area NAME,…] [--only CONTESTANT,…] [--rounds N]
//                            [--json FILE]
//
// The build folder is $MESSAGERIE_BUILD, else build/. Without --json the figures go into
// bench-results.json there. An area is a module areas/NAME.mjs that exports
// {name, order, async run({quick, repetitions, only, build})}, which gives {tables,
// failures}, and may give {remark, slices}. --rounds is how often everything is measured, be it in
// rounds or as repetitions of slices, which an area has a number of its own for.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { BUILD } from '../e2e/harness/project.mjs';
import { GENERATOR_CPU } from './lib/contestant.mjs';
import { describeRun, writeJson } from './lib/json.mjs';
import { renderTable } from './lib/table.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));

function parseCount(text) {
    if (!/^[1-9]\d{0,2}$/.test(text))
        throw new Error(`not a number of rounds: ${text}`);
    return Number(text);
}

function parseOptions() {
    const { values } = parseArgs({ options: {
        quick: { type: 'boolean', default: false },
        area: { type: 'string' },
        only: { type: 'string' },
        rounds: { type: 'string' },
        json: { type: 'string', default: join(BUILD, 'bench-results.json') },
    } });
    return {
        ...values,
        area: values.area?.split(','),
        only: values.only?.split(','),
        repetitions: values.rounds === undefined ? undefined : parseCount(values.rounds),
    };
}

/** The peers that come from npm, as the lock files name them. Without them the others run. */
function installPeers() {
    const folders = readdirSync(join(HERE, 'peers')).map((name) => join(HERE, 'peers', name));
    for (const folder of [HERE, ...folders]) {
        if (!existsSync(join(folder, 'package-lock.json'))
            || existsSync(join(folder, 'node_modules')))
            continue;
        try {
            execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder,
                stdio: 'inherit' });
        } catch (error) {
            console.log(`npm ci in ${folder}: ${error.message}`);
        }
    }
}

async function loadAreas(wanted) {
    const files = readdirSync(join(HERE, 'areas')).filter((name) => name.endsWith('.mjs'));
    const areas = await Promise.all(files.map((name) => import(`./areas/${name}`)));
    const unknown = (wanted ?? []).filter((name) => !areas.some((area) => area.name === name));
    if (unknown.length > 0)
        throw new Error(`no such area: ${unknown}; there are: ${areas.map(({ name }) => name)}`);
    return areas.filter(({ name }) => wanted?.includes(name) ?? true)
        .sort((one, other) => one.order - other.order);
}

const options = parseOptions();
installPeers();
// The harness works while nothing is measured, and leaves the servers' core alone.
execFileSync('taskset', ['-acp', `${GENERATOR_CPU}`, `${process.pid}`], { stdio: 'ignore' });
const run = { ...describeRun(), options, areas: [] };
console.log(`${run.date}, ${run.revision ?? 'no git'}${run.isModified ? ' (modified)' : ''}, `
    + `${run.machine.cores} cores of ${run.machine.cpu}, load ${loadavg()[0].toFixed(2)}\n`);
let failures = 0;
for (const area of await loadAreas(options.area)) {
    const begin = Date.now();
    const result = await area.run({ ...options, build: BUILD });
    const seconds = Math.round((Date.now() - begin) / 1000);
    for (const table of result.tables.filter(({ rows }) => rows.length > 0))
        console.log(renderTable(table));
    console.log(`(${area.name}: ${seconds} s, load ${loadavg()[0].toFixed(2)}${
        result.remark ? `; ${result.remark}` : ''})\n`);
    failures += result.failures?.length ?? 0;
    run.areas.push({ name: area.name, seconds, load: loadavg()[0], ...result });
    writeJson(options.json, run);
}
console.log(`written: ${options.json}`);
process.exitCode = failures === 0 ? 0 : 1;

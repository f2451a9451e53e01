// The README's table of configuration keys is made from the programs' own: it cannot drift.
// MESSAGERIE_UPDATE_README=1 writes it anew instead of comparing.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import assert from 'node:assert/strict';
import { BUILD, SOURCE } from './harness/project.mjs';

const begin = '<!-- configuration table: begin -->\n';
const end = '<!-- configuration table: end -->';

/** The keys of the sample file, as {section, name, fallback, help, values, variable}. */
function readSample(text) {
    const keys = [];
    let section = '';
    let comments = [];
    for (const line of text.split('\n')) {
        const header = /^\[(\w+)\]$/.exec(line);
        const key = /^#(\w+) =(.*)$/.exec(line);
        if (header) {
          section = header[1];
        } else if (key) {
          const [values, variable] = comments.at(-1).split(' Environment: ');
          const help = comments.slice(0, -1).join(' ');
          keys.push({ section, name: key[1], fallback: key[2].trim(), help, values, variable });
        }
        comments = line.startsWith('# ') ? [...comments, line.slice(2)] : [];
    }
    return keys;
}

function makeTable(keys) {
    const rows = keys.map(({ section, name, fallback, help, values, variable }) => {
        const old = / else (\w+)$/.exec(variable);
        return `| \`[${section}] ${name}\` | ${fallback ? `\`${fallback}\`` : ''} | ${help}` +
          ` ${values}${old ? ` Also \`${old[1]}\`.` : ''} |\n`;
    });
    return `| Key | Default | Meaning |\n|---|---|---|\n${rows.join('')}`;
}

test('the README lists every key of the configuration with its default', () => {
    const sample = execFileSync(`${BUILD}/messagerie`, ['check-config', '--sample'],
        { encoding: 'utf8' });
    const keys = readSample(sample);
    assert.ok(keys.length > 10);
    // The folders in the defaults are those that configure was given.
    const table = makeTable(keys).replace(/\/usr\/local\/(etc|var)/g, '/$1').replace(/\/var\/run/g, '/run');
    const path = `${SOURCE}/README.md`;
    const readme = readFileSync(path, 'utf8');
    const start = readme.indexOf(begin) + begin.length;
    const stop = readme.indexOf(end);
    assert.ok(start > begin.length && stop >= start, 'README.md has no place for the table');
    if (process.env.MESSAGERIE_UPDATE_README) {
        writeFileSync(path, readme.slice(0, start) + table + readme.slice(stop));
        return;
    }
    assert.equal(readme.slice(start, stop), table);
});

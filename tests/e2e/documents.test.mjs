// The documents name what there is: folders, files, and sections of each other.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';

import { SOURCE } from './harness/project.mjs';

/** What a build, a run or a tool leaves in the tree. */
const leftBehind = /^(\..*|node_modules|build(-.*)?|data|autom4te\.cache|fuzzers|page-packages.*|sanitized-.*|www|messagerie-\d.*)$/;
/** The map has folders so deep; those below are part of theirs. */
const MAP_DEPTH = 2;
/** What stands between backquotes like a path and is none of ours: of an installation, of a run, a
 * type, a header of a library. */
const elsewhere = /^((DIR|Europe|bad|build|data|image|libexec|messagerie|share)\/|(fcgiapp|microhttpd|sqlite3|utf8proc)\.h$)/;

function list(folder = '', found = { folders: [], files: [] }) {
    for (const entry of readdirSync(`${SOURCE}/${folder}`, { withFileTypes: true })) {
        if (leftBehind.test(entry.name))
            continue;
        const path = folder + entry.name;
        if (entry.isDirectory()) {
            found.folders.push(path);
            list(`${path}/`, found);
        } else {
            found.files.push(path);
        }
    }
    return found;
}

const tree = list();
const read = (path) => readFileSync(`${SOURCE}/${path}`, 'utf8');
/** Of what is, not of what was. */
const documents = tree.files
    .filter((path) => /^(docs\/)?[^/]+\.md$/.test(path) && path !== 'CHANGELOG.md');

/** A document without its fenced blocks, which are shown and not named. */
const prose = (path) => read(path).replace(/^```[\s\S]*?^```$/gm, '');

const headings = (path) => [...prose(path).matchAll(/^#+ (.*)$/gm)].map(([, text]) => text);
const anchor = (heading) => heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');

/** `a/{b,c}.h` as a/b.h and a/c.h. */
function expand(text) {
    const [, head, choices, tail] = /^([^{]*)\{([^}]*)\}(.*)$/.exec(text) ?? [];
    return choices === undefined ? [text]
        : choices.split(',').flatMap((choice) => expand(head + choice + tail));
}

/** What looks like a path of the tree between backquotes, without line breaks. */
function namedPaths(path) {
    return [...prose(path).matchAll(/`([^`]+)`/g)].map(([, text]) => text)
        .filter((text) => /^[\w.*{},@-]+(\/[\w.*{},@-]*)*$/.test(text))
        .filter((text) => /\w\/./.test(text) || /\w\/$/.test(text) || /\w\.(c|h|mk|mjs|am|ac|md)$/.test(text))
        .filter((text) => !elsewhere.test(text) && !text.includes('…'))
        .flatMap(expand);
}

/** A path, a pattern with `*` or NAME, or the name of a file anywhere. */
function isInTree(text) {
    const name = text.replace(/\/$/, '');
    const literal = name.split(/\*|NAME/).map((part) => part.replace(/[.+]/g, '\\$&')).join('[^/]*');
    const pattern = new RegExp(`${name.includes('/') ? '^' : '(^|/)'}${literal}$`);
    const candidates = text.endsWith('/') ? tree.folders : [...tree.files, ...tree.folders];
    const isHidden = /(^|\/)\./.test(name);
    return isHidden ? existsSync(`${SOURCE}/${name}`) : candidates.some((path) => pattern.test(path));
}

test('the folder map of docs/architecture.md names every folder, and none that is not there', () => {
    const [, map] = /^## Folders$[\s\S]*?^```\n([\s\S]*?)^```$/m.exec(read('docs/architecture.md')) ?? [];
    assert.ok(map, 'docs/architecture.md has no folder map');
    const named = [...map.matchAll(/^ *(\w[\w/-]*)\/ /gm)].map(([, folder]) => folder);
    const there = tree.folders.filter((path) => path.split('/').length <= MAP_DEPTH);
    assert.deepEqual(named.sort(), there.sort());
});

test('every path that a document names is in the tree', () => {
    const named = documents.flatMap((path) => namedPaths(path).map((text) => ({ path, text })));
    assert.ok(named.length > 20);
    assert.deepEqual(named.filter(({ text }) => !isInTree(text)), []);
});

test('every name of the code that a document uses is in the code', () => {
    const code = tree.files.filter((path) => /\.(c|h|mk|mjs|am|ac|conf)$|^bootstrap$|render$/.test(path) &&
        path !== 'tests/e2e/documents.test.mjs').map(read).join('\n');
    const words = new Set(code.match(/[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)+/g));
    const named = documents.flatMap((path) => [...prose(path).matchAll(/`(?:struct )?([A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+)`/g)]
        .map(([, name]) => ({ path, name })).filter(({ name }) => !name.startsWith('NAME_')));
    assert.ok(named.length > 20);
    assert.deepEqual(named.filter(({ name }) => !words.has(name)), []);
});

test('every link of a document leads to a file, and to a heading in it', () => {
    const isBroken = (from, target) => {
        const [name, section] = target.split('#');
        const path = name === '' ? from : new URL(name, `file:///${from}`).pathname.slice(1);
        return !existsSync(`${SOURCE}/${path}`) ||
            (section !== undefined && !headings(path).map(anchor).includes(section));
    };
    const links = documents.flatMap((path) => [...prose(path).matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, target]) => ({ path, target })).filter(({ target }) => !/^https?:/.test(target)));
    assert.ok(links.length > 5);
    assert.deepEqual(links.filter(({ path, target }) => isBroken(path, target)), []);
});

test('every section that the code refers to is in the document', () => {
    const references = tree.files.filter((path) => /\.(c|h|mjs|mk|am)$/.test(path) || documents.includes(path))
        // A comment may break the line within a reference.
        .flatMap((path) => [...read(path).replace(/\s*\n\s*(\*|\/\/|##)?\s*/g, ' ')
            .matchAll(/(docs\/[\w-]+\.md|[A-Z]+\.md), "([^"]+)"/g)]
            .map(([, document, section]) => ({ path, document, section })));
    assert.ok(references.length > 10);
    const isMissing = ({ document, section }) => !existsSync(`${SOURCE}/${document}`) || !headings(document).includes(section);
    assert.deepEqual(references.filter(isMissing), []);
});

/** The rows of the tables in one section of docs/protocol.md: what stands between backquotes in their first cells. */
function firstCells(section) {
    const [, text] = new RegExp(`^#+ ${section}$([\\s\\S]*?)^#`, 'm').exec(read('docs/protocol.md'));
    return [...text.matchAll(/^\| (`[^|]*`) \|/gm)]
        .flatMap(([, cell]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code));
}

test('docs/protocol.md has every route of the programs, and no other', () => {
    const inCode = tree.files.filter((path) => /^fcgi\/.*_handlers\.c$/.test(path))
        .flatMap((path) => [...read(path).matchAll(/\{METHOD_(\w+), "([^"]+)"/g)])
        .map(([, method, path]) => `${method} ${path}`);
    const named = ['Endpoints', 'From the booking back-end'].flatMap(firstCells)
        .map((code) => code.split('?')[0]);
    // "`PATCH …/mark-read`, `…/mark-as-read`": two addresses of one thing.
    const whole = named.map((code, index) => code.startsWith('…')
        ? named[index - 1].replace(/\/[^/]*$/, code.slice(1)) : code);
    assert.deepEqual(whole.filter((code) => code.includes(' ')).sort(), inCode.sort());
});

test('docs/protocol.md has every event that clients may send, and no other', () => {
    const [, table] = /^static const struct \w+ handlers\[\] = \{([\s\S]*?)^\};/m.exec(read('broker/client_events.c'));
    const inCode = [...table.matchAll(/\{"([\w-]+)", /g)].map(([, name]) => name);
    assert.deepEqual(firstCells('What a client sends').sort(), inCode.sort());
});

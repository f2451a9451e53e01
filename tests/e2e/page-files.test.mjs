// The built page as the shipped nginx files serve it: caching, compression, headers; and that
// building it again gives the same.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';

import { freePort, isListening, sendRequest } from './harness/http.mjs';
import { Program } from './harness/program.mjs';
import { BUILD, SOURCE } from './harness/project.mjs';

const run = promisify(execFile);
const WWW = join(BUILD, 'www');
const FILES = join(WWW, 'messagerie');
const skip = existsSync(join(FILES, 'index.html')) ? false : 'the page is not built: make page';

/** Paths of ours that a text names. */
const pathsIn = (text) => text.match(/\/messagerie\/[\w.-]+/g);

describe('the files of the page', { skip }, () => {
    let folder;
    let nginx;
    let port;

    const get = (path, headers = {}, method = 'GET') => sendRequest({ port, path, method, headers });

    before(async () => {
        folder = mkdtempSync(join(tmpdir(), 'page-'));
        port = await freePort();
        const nginxFolder = join(folder, 'nginx');
        await run(join(SOURCE, 'nginx/render'),
            ['--page', WWW, nginxFolder, join(folder, 'run'), `127.0.0.1:${port}`]);
        nginx = new Program({
            name: 'nginx',
            command: ['nginx', '-p', nginxFolder, '-e', 'stderr', '-c', join(nginxFolder, 'nginx.conf')],
        });
        await nginx.start(() => isListening(port));
    });
    after(async () => {
        await nginx?.stop();
        rmSync(folder, { recursive: true, force: true });
    });

    it('the page is asked for anew each time, and may load from its own host alone', async () => {
        const page = await get('/');
        assert.equal(page.status, 200);
        assert.equal(page.headers['content-type'], 'text/html; charset=utf-8');
        assert.equal(page.headers['cache-control'], 'no-cache');
        assert.equal(page.headers['x-content-type-options'], 'nosniff');
        assert.equal(page.headers['referrer-policy'], 'no-referrer');
        const policy = page.headers['content-security-policy'].split('; ');
        for (const rule of ["default-src 'self'", "object-src 'none'", "base-uri 'none'",
            "form-action 'none'", "frame-ancestors 'self'"])
            assert.ok(policy.includes(rule), rule);
        assert.doesNotMatch(page.headers['content-security-policy'], /unsafe/);
        assert.equal((await get('/messagerie/')).text, page.text);
        const again = await get('/', { 'if-none-match': page.headers.etag });
        assert.deepEqual([again.status, again.text], [304, '']);
    });

    it('the page holds no script or style of its own, and names no other host', async () => {
        const { text } = await get('/');
        assert.doesNotMatch(text, /<style|style=|\son\w+=|https?:/);
        assert.match(text, /<script type="module" src="[^"]+"><\/script>/);
    });

    it('what has its content in its name is kept for ever, compressed beforehand', async () => {
        const manifest = '/messagerie/manifest.webmanifest';
        const named = pathsIn((await get('/')).text);
        assert.ok(named.includes(manifest));
        const paths = named.filter((path) => path !== manifest);
        assert.equal(paths.length, 5);
        for (const path of paths) {
            const plain = await get(path);
            assert.equal(plain.status, 200, path);
            assert.match(plain.headers['cache-control'], /max-age=31536000, immutable/);
            assert.equal(plain.headers['access-control-allow-origin'], '*');
            assert.equal(plain.headers['x-content-type-options'], 'nosniff');
            assert.match(plain.headers['content-type'],
                /^(text\/(javascript|css)|image\/svg\+xml); charset=utf-8$|^image\/png$/);
        }
        const script = paths.find((path) => path.endsWith('.js'));
        const compressed = await get(script, { 'accept-encoding': 'gzip' });
        assert.equal(compressed.headers['content-encoding'], 'gzip');
        assert.equal(compressed.headers.vary, 'Accept-Encoding');
        const file = join(WWW, script);
        assert.equal(Number(compressed.headers['content-length']), readFileSync(`${file}.gz`).length);
        assert.deepEqual(gunzipSync(readFileSync(`${file}.gz`)), readFileSync(file));
    });

    it('what makes it an application is asked for anew, and names its icons', async () => {
        const manifest = await get('/messagerie/manifest.webmanifest');
        assert.equal(manifest.headers['cache-control'], 'no-cache');
        assert.match(manifest.headers['content-type'], /^application\/manifest\+json/);
        const { start_url: start, scope, icons } = JSON.parse(manifest.text);
        assert.deepEqual([start, scope], ['/messagerie/', '/messagerie/']);
        for (const { src } of icons)
            assert.match((await get(src)).headers['cache-control'], /immutable/);
    });

    it('the module of a stable name leads to the current one, also for other hosts', async () => {
        const script = pathsIn((await get('/')).text).find((path) => path.endsWith('.js'));
        for (const path of ['/messagerie/messagerie.js', '/messagerie.js']) {
            const module = await get(path);
            assert.equal(module.status, 200);
            assert.deepEqual(pathsIn(module.text), [script]);
            assert.equal(module.headers['cache-control'], 'no-cache');
            assert.equal(module.headers['access-control-allow-origin'], '*');
            assert.equal(module.headers['cross-origin-resource-policy'], 'cross-origin');
        }
    });

    it('what is not there is 404, and nothing takes a body', async () => {
        for (const path of ['/messagerie/nothing.js', '/messagerie/nothing-0123456789ab.js',
            '/messagerie/..%2fx', '/demo/people.json', '/index.html']) {
            const response = await get(path);
            assert.ok([400, 404].includes(response.status), path);
            assert.equal(response.body.statusCode, response.status);
            assert.doesNotMatch(response.headers['cache-control'] ?? '', /immutable/);
        }
        assert.equal((await get('/messagerie/', {}, 'POST')).status, 405);
    });

    it('building again gives the same bytes', async () => {
        const output = join(folder, 'www');
        await run('node', [join(SOURCE, 'page/build.mjs'), join(BUILD, 'page-packages'), output]);
        const names = readdirSync(FILES).sort();
        assert.deepEqual(readdirSync(join(output, 'messagerie')).sort(), names);
        for (const name of names)
            assert.deepEqual(readFileSync(join(output, 'messagerie', name)),
                readFileSync(join(FILES, name)), name);
    });

    it('the licence of every package that is bundled goes with it', async () => {
        const { text } = await get('/messagerie/licences.txt');
        for (const name of ['socket.io-client', 'engine.io-client', 'socket.io-parser',
            'engine.io-parser', '@socket.io/component-emitter'])
            assert.match(text, new RegExp(`^${name.replaceAll('.', '\\.')} \\d`, 'm'));
    });
});

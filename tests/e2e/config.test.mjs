// `messagerie config`: what the programs take a key for, and where it comes from.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { BUILD } from './harness/project.mjs';

describe('messagerie config', () => {
    let folder;
    let file;

    before(() => {
        folder = mkdtempSync(join(tmpdir(), 'config-'));
        file = join(folder, 'messagerie.conf');
        writeFileSync(file, '[fastcgi]\nthreads = 4\n[auth]\njwt_secret = geheim\n');
    });
    after(() => rmSync(folder, { recursive: true }));

    /** Gives {code, stdout, stderr}. */
    const ask = (words, environment = {}) => new Promise((resolve) => {
        execFile(join(BUILD, 'messagerie'), ['--config', file, 'config', ...words],
            { env: environment }, (error, stdout, stderr) =>
                resolve({ code: error?.code ?? 0, stdout, stderr }));
    });

    it('says what the file, the environment and the default say', async () => {
        for (const [key, environment, value, origin] of [
            ['fastcgi.threads', {}, '4', `${file}:2`],
            ['fastcgi.threads', { MESSAGERIE_FASTCGI_THREADS: '5' }, '5', 'MESSAGERIE_FASTCGI_THREADS'],
            ['server.port', {}, '8080', 'default'],
            ['server.port', { PORT: '81' }, '81', 'PORT'],
            ['http.frontend_url', { FRONTEND_URL: 'https://A.example/page,https://b.example' },
                'https://a.example, https://b.example', 'FRONTEND_URL'],
            ['auth.jwt_secret', {}, 'geheim', `${file}:4`],
        ]) {
            assert.deepEqual(await ask(['get', key], environment),
                { code: 0, stdout: `${value}\n`, stderr: '' });
            assert.deepEqual(await ask(['origin', key], environment),
                { code: 0, stdout: `${origin}\n`, stderr: '' });
        }
    });

    it('names the nearest key for one that is unknown', async () => {
        const { code, stdout, stderr } = await ask(['get', 'fastcgi.thread']);
        assert.deepEqual([code, stdout], [2, '']);
        assert.match(stderr, /unknown key "fastcgi\.thread"; did you mean "fastcgi\.threads"\?/);
        assert.equal((await ask(['set', 'fastcgi.threads'])).code, 2);
        assert.equal((await ask(['get'])).code, 2);
    });

    it('is checked with what it meets here, which is only warned of', async () => {
        chmodSync(folder, 0o755);
        const { code, stdout, stderr } = await new Promise((resolve) => {
            execFile(join(BUILD, 'messagerie'), ['--config', file, 'check-config'], {
                env: {
                    MESSAGERIE_DATABASE_PATH: join(folder, 'missing', 'messagerie.db'),
                    MESSAGERIE_BROKER_INTERNAL_LISTEN: '0.0.0.0:8091',
                },
            }, (error, out, err) => resolve({ code: error?.code ?? 0, stdout: out, stderr: err }));
        });
        assert.deepEqual([code, stdout], [0, `${file}: ok\n`]);
        for (const expected of [
            `warning: ${file}: the secret can be read by every user of this machine`,
            `warning: database.path: the folder ${join(folder, 'missing')}: No such file`,
            'warning: broker.internal_listen: 0.0.0.0:8091 offers metrics to everybody',
        ])
            assert.ok(stderr.includes(expected), `${expected} in ${stderr}`);
        assert.ok(!stderr.includes('geheim'));
    });

    it('by which all clients would count as one address is refused, by each program', async () => {
        const environment = { MESSAGERIE_BROKER_LISTEN: `unix:${folder}/broker.sock`,
            MESSAGERIE_BROKER_TRUSTED_PROXIES: '127.0.0.1' };
        for (const words of [['messagerie', '--config', file, 'check-config'],
            ['messagerie-broker', '--config', file], ['messages.fcgi', '--config', file]]) {
            const { code, output } = await new Promise((resolve) => {
                execFile(join(BUILD, words[0]), words.slice(1), { env: environment },
                    (error, out, err) => resolve({ code: error?.code ?? 0, output: out + err }));
            });
            assert.notEqual(code, 0);
            assert.match(output, /needs unix among trusted_proxies: .*all clients would count as one/);
        }
    });

    it('tells what is wrong with a file as the programs do', async () => {
        const { code, stdout, stderr } = await ask(['get', 'server.port'], { PORT: 'harbour' });
        assert.deepEqual([code, stdout], [1, '']);
        assert.match(stderr, /PORT: port in \[server\] must be a whole number/);
    });
});

// What `./bootstrap run` promises, with real processes: it starts everything, keeps it running,
// shares nothing, and leaves nothing behind.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync }
    from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { until } from './harness/conditions.mjs';
import { freePort, sendRequest } from './harness/http.mjs';
import { childrenOf, processesNaming, Program } from './harness/program.mjs';
import { BUILD, SOURCE } from './harness/project.mjs';
import { signClaims, usualClaims } from './harness/token.mjs';

const RESTART_LIMIT_MS = 2_000;
const SECRET = 'a secret of the environment, long enough for HS256';

let folder;
let data;
let started;

beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bootstrap-'));
    data = join(folder, 'data');
    started = [];
});

afterEach(async () => {
    try {
        for (const bootstrap of started)
            await bootstrap.stop('SIGTERM');
    } finally {
        for (const line of processesNaming(folder))
            process.kill(Number.parseInt(line), 'SIGKILL');
        rmSync(folder, { recursive: true, force: true });
    }
});

function makeRun(port, { environment = {}, args = [] } = {}) {
    const bootstrap = new Program({
        name: 'bootstrap',
        command: [join(SOURCE, 'bootstrap'), 'run', '--port', String(port), '--data', data, ...args],
        environment: { MESSAGERIE_BUILD: BUILD, ...environment },
    });
    started.push(bootstrap);
    return bootstrap;
}

async function startRun(port, options) {
    const bootstrap = makeRun(port, options);
    await bootstrap.start(() =>
        bootstrap.log.includes(`\nmessagerie is ready on http://127.0.0.1:${port}/\n`));
    return bootstrap;
}

/** Starts one that must refuse to run, and gives it after it has ended. */
async function refusedRun(port, options) {
    const bootstrap = makeRun(port, options);
    await assert.rejects(bootstrap.start(() => bootstrap.log.includes('messagerie is ready')),
        /ended at start/);
    return bootstrap;
}

// The names of the processes, as the kernel cuts them off.
const PROGRAMS = ['appointments.fc', 'conversations.f', 'messages.fcgi', 'messagerie-brok', 'nginx'];

function programPids(bootstrap) {
    const children = childrenOf(bootstrap.pid);
    return PROGRAMS.map((name) => children[name]);
}

const statusOf = async (port, path, token) =>
    (await sendRequest({ port, path, token })).status;

async function answers(port) {
    for (const program of ['appointments', 'conversations', 'messages'])
        if (await statusOf(port, `/messaging/${program}`) !== 401)
            return false;
    const handshake = await sendRequest({ port, path: '/socket.io/?EIO=4&transport=polling' });
    return handshake.text.startsWith('0{"sid":');
}

function socketsAndPidFiles() {
    const found = [];
    const look = (path) => {
        for (const entry of readdirSync(path, { withFileTypes: true })) {
            const inner = join(path, entry.name);
            if (entry.isDirectory())
                look(inner);
            else if (entry.isSocket() || entry.name.endsWith('.pid'))
                found.push(inner);
        }
    };
    look(data);
    return found;
}

function assertNothingLeft() {
    assert.deepEqual(processesNaming(folder), []);
    assert.deepEqual(socketsAndPidFiles(), []);
}

function adminTool(...args) {
    const tool = new Program({ name: 'messagerie', command: [join(data, 'messagerie'), ...args] });
    return tool.start(() => false).catch(() => {}).then(() => {
        assert.equal(tool.exit.code, 0, tool.log);
        return tool.log.trim();
    });
}

test('run serves with a secret of its own, and SIGTERM leaves nothing but the data', async () => {
    const port = await freePort();
    const first = await startRun(port);
    const secretFile = join(data, 'jwt-secret');
    const secret = readFileSync(secretFile, 'utf8');
    assert.equal(statSync(secretFile).mode & 0o777, 0o600);
    assert.match(secret, /^[0-9a-f]{64}$/);
    assert.ok(!first.log.includes(secret), 'the secret must not be shown');
    assert.ok(first.log.includes(secretFile), 'the path of the secret must be shown');
    assert.equal(statSync(join(data, 'messagerie.db')).mode & 0o077, 0);

    assert.ok(await answers(port));
    const token = await adminTool('token', 'salon-1', '--role', 'salon');
    assert.equal(await statusOf(port, '/messaging/conversations', token), 200);

    assert.deepEqual(await first.stop('SIGTERM'), { code: 0, signal: null });
    assertNothingLeft();

    await startRun(port);
    assert.equal(readFileSync(secretFile, 'utf8'), secret);
    assert.equal(await statusOf(port, '/messaging/conversations', token), 200);
});

test('SIGINT stops it like SIGTERM', async () => {
    const bootstrap = await startRun(await freePort());
    assert.deepEqual(await bootstrap.stop('SIGINT'), { code: 0, signal: null });
    assertNothingLeft();
});

test('a second start on the same data or the same port says so', async () => {
    const port = await freePort();
    const first = await startRun(port);

    const sameData = await refusedRun(await freePort());
    assert.equal(sameData.exit.code, 1);
    assert.ok(sameData.log.includes(`another ./bootstrap run (process ${first.pid}) is using ${data}`),
        sameData.log);

    data = join(folder, 'other');
    const samePort = await refusedRun(port);
    assert.equal(samePort.exit.code, 1);
    assert.ok(samePort.log.includes(`something is listening on port ${port} already`), samePort.log);

    assert.ok(await answers(port), 'the first one must not have noticed');
    assert.ok(first.isRunning);
    data = join(folder, 'data');
});

test('a program that was killed is started again within 2 s', async () => {
    const port = await freePort();
    const bootstrap = await startRun(port);
    for (const index of PROGRAMS.keys()) {
        const victim = programPids(bootstrap)[index];
        process.kill(victim, 'SIGKILL');
        await until(`${PROGRAMS[index]} runs again`, () => {
            const pid = programPids(bootstrap)[index];
            return pid !== undefined && pid !== victim;
        }, RESTART_LIMIT_MS);
        await until('everything answers', () => answers(port));
    }
});

test('a program that keeps ending is started less often, and it says so', async () => {
    const port = await freePort();
    const bootstrap = await startRun(port);
    const index = PROGRAMS.indexOf('messages.fcgi');
    while (!bootstrap.log.includes('it keeps ending')) {
        const victim = await until('messages runs', () => programPids(bootstrap)[index]);
        process.kill(victim, 'SIGKILL');
        await until('its end is noticed', () => programPids(bootstrap)[index] !== victim);
        assert.ok(bootstrap.log.split('starting it again').length <= 4, bootstrap.log);
    }
    await until('everything answers', () => answers(port));
});

test('after kill -9 of bootstrap its programs end, and the next start works', async () => {
    const port = await freePort();
    const bootstrap = await startRun(port);
    await bootstrap.kill();
    await until('its programs have ended', () => processesNaming(folder).length === 0);
    await startRun(port);
    assert.ok(await answers(port));
});

test('what a killed run left behind is ended by the next start', async () => {
    const port = await freePort();
    const bootstrap = await startRun(port);
    const nginx = programPids(bootstrap)[PROGRAMS.indexOf('nginx')];
    // Stopped, so that it cannot start nginx again; nginx's workers outlive both.
    bootstrap.signal('SIGSTOP');
    process.kill(nginx, 'SIGKILL');
    bootstrap.signal('SIGKILL');
    await until('bootstrap is gone', () => !existsSync(`/proc/${bootstrap.pid}`));
    assert.notDeepEqual(processesNaming(folder), []);

    const next = await startRun(port);
    assert.ok(next.log.includes('ending what it left behind'), next.log);
    assert.ok(await answers(port));
    await next.stop();
    assertNothingLeft();
});

test('JWT_SECRET of the environment is used, and none is made', async () => {
    const port = await freePort();
    await startRun(port, { environment: { JWT_SECRET: SECRET } });
    const token = signClaims(usualClaims('salon-1', 'salon'), SECRET);
    assert.equal(await statusOf(port, '/messaging/conversations', token), 200);
    assert.ok(!existsSync(join(data, 'jwt-secret')));
});

test('--config is used as the programs read it: its secret, its database, its allowed origins', async () => {
    const port = await freePort();
    const config = join(folder, 'messagerie.conf');
    const database = join(folder, 'elsewhere.db');
    writeFileSync(config, `\ufeff[auth]\r\njwt_secret : ${SECRET} ; a comment\r\n`
        + `[database]\r\n  path=${database}\r\n[http]\r\nfrontend_url = https://Salon.example/\r\n`);
    const bootstrap = await startRun(port, { args: ['--config', config] });
    assert.ok(!bootstrap.log.includes(SECRET));
    assert.ok(!existsSync(join(data, 'jwt-secret')));
    assert.ok(existsSync(database));
    const token = signClaims(usualClaims('salon-1', 'salon'), SECRET);
    assert.equal(await statusOf(port, '/messaging/conversations', token), 200);
    for (const path of ['/messaging/conversations', '/nothing-here']) {
        const response = await sendRequest({ port, path, headers: { origin: 'https://salon.example' } });
        assert.equal(response.headers['access-control-allow-origin'], 'https://salon.example', path);
    }
});

test('without --port the configuration says where to listen', async () => {
    const port = await freePort();
    const config = join(folder, 'messagerie.conf');
    writeFileSync(config, `[server]\nport = ${port}\n`);
    const bootstrap = new Program({
        name: 'bootstrap',
        command: [join(SOURCE, 'bootstrap'), 'run', '--data', data, '--config', config],
        environment: { MESSAGERIE_BUILD: BUILD },
    });
    started.push(bootstrap);
    await bootstrap.start(() =>
        bootstrap.log.includes(`\nmessagerie is ready on http://127.0.0.1:${port}/\n`));
    assert.ok(await answers(port));
});

test('a bad configuration is told in the words of the program, and nothing stays', async () => {
    const config = join(folder, 'messagerie.conf');
    writeFileSync(config, '[fastcgi]\nthread = 4\n');
    const bootstrap = await refusedRun(await freePort(), { args: ['--config', config] });
    assert.equal(bootstrap.exit.code, 1);
    assert.ok(bootstrap.log.includes(`${config}:2: `), bootstrap.log);
    assertNothingLeft();
});

test('a data directory too deep for a unix socket is refused with the reason', async () => {
    data = join(folder, 'd'.repeat(100));
    const bootstrap = await refusedRun(await freePort());
    assert.equal(bootstrap.exit.code, 1);
    assert.match(bootstrap.log, /unix socket is limited to 107 bytes/);
});

test('a data directory may have blanks and accents in its name', async () => {
    data = join(folder, "l'été à la plage");
    const port = await freePort();
    await startRun(port);
    assert.ok(await answers(port));
    assert.match(await adminTool('stats', '--json'), /^\{/);
});

// What `./bootstrap run` promises, with real processes: it starts everything, keeps it running,
// shares nothing, and leaves nothing behind.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync,
    readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { until } from './harness/conditions.mjs';
import { freePort, isListening, sendRequest } from './harness/http.mjs';
import { childrenOf, processesNaming, Program, readIfThere } from './harness/program.mjs';
import { BUILD, SOURCE } from './harness/project.mjs';
import { signClaims, usualClaims } from './harness/token.mjs';
import { UnreadPipe } from './harness/unread-pipe.mjs';

const SECRET = 'a secret of the environment, long enough for HS256';

let folder;
let data;
let started;

beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bootstrap-'));
    data = join(folder, 'data');
    started = [];
    // Whom root hands everything over to can come in.
    chmodSync(folder, 0o755);
});

afterEach(async () => {
    try {
        for (const bootstrap of started)
            await bootstrap.stop('SIGTERM');
    } finally {
        for (const line of processesNaming(folder))
            process.kill(Number.parseInt(line), 'SIGKILL');
        if (existsSync(data) && !realpathSync(data).startsWith(realpathSync(folder)))
            rmSync(dirname(realpathSync(data)), { recursive: true, force: true });
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

test('a program that was killed is started again at once', async () => {
    const port = await freePort();
    const bootstrap = await startRun(port);
    for (const index of PROGRAMS.keys()) {
        const victim = programPids(bootstrap)[index];
        process.kill(victim, 'SIGKILL');
        await until(`${PROGRAMS[index]} runs again`, () => {
            const pid = programPids(bootstrap)[index];
            return pid !== undefined && pid !== victim;
        });
        await until('everything answers', () => answers(port));
    }
    assert.equal(bootstrap.log.split('starting it again').length - 1, PROGRAMS.length);
    assert.ok(!bootstrap.log.includes('next start in'), bootstrap.log);
});

test('it goes on, and stops in order, when the reader of its words has gone', async () => {
    const port = await freePort();
    const bootstrap = new Program({
        name: 'bootstrap',
        command: ['bash', '-c', 'exec > >(sed "/messagerie is ready/q" >/dev/null) 2>&1; exec "$0" "$@"',
            join(SOURCE, 'bootstrap'), 'run', '--port', `${port}`, '--data', data],
        environment: { MESSAGERIE_BUILD: BUILD },
    });
    started.push(bootstrap);
    await bootstrap.start(() => answers(port).catch(() => false));
    await until('the reader has gone', () => childrenOf(bootstrap.pid).sed === undefined);
    const index = PROGRAMS.indexOf('conversations.f');
    for (let i = 0; i < 2; i++) {
        const victim = await until('it runs', () => programPids(bootstrap)[index]);
        process.kill(victim, 'SIGKILL');
        await until('it is noticed', () => programPids(bootstrap)[index] !== victim);
    }
    await until('everything answers', () => answers(port));
    assert.equal((await bootstrap.stop('SIGTERM')).code, 0);
    assertNothingLeft();
});

test('nothing waits for a reader of its words who does not read', async () => {
    const port = await freePort();
    const words = join(folder, 'words');
    const pipe = new UnreadPipe(words);
    const bootstrap = new Program({
        name: 'bootstrap',
        command: ['bash', '-c', 'exec >"$0" 2>&1; exec "$@"', words,
            join(SOURCE, 'bootstrap'), 'run', '--port', `${port}`, '--data', data],
        environment: { MESSAGERIE_BUILD: BUILD },
    });
    started.push(bootstrap);
    await bootstrap.start(() => answers(port).catch(() => false));
    pipe.fill();
    // Each is a line of nginx's.
    for (let i = 0; i < 20; i++) {
        const { status } = await sendRequest({ port, method: 'POST', path: '/messaging/conversations',
            headers: { 'content-length': '3000000' } });
        assert.equal(status, 413);
    }
    assert.ok(await answers(port));
    assert.equal((await bootstrap.stop('SIGTERM')).code, 0);
    pipe.close();
    assertNothingLeft();
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
        + `[database]\r\n  path=${database}\r\n[http]\r\nfrontend_url = https://Salon.example/, app://localhost\r\n`);
    const bootstrap = await startRun(port, { args: ['--config', config] });
    assert.ok(!bootstrap.log.includes(SECRET));
    assert.ok(!existsSync(join(data, 'jwt-secret')));
    assert.ok(existsSync(database));
    const token = signClaims(usualClaims('salon-1', 'salon'), SECRET);
    assert.equal(await statusOf(port, '/messaging/conversations', token), 200);
    for (const path of ['/messaging/conversations', '/nothing-here'])
        for (const origin of ['https://salon.example', 'https://salon.example:443', 'app://localhost']) {
            const response = await sendRequest({ port, path, headers: { origin } });
            assert.equal(response.headers['access-control-allow-origin'], origin, path);
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

// ---- started by root ----

const asRoot = { skip: process.getuid() === 0 ? false : 'only root has something to hand over' };
const OWN_USER = 'messagerie';
const NOBODY = 65_534;

const uidOf = (user) => Number(execFileSync('id', ['-u', user], { encoding: 'utf8' }));

/** The process ids of a process and of all that come from it. */
function family(pid) {
    return [pid, ...Object.values(childrenOf(pid)).flatMap(family)];
}

/** All user ids (real, effective, saved, of files) that a process and its descendants have. */
function usersOf(pid) {
    const ids = family(pid).flatMap((member) =>
        /^Uid:\s+(.*)$/m.exec(readIfThere(`/proc/${member}/status`))?.[1].split('\t') ?? []);
    return [...new Set(ids.map(Number))];
}

/** The paths in and under a folder that belong to a user. */
const ownedBy = (user, path) =>
    execFileSync('find', [`${path}/`, '-user', user], { encoding: 'utf8' }).split('\n').filter(Boolean);

/** Somebody's only conversation is still there. */
async function assertKept(port, token) {
    const response = await sendRequest({ port, path: '/messaging/conversations', token });
    assert.deepEqual(response.body.data.map(({ subject }) => subject), ['gardée']);
}

/** Makes a salon's conversation; gives the salon's token. */
async function converse(port) {
    await adminTool('user', 'set', 'client-1', '--role', 'client');
    const token = await adminTool('token', 'salon-1', '--role', 'salon');
    const { status, text } = await sendRequest({ port, path: '/messaging/conversations', token,
        method: 'POST', body: { clientUserId: 'client-1', subject: 'gardée' } });
    assert.equal(status, 201, text);
    return token;
}

/** What is left when root ran everything: its files, and those of the nginx of then. */
function makeItRoots(path) {
    execFileSync('chown', ['-R', 'root:root', `${path}/`]);
    const temporary = join(path, 'nginx', 'proxy_temp');
    mkdirSync(temporary, { recursive: true });
    chownSync(temporary, uidOf('www-data'), uidOf('www-data'));
}

test('started by root, it runs nothing as root and leaves nothing of root\'s', asRoot, async () => {
    const port = await freePort();
    const bootstrap = await startRun(port);
    assert.ok(family(bootstrap.pid).length > PROGRAMS.length, 'nginx has workers, too');
    assert.deepEqual(usersOf(bootstrap.pid), [uidOf(OWN_USER)]);
    const token = await converse(port);
    assert.deepEqual(ownedBy('root', data), []);

    await bootstrap.stop();
    assertNothingLeft();
    // The tool writes though nobody else has the database open.
    await adminTool('user', 'set', 'client-2', '--role', 'client');
    await adminTool('migrate');
    assert.deepEqual(ownedBy('root', data), []);
    await startRun(port);
    await assertKept(port, token);
});

test('a data folder that root has filled is handed over, and keeps what it has', asRoot, async () => {
    const port = await freePort();
    const first = await startRun(port);
    const token = await converse(port);
    await first.stop();
    makeItRoots(data);
    writeFileSync(join(data, 'a-file-of-root'), '');

    const second = await startRun(port);
    assert.deepEqual(usersOf(second.pid), [uidOf(OWN_USER)]);
    await assertKept(port, token);
    assert.deepEqual(ownedBy('root', data), [join(data, 'a-file-of-root')]);
});

test('a data folder out of reach is moved, and a link leads there', asRoot, async () => {
    const port = await freePort();
    const first = await startRun(port);
    const token = await converse(port);
    await first.stop();
    makeItRoots(data);
    chmodSync(folder, 0o700);

    const second = await startRun(port);
    assert.ok(second.log.includes(`${data} is in ${realpathSync(data)} now`), second.log);
    assert.deepEqual(usersOf(second.pid), [uidOf(OWN_USER)]);
    await assertKept(port, token);
    assert.ok(lstatSync(data).isSymbolicLink());
    assert.deepEqual(readdirSync(folder), ['data']);
    assert.deepEqual(ownedBy('root', data), []);
    await adminTool('user', 'set', 'client-2', '--role', 'client');

    const place = realpathSync(data);
    const again = await refusedRun(await freePort());
    assert.ok(again.log.includes(`another ./bootstrap run (process ${second.pid}) is using ${data}`),
        again.log);
    await second.stop();
    await startRun(port);
    await assertKept(port, token);
    assert.equal(realpathSync(data), place);
});

test('a move that was broken off is done again', asRoot, async () => {
    const port = await freePort();
    const first = await startRun(port);
    const token = await converse(port);
    await first.stop();
    makeItRoots(data);
    execFileSync('mv', [data, `${data}.moved`]);
    chmodSync(folder, 0o700);
    await startRun(port);
    await assertKept(port, token);
    assert.deepEqual(readdirSync(folder), ['data']);
});

test('a database, configuration and build out of reach are brought to where they can be read',
    asRoot, async () => {
        const port = await freePort();
        const closed = join(folder, 'closed');
        mkdirSync(closed, { mode: 0o700 });
        const config = join(closed, 'messagerie.conf');
        const database = join(closed, 'elsewhere.db');
        const build = join(closed, 'build');
        cpSync(BUILD, build, { recursive: true, preserveTimestamps: true });
        const options = { args: ['--config', config], environment: { MESSAGERIE_BUILD: build } };
        writeFileSync(config, `[auth]\njwt_secret = ${SECRET}\n`, { mode: 0o600 });
        const first = await startRun(port, options);
        assert.deepEqual(usersOf(first.pid), [uidOf(OWN_USER)]);
        const token = await converse(port);
        await first.stop();

        // As if root had run it on a database of its own.
        execFileSync('mv', [join(data, 'messagerie.db'), database]);
        chownSync(database, 0, 0);
        writeFileSync(config, `[auth]\njwt_secret = ${SECRET}\n[database]\npath = ${database}\n`);
        for (let start = 1; start <= 2; start++) {
            const bootstrap = await startRun(port, options);
            assert.deepEqual(usersOf(bootstrap.pid), [uidOf(OWN_USER)]);
            await assertKept(port, token);
            assert.equal(realpathSync(database), join(data, 'elsewhere.db'));
            assert.deepEqual(ownedBy('root', data), []);
            await bootstrap.stop();
        }
    });

test('a data folder of somebody else\'s stays theirs, and everything runs as they', asRoot, async () => {
    const port = await freePort();
    mkdirSync(data);
    chownSync(data, NOBODY, NOBODY);
    const bootstrap = await startRun(port);
    assert.deepEqual(usersOf(bootstrap.pid), [NOBODY]);
    assert.ok(await answers(port));
    assert.deepEqual(ownedBy('root', data), []);
});

test('a folder with other things in it is not given away', asRoot, async () => {
    mkdirSync(join(data, 'holidays'), { recursive: true });
    const bootstrap = await refusedRun(await freePort());
    assert.match(bootstrap.log, /for messagerie alone/);
    assert.equal(statSync(data).uid, 0);
});

test('a second name of somebody else\'s file is not given away', asRoot, async () => {
    const file = join(folder, 'file-of-root');
    mkdirSync(data);
    writeFileSync(file, 'what root knows', { mode: 0o600 });
    execFileSync('ln', [file, join(data, 'jwt-secret')]);
    await refusedRun(await freePort());
    assert.equal(statSync(file).uid, 0);
});

test('root\'s nginx may listen below 1024, without root', asRoot, async () => {
    const isFree = async (port) => !(await isListening(port));
    let port = 700;
    while (!await isFree(port))
        port++;
    const bootstrap = await startRun(port);
    assert.deepEqual(usersOf(bootstrap.pid), [uidOf(OWN_USER)]);
    assert.ok(await answers(port));
    const { nginx, 'messagerie-brok': broker } = childrenOf(bootstrap.pid);
    const capabilities = (pid) =>
        /^CapEff:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1].replace(/^0+/, '');
    assert.deepEqual([nginx, broker].map(capabilities), ['400', '']);
});

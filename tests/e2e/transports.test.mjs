// Where a program's connections come from, how it ends, and how it reads its configuration again.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { until } from './harness/conditions.mjs';
import { FastcgiConnection } from './harness/fastcgi.mjs';
import { isListening } from './harness/http.mjs';
import { CONVERSATIONS, messagesPath } from './harness/paths.mjs';
import { bodyOf, openConversation } from './harness/people.mjs';
import { Program } from './harness/program.mjs';
import { BUILD } from './harness/project.mjs';
import { describeStack, ORIGINS } from './harness/stack.mjs';
import { signClaims, usualClaims } from './harness/token.mjs';

const STOPPED = { code: 0, signal: null };

// Gives its listening descriptor 0 on as systemd does, as number 3.
const LIKE_SYSTEMD = 'exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0"';
// The same, and starts the program again whenever it ends, until it is told to stop itself.
const SUPERVISOR = `exec 3<&0 </dev/null
trap 'is_over=yes; kill -TERM $child' TERM
while [ -z "$is_over" ]; do
    sh -c 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0"' "$0" &
    child=$!
    echo "child $child" >&2
    wait $child
done
wait $child`;

/** A `command` option: spawn-fcgi makes the socket, and runs the program behind these words. */
const throughSpawnFcgi = (...words) => (file, socket) =>
    ['spawn-fcgi', '-n', '-M', '0660', '-s', socket, '--', ...words, file];

/** The program holds the writers' lock: it is about to write, if only to tidy up. */
function isWriting({ pid }, database) {
    const { ino } = statSync(`${database.path}.lock`);
    return readdirSync(`/proc/${pid}/fdinfo`).some((descriptor) =>
        readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, 'utf8').split('\n').some((line) =>
            line.startsWith('lock:') && line.includes('OFDLCK') && line.includes(`:${ino} `)));
}

for (const [what, command] of [
    ['descriptor 0 (spawn-fcgi)', throughSpawnFcgi()],
    ['LISTEN_FDS (systemd)', throughSpawnFcgi('/bin/sh', '-c', LIKE_SYSTEMD)],
])
    describeStack(`listening on ${what}`, { front: 'nginx', command }, ({ stack, test }) => {
        test('requests are answered, the configured sockets not used', async () => {
            const { salon, client } = await stack.salonAndClient();
            const { id } = await openConversation(salon, client);
            bodyOf(await salon.get(messagesPath(id)));
            await until('the program says where it listens', () =>
                stack.programs.messages.log.includes('socket=inherited'));
        });

        test('the socket is the supervisor\'s: it stays at the end', async () => {
            const { messages } = stack.programs;
            assert.deepEqual(await messages.stop(), STOPPED);
            assert.ok(existsSync(stack.socketOf(messages)));
        });
    });

describeStack('a program whose socket a supervisor holds', {
    front: 'nginx',
    command: throughSpawnFcgi('/bin/sh', '-c', SUPERVISOR),
}, ({ stack, test }) => {
    test('loses no request when it is restarted under load', async () => {
        const RESTARTS = 8;
        const salon = await stack.knownPerson('salon');
        const supervisor = stack.programs.conversations;
        const children = () =>
            [...supervisor.log.matchAll(/^child (\d+)$/gm)].map(([, pid]) => Number(pid));
        const readyCount = () => supervisor.log.split('msg="ready"').length - 1;
        let answered = 0;
        let isOver = false;

        async function call() {
            while (!isOver) {
                bodyOf(await salon.get(CONVERSATIONS));
                answered++;
            }
        }

        async function restart() {
            for (let count = 1; count <= RESTARTS + 1 && !isOver; count++) {
                await until('it is ready', () => isOver || readyCount() >= count);
                const before = answered;
                await until('it has answered', () => isOver || answered > before + 100);
                if (count <= RESTARTS)
                    process.kill(children().at(-1), 'SIGTERM');
            }
        }

        const over = () => { isOver = true; };
        await Promise.all([restart().finally(over), ...Array.from({ length: 8 }, () =>
            call().finally(over))]);
        assert.equal(children().length, RESTARTS + 1);
    });
});

describeStack('a socket of one\'s own', {
    front: 'nginx', config: { database: { busy_timeout_ms: 60_000 } },
}, ({ stack, test }) => {
    const secondProgram = (options = {}) => new Program({
        name: 'a second one',
        command: [join(BUILD, 'messages.fcgi'), ...(options.args ?? [])],
        environment: { MESSAGERIE_CONFIG: stack.configuration, ...options.environment },
    });

    test('has mode 0660', async () => {
        for (const program of Object.values(stack.programs))
            assert.equal(statSync(stack.socketOf(program)).mode & 0o777, 0o660);
    });

    test('is not taken away by a second start, which says why it gives up', async () => {
        const second = secondProgram();
        await assert.rejects(second.start(() => false), /ended at start/);
        assert.equal(second.exit.code, 1);
        assert.ok(second.log.includes(stack.socketOf(stack.programs.messages)), second.log);
        await stack.knownPerson('salon');
    });

    test('is used when LISTEN_FDS is meant for another process', async () => {
        const path = join(stack.folder, 'second.sock');
        const second = secondProgram({
            args: ['--socket', path], environment: { LISTEN_FDS: '1', LISTEN_PID: '1' },
        });
        await second.start(() => isListening(path));
        assert.deepEqual(await second.stop(), STOPPED);
        assert.ok(!existsSync(path));
    });

    test('replaces what a killed program left behind, and is gone at the end', async () => {
        const { messages } = stack.programs;
        await messages.kill();
        assert.ok(existsSync(stack.socketOf(messages)));
        await stack.startProgram(messages);
        assert.deepEqual(await messages.stop(), STOPPED);
        assert.ok(!existsSync(stack.socketOf(messages)));
        await stack.startProgram(messages);
    });

    test('SIGINT ends a program like SIGTERM', async () => {
        const { messages } = stack.programs;
        assert.deepEqual(await messages.stop('SIGINT'), STOPPED);
        await stack.startProgram(messages);
    });

    test('idle connections don\'t hold up the end', async () => {
        const { messages } = stack.programs;
        const { token } = await stack.knownPerson('salon');
        const connections = await Promise.all(Array.from({ length: 10 }, () =>
            FastcgiConnection.open(stack.socketOf(messages))));
        await connections[0].request({ path: CONVERSATIONS, token });
        assert.deepEqual(await messages.stop(), STOPPED);
        await Promise.all(connections.map(({ closed }) => closed));
        await stack.startProgram(messages);
    });

    /** Stops the program while five messages are sent to it; gives the keys of those that were answered. */
    async function stopAmid({ salon, id }, name) {
        const { messages } = stack.programs;
        const posts = await stack.database.whileLocked(async () => {
            const underWay = Array.from({ length: 5 }, (_, index) => salon.post(messagesPath(id),
                { content: 'en vol', clientMessageId: `${name}-${index}` }));
            await until('the program is writing', () => isWriting(messages, stack.database));
            const logged = messages.log.length;
            messages.signal('SIGTERM');
            await until('it stops', () => messages.log.slice(logged).includes('msg="stopping"'));
            return underWay;
        });
        const responses = await Promise.all(posts);
        assert.deepEqual(await messages.stop(), STOPPED);
        await stack.startProgram(messages);
        // A request that had not been accepted yet may be told to come again.
        return responses.flatMap(({ status }, index) => {
            assert.ok(status === 201 || status === 503, `${status}`);
            return status === 201 ? [`${name}-${index}`] : [];
        });
    }

    test('SIGTERM finishes what is in flight', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const answered = [];
        // What it was writing may have been something of its own.
        for (let i = 0; answered.length === 0; i++) {
            assert.ok(i < 50, 'nothing was ever in flight');
            answered.push(...await stopAmid({ salon, id }, i));
        }
        const stored = (await stack.database.sql(
            `SELECT client_message_id AS key FROM messages WHERE conversation_id = '${id}'`));
        assert.deepEqual(stored.map(({ key }) => key).sort(), answered);
    });

    test('SIGHUP reads the configuration again', async () => {
        const secret = 'another secret, also long enough for HS256';
        const salon = await stack.knownPerson('salon');
        const newToken = signClaims(usualClaims(salon.id, salon.role), secret);
        const ask = (token, origin) => salon.get(CONVERSATIONS, { token, headers: { origin } });
        assert.equal((await ask(newToken, ORIGINS[0])).status, 401);

        stack.configure({
            auth: { jwt_secret: secret },
            http: { frontend_url: 'https://new.example' },
        });
        stack.programs.conversations.signal('SIGHUP');
        const response = await until('the new secret counts', async () => {
            const answer = await ask(newToken, 'https://new.example');
            return answer.status === 200 && answer;
        });
        assert.equal(response.headers['access-control-allow-origin'], 'https://new.example');
        const old = await ask(salon.token, ORIGINS[0]);
        assert.equal(old.status, 401);
        assert.ok(!('access-control-allow-origin' in old.headers));

        stack.configure();
        stack.programs.conversations.signal('SIGHUP');
        await until('the old secret counts again', async () =>
            (await ask(salon.token, ORIGINS[0])).status === 200);
    });

    test('SIGHUP with a bad file keeps the old configuration, and says why', async () => {
        const { conversations } = stack.programs;
        const salon = await stack.knownPerson('salon');
        for (const [changes, reason] of [
            [{ fastcgi: { thread: 4 } }, 'threads'],
            [{ auth: { jwt_secret: '' } }, 'JWT_SECRET'],
            [{ http: { frontend_url: 'https://new.example' }, log: { level: 'loud' } }, 'level'],
        ]) {
            const logged = conversations.log.length;
            stack.configure(changes);
            conversations.signal('SIGHUP');
            const line = await until('it is told', () =>
                conversations.log.slice(logged).split('\n')
                    .find((text) => text.includes('level=error')));
            assert.ok(line.includes(reason), line);
            const response = await salon.get(CONVERSATIONS, { headers: { origin: ORIGINS[0] } });
            bodyOf(response);
            assert.equal(response.headers['access-control-allow-origin'], ORIGINS[0]);
        }
        stack.configure();
    });
});

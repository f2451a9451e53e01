// Who reads the log may stop reading, or go: that ends and holds up nothing.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describeBroker } from './harness/broker.mjs';
import { until } from './harness/conditions.mjs';
import { FastcgiConnection } from './harness/fastcgi.mjs';
import { isListening, sendRequest } from './harness/http.mjs';
import { CONVERSATIONS } from './harness/paths.mjs';
import { BUILD } from './harness/project.mjs';
import { UnreadPipe } from './harness/unread-pipe.mjs';

const REQUESTS = 1200; // of which each is a line; a pipe holds 64 KiB
const PATH = '/socket.io/?EIO=4&transport=polling';

describeBroker('a log that nobody reads', {}, ({ stack, test }) => {
    /** Runs the program on the stack's database with that standard error, and ends it. */
    async function whileRunning(file, args, changes, stderr, isUp, act) {
        const configuration = join(stack.folder, `${file}.conf`);
        writeFileSync(configuration, [
            `[auth]\njwt_secret = ${stack.secret}\n[database]\npath = ${stack.database.path}\n`,
            `[bus]\nbrokers =\n[metrics]\nfolder =\n${changes}`,
        ].join(''));
        const child = spawn(join(BUILD, file), args, {
            stdio: ['ignore', 'ignore', stderr],
            env: { ...process.env, MESSAGERIE_CONFIG: configuration },
        });
        const ended = once(child, 'close');
        try {
            await until(`${file} is up`, () => isUp(child));
            await act(child);
            assert.equal(child.exitCode, null);
        } finally {
            child.kill('SIGTERM');
        }
        assert.deepEqual(await ended, [0, null]);
    }

    test('a REST program answers, and tells what was dropped when it is read again', async () => {
        const pipe = new UnreadPipe(join(stack.folder, 'rest.fifo'));
        const socket = join(stack.folder, 'unread.sock');
        const { token } = await stack.knownPerson('client');
        await whileRunning('conversations.fcgi', ['--socket', socket], '[log]\nlevel = debug\n',
            pipe.end, () => isListening(socket), async () => {
                const connection = await FastcgiConnection.open(socket);
                const ask = () => connection.request({ path: CONVERSATIONS, token });
                for (let i = 0; i < REQUESTS; i++)
                    assert.equal((await ask()).status, 200);
                pipe.read();
                await ask();
                const [, lines] = /lines of the log were dropped.* lines=(\d+)/.exec(pipe.read()) ?? [];
                assert.ok(Number(lines) > 0, lines);
                connection.close();
            });
        pipe.close();
    });

    test('the broker goes on', async () => {
        const pipe = new UnreadPipe(join(stack.folder, 'broker.fifo'));
        const socketPath = join(stack.folder, 'unread-broker.sock');
        const internal = join(stack.folder, 'unread-internal.sock');
        pipe.fill();
        await whileRunning('messagerie-broker', [],
            `[broker]\nlisten = unix:${socketPath}\ninternal_listen = unix:${internal}\n`
            + `bus_address = ipc://${join(stack.folder, 'unread-bus.ipc')}\n[log]\nlevel = debug\n`,
            pipe.end, () => isListening(socketPath), async () => {
                for (let i = 0; i < 20; i++)
                    assert.equal((await sendRequest({ socketPath, path: PATH, headers: {
                        origin: `https://${i}.example` } })).status, 403);
                assert.equal((await sendRequest({ socketPath, path: PATH })).status, 200);
            });
        pipe.close();
    });

    test('the spool outlives its reader', async () => {
        const folder = join(stack.folder, 'unread-spool');
        mkdirSync(folder);
        await whileRunning('messagerie', ['spool', folder], '', 'pipe',
            () => existsSync(join(folder, 'bad')), async (child) => {
                child.stderr.destroy();
                writeFileSync(join(folder, '1.json'), 'nonsense');
                writeFileSync(join(folder, '2.json'), JSON.stringify({
                    appointmentId: 'unread', salonId: 's', clientUserId: 'c', prestation: 'Coupe',
                    start: '2026-03-12T14:30:00+01:00', status: 'CONFIRMED', version: 1,
                }));
                await until('both are taken', () =>
                    !existsSync(join(folder, '1.json')) && !existsSync(join(folder, '2.json')));
            });
    });
});

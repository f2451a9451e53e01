// /readyz is true: 503 with the reason while clients can't be served, and 200 again by itself when
// they can. /metrics tells what the REST programs count, too.

import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { after, describe, it } from 'node:test';

import { describeBroker } from '../harness/broker.mjs';
import { until } from '../harness/conditions.mjs';
import { SmallDisk } from '../harness/disk.mjs';
import { CONVERSATIONS, conversationPath, messagesPath, UNKNOWN_ID } from '../harness/paths.mjs';
import { bodyOf, errorOf, openConversation, send } from '../harness/people.mjs';

const DISK_MEGABYTES = 4;

function makeChecks(stack) {
    const isReady = () => until('it is ready', async () => {
        const { status, text } = await stack.internal('/readyz');
        return status === 200 && text === 'ready\n';
    });
    const isNotReady = (reason) => until(`not ready: ${reason}`, async () => {
        const { status, text } = await stack.internal('/readyz');
        return status === 503 && reason.test(text);
    });
    return { isReady, isNotReady };
}

describeBroker('readiness', {}, ({ stack, test }) => {
    const { isReady, isNotReady } = makeChecks(stack);

    async function whileAway(path, reason) {
        await isReady();
        renameSync(path, `${path}.away`);
        try {
            await isNotReady(reason);
        } finally {
            renameSync(`${path}.away`, path);
        }
        await isReady();
    }

    // Who reads has the file still open.
    test('not while the database is away', () =>
        whileAway(stack.database.path, /^the database can't be written: .*unable to open/));

    test('not while the bus\'s socket is gone', () =>
        whileAway(`${stack.socketFolder}/bus.ipc`, /^the bus's socket is gone: .*bus\.ipc\n$/));

    test('not while the browsers\' socket is gone', () =>
        whileAway(stack.brokerSocket, /^the browsers' socket is gone: .*broker\.sock\n$/));

    test('not while somebody holds up all writers', async () => {
        await isReady();
        await stack.database.whileLocked(() =>
            isNotReady(/^the database can't be written: there is no answer yet\n$/));
        await isReady();
    });

    test('many who ask at once make the database work once', async () => {
        await isReady();
        const before = await stack.metric('database_operations_total');
        const answers = await Promise.all(Array.from({ length: 20 }, () =>
            stack.internal('/readyz')));
        assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
        const operations = await stack.metric('database_operations_total') - before;
        assert.ok(operations < answers.length, `${operations} operations`);
    });
});

const disk = SmallDisk.make(DISK_MEGABYTES);

if (disk === undefined)
    describe('readiness on a full disk', () => {
        it('is tested where one may mount', { skip: 'mounting is not allowed' });
    });
else {
    after(() => disk.remove());
    describeBroker('readiness on a full disk', { dataFolder: disk.folder }, ({ stack, test }) => {
        const { isReady, isNotReady } = makeChecks(stack);

        test('not while the disk is full', async () => {
            await isReady();
            disk.fill();
            await isNotReady(/the disk is full: the database has \d+ bytes left\n/);
            disk.empty();
            await isReady();
        });
    });
}

describeBroker('what the REST programs count', {}, ({ stack, test }) => {
    async function valueOf(line) {
        const { text } = await stack.internal('/metrics');
        const found = text.split('\n').find((one) => one.startsWith(`messagerie_rest_${line} `));
        return found === undefined ? 0 : Number(found.split(' ').at(-1));
    }
    const requests = (program, method, route, status) =>
        valueOf(`requests_total{program="${program}",method="${method}",route="${route}",status="${status}"}`);

    test('requests by route and status, durations, commits', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const route = '/messaging/conversations/:id/messages';
        const commits = await valueOf('database_commits_total{program="messages"}');
        const seen = await valueOf('request_seconds_count{program="messages"}');
        await send(salon, id);
        await send(salon, id);
        errorOf(await salon.post(messagesPath(id), {}), 400);
        bodyOf(await client.get(messagesPath(id)));
        errorOf(await stack.request({ path: messagesPath(id) }), 401);
        assert.equal(await valueOf('request_seconds_count{program="messages"}') - seen, 5);
        assert.equal(await requests('messages', 'POST', route, 201), 2);
        assert.equal(await requests('messages', 'POST', route, 400), 1);
        assert.equal(await requests('messages', '', '', 401), 1);
        assert.ok(await valueOf('database_commits_total{program="messages"}') - commits >= 2);
    });

    test('they count on when a program starts again, also after it was killed', async () => {
        const { conversations } = stack.programs;
        const client = await stack.knownPerson('client');
        const ask = async () => errorOf(await client.get(conversationPath(UNKNOWN_ID)), 404);
        await ask();
        const count = () => valueOf('request_seconds_count{program="conversations"}');
        const before = await count();
        await conversations.kill();
        assert.equal(await count(), before);
        await stack.startProgram(conversations);
        await ask();
        assert.equal(await count(), before + 1);
    });

    test('origins that are refused', async () => {
        const count = () => valueOf('origins_refused_total{program="conversations"}');
        const before = await count();
        for (const origin of ['https://elsewhere.example', stack.origins[0]])
            await stack.request({ path: CONVERSATIONS, headers: { origin } });
        assert.equal(await count(), before + 1);
    });
});

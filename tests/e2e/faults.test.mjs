// When the database cannot be used: a clear line in the log, 503 with Retry-After for the caller,
// nothing half-done, and everything is well again without a restart when the cause is gone.

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync }
    from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

import { until } from './harness/conditions.mjs';
import { SmallDisk } from './harness/disk.mjs';
import { conversationPath, CONVERSATIONS, messagesPath } from './harness/paths.mjs';
import { bodyOf, errorOf, openConversation, send } from './harness/people.mjs';
import { describeStack } from './harness/stack.mjs';

const DISK_MEGABYTES = 4;

function assertUnavailable(response) {
    errorOf(response, 503);
    assert.match(response.headers['retry-after'], /^[1-9]\d*$/);
}

/** What the tests do with any kind of broken database. */
function makeFaultChecks(stack) {
    async function talk() {
        const people = await stack.salonAndClient();
        const { id } = await openConversation(people.salon, people.client);
        await send(people.salon, id);
        return { ...people, id, path: messagesPath(id) };
    }

    /** Asserts that both programs refuse to write, and that the log says why. */
    async function assertRefused({ salon, path, client }, logged, reason) {
        for (const program of Object.values(stack.programs))
            assert.ok(program.isRunning, program.name);
        const responses = [
            await salon.post(path, { content: 'x' }),
            await salon.post(CONVERSATIONS, { clientUserId: client.id }),
        ];
        responses.forEach(assertUnavailable);
        const lines = stack.log.slice(logged).split('\n')
            .filter((line) => line.includes('level=error') && line.includes(stack.database.path));
        for (const name of ['conversations', 'messages'])
            assert.ok(lines.some((line) => line.includes(`program=${name}`) && reason.test(line)),
                stack.log.slice(logged));
    }

    async function assertRecovers({ salon, client, path }) {
        await until('a message is stored again', async () =>
            (await salon.post(path, { content: 'après la panne' })).status === 201);
        await until('a conversation is opened again', async () =>
            (await salon.post(CONVERSATIONS, { clientUserId: client.id })).status === 201);
        assert.deepEqual(await stack.database.findings(), []);
    }

    return { talk, assertRefused, assertRecovers };
}

// ---- a full disk, a read-only one ----

const disk = SmallDisk.make(DISK_MEGABYTES);

if (disk === undefined)
    describe('faults of a disk', () => {
        it('are tested where one may mount', { skip: 'mounting is not allowed' });
    });
else {
    after(() => disk.remove());

    describeStack('a full disk', { front: 'nginx', dataFolder: disk.folder }, ({ stack, test }) => {
        const { talk, assertRecovers } = makeFaultChecks(stack);
        let world;
        let acknowledged = [];

        const contents = async () => (await stack.database.sql(
            `SELECT content FROM messages WHERE conversation_id = '${world.id}' ORDER BY position`))
            .map(({ content }) => content);

        test('a message that finds no room is 503, with a clear line in the log', async () => {
            world = await talk();
            acknowledged = await contents();
            const logged = stack.log.length;
            disk.fill();
            const refused = await until('the disk is full', async () => {
                const content = `${acknowledged.length} ${'x'.repeat(9_000)}`;
                const response = await world.salon.post(world.path, { content });
                if (response.status !== 201)
                    return response;
                acknowledged.push(content);
                return undefined;
            });
            assertUnavailable(refused);
            assert.match(stack.log.slice(logged), /level=error program=messages .*full/);
        });

        test('nothing is half-done, nothing acknowledged is lost', async () => {
            assert.deepEqual(await contents(), acknowledged);
            assert.deepEqual(await stack.database.findings(), []);
        });

        test('GET answers, and shows what is marked and nothing else as read', async () => {
            const { client, id, path } = world;
            const shown = bodyOf(await client.get(path)).data;
            const stored = await stack.database.sql(`SELECT id, read_at IS NOT NULL AS is_read
                FROM messages WHERE conversation_id = '${id}' ORDER BY position DESC LIMIT 50`);
            assert.deepEqual(shown.map((message) => [message.id, message.isRead]),
                stored.map((row) => [row.id, row.is_read === 1]));
            assert.equal(shown[0].isRead, false);
            assert.equal(bodyOf(await client.get(conversationPath(id))).unreadCount > 0, true);
            bodyOf(await client.get(CONVERSATIONS));
        });

        test('somebody who is not in the directory yet gets an answer all the same', async () => {
            const { client } = world;
            for (let i = 0; i < 3; i++) {
                const newcomer = stack.person('client', { firstName: 'x'.repeat(500) });
                bodyOf(await newcomer.get(CONVERSATIONS));
                errorOf(await newcomer.get(conversationPath(world.id)), 403);
            }
            bodyOf(await client.get(CONVERSATIONS));
        });

        test('with room again everything is well, without a restart', async () => {
            const logged = stack.log.length;
            disk.empty();
            await assertRecovers(world);
            assert.deepEqual((await contents()).slice(0, acknowledged.length), acknowledged);
            assert.match(stack.log.slice(logged), /level=info .*again/);
        });
    });

    describeStack('a read-only disk', {
        front: 'nginx', dataFolder: disk.folder,
    }, ({ stack, test }) => {
        const { talk, assertRefused, assertRecovers } = makeFaultChecks(stack);

        test('is told, until one may write', async () => {
            const world = await talk();
            await stack.stopPrograms();
            disk.makeReadOnly();
            const logged = stack.log.length;
            await stack.startPrograms();
            await assertRefused(world, logged, /read-?only|open/i);
            disk.makeWritable();
            await assertRecovers(world);
        });
    });
}

// ---- a file that is not what it should be ----

const dataFolder = mkdtempSync(join(tmpdir(), 'messagerie-data-'));
after(() => rmSync(dataFolder, { recursive: true, force: true }));

describeStack('an unusable database file', { front: 'nginx', dataFolder }, ({ stack, test }) => {
    const { talk, assertRefused, assertRecovers } = makeFaultChecks(stack);

    /** Breaks the database while the programs are down, repairs it while they run. */
    async function assertSurvives({ damage, reason, repair }) {
        const world = await talk();
        await stack.stopPrograms();
        await damage();
        const logged = stack.log.length;
        await stack.startPrograms();
        await assertRefused(world, logged, reason);
        await repair();
        await assertRecovers(world);
    }

    /** Puts the content aside, and back from another file as one would restore a backup. */
    async function assertSurvivesContent(makeContent, reason) {
        const { path } = stack.database;
        const backup = `${path}.backup`;
        await assertSurvives({
            damage: () => {
                copyFileSync(path, backup);
                writeFileSync(path, makeContent(readFileSync(path)));
            },
            reason,
            repair: () => renameSync(backup, path),
        });
    }

    test('a file that is no database', () =>
        assertSurvivesContent((content) => Buffer.alloc(content.length, 'not a database '),
            /not a database/));

    test('a file whose pages are damaged', () =>
        assertSurvivesContent((content) => Buffer.concat([content.subarray(0, 100),
            Buffer.alloc(content.length - 100, 0xa5)]), /malformed|corrupt/));

    test('a file that was cut off', () =>
        assertSurvivesContent((content) => content.subarray(0, 4096), /malformed|corrupt/));

    test('a database of a newer version is refused, and not changed', async () => {
        const NEWER = 999_999;
        await assertSurvives({
            damage: async () => {
                await stack.database.sql(`INSERT INTO schema_migrations VALUES (${NEWER}, 0)`);
                await stack.database.close();
            },
            reason: new RegExp(`${NEWER}.*upgrade`),
            repair: () => stack.database.sql(
                `DELETE FROM schema_migrations WHERE version = ${NEWER}`),
        });
    });

    test('a folder that is not there', async () => {
        const away = `${dataFolder}-away`;
        await assertSurvives({
            damage: () => renameSync(dataFolder, away),
            reason: /No such file/,
            repair: () => renameSync(away, dataFolder),
        });
    });
});

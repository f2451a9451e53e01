// Promise 1 (docs/architecture.md, "Promises"): what was acknowledged survives kill -9 of the
// programs at any moment, once, and every counter still equals a recount.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { messagerie } from './harness/admin.mjs';
import { until } from './harness/conditions.mjs';
import { archivePath, markReadPath, messagePath, messagesPath } from './harness/paths.mjs';
import { openConversation } from './harness/people.mjs';
import { isLong } from './harness/project.mjs';
import { seededRandom, testSeed } from './harness/random.mjs';
import { describeStack } from './harness/stack.mjs';

const KILLS = isLong ? 200 : 20;
const WRITERS = 12;
const LONGEST_LIFE_MS = 150;
const ANSWER_LIMIT_MS = 60_000;
const seed = testSeed();

const title = `kill -9, ${KILLS} times (MESSAGERIE_TEST_SEED=${seed})`;

describeStack(title, { front: 'nginx' }, ({ stack, test }) => {
    const random = seededRandom(seed);
    /** clientMessageId: {id, sender, deleted} of what was answered. */
    const acknowledged = new Map();
    const pairs = [];
    let isOver = false;

    /** Repeats a request until it is answered by one of `expected`: while a program is away it
     * fails, and whether it was done is then unknown. */
    async function insist(call, expected) {
        const response = await until('an answer', async () => {
            const answer = await call();
            return answer.status !== 503 && answer;
        }, ANSWER_LIMIT_MS);
        assert.ok(expected.includes(response.status), `${response.status} ${response.text}`);
        return response;
    }

    async function sendOne(key) {
        const { salon, client, id } = random.pick(pairs);
        const sender = random.pick([salon, client]);
        const message = { content: `Message ${key}`, clientMessageId: key };
        const { body } = await insist(() => sender.post(messagesPath(id), message), [200, 201]);
        assert.equal(body.clientMessageId, key);
        acknowledged.set(key, { id: body.id, sender });
    }

    async function deleteOne() {
        const message = random.pick([...acknowledged.values()]);
        if (message === undefined || message.deleted)
            return;
        message.deleted = true;
        await insist(() => message.sender.delete(messagePath(message.id)), [204, 404]);
    }

    async function readSome() {
        const { salon, client, id } = random.pick(pairs);
        const reader = random.pick([salon, client]);
        await insist(() => reader.get(messagesPath(id)), [200]);
        await insist(() => reader.patch(markReadPath(id)), [204]);
    }

    async function archiveOne() {
        const { salon, id } = random.pick(pairs);
        await insist(() => salon.patch(archivePath(id)), [204]);
    }

    async function write(writer) {
        for (let turn = 0; !isOver; turn++) {
            await sendOne(`${writer}-${turn}`);
            if (random.below(4) === 0)
                await random.pick([deleteOne, readSome, archiveOne])();
        }
    }

    async function killOne() {
        const { conversations, messages } = stack.programs;
        const program = random.pick([conversations, messages]);
        await sleep(random.fraction() * LONGEST_LIFE_MS);
        await program.kill();
        await stack.startProgram(program);
        const answered = acknowledged.size;
        await until('messages are answered again', () => acknowledged.size > answered,
            ANSWER_LIMIT_MS);
    }

    test('under write load', async () => {
        for (let i = 0; i < 3; i++) {
            const people = await stack.salonAndClient();
            pairs.push({ ...people, id: (await openConversation(people.salon, people.client)).id });
        }
        const writers = Promise.all(Array.from({ length: WRITERS }, (_, index) => write(index)));
        const killer = (async () => {
            for (let kill = 0; kill < KILLS; kill++)
                await killOne();
        })().finally(() => { isOver = true; });
        // A writer that fails must not wait for the last kill.
        await Promise.race([writers, killer]);
        await Promise.all([writers, killer]);
    });

    test('every answered message is there once, and no other', async () => {
        const rows = await stack.database.sql('SELECT id, client_message_id AS key FROM messages');
        const kept = [...acknowledged].filter(([, { deleted }]) => !deleted);
        const expected = kept.map(([key, { id }]) => `${key} ${id}`);
        assert.ok(expected.length >= KILLS);
        assert.deepEqual(rows.map(({ key, id }) => `${key} ${id}`).sort(), expected.sort());
    });

    test('integrity, references, counters and the outbox are right', async () => {
        assert.deepEqual(await stack.database.findings(), []);
        const { code, stdout, stderr } = await messagerie(stack, 'verify', stack.database.path);
        assert.equal(code, 0, stdout + stderr);
    });
});

// What is deleted, replaced or erased is in no file of ours any more, whichever program had it:
// the bytes of the whole folder are searched, with the database, its log, the spool, and a backup
// that is made afterwards.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { messagerie } from './harness/admin.mjs';
import { appointmentOf, BookingSite } from './harness/booking.mjs';
import { describeBroker } from './harness/broker.mjs';
import { until } from './harness/conditions.mjs';
import { conversationPath, messagePath } from './harness/paths.mjs';
import { bodyOf, openConversation, PICTURE, send } from './harness/people.mjs';
import { Spool } from './harness/spool.mjs';

const run = promisify(execFile);

describeBroker('what is gone', {}, ({ stack, test }) => {
    let phrases = 0;
    const newPhrase = () => `Introuvable${process.pid}x${++phrases}`;

    /** The files that have it. */
    async function filesWith(phrase) {
        try {
            const { stdout } = await run('grep', ['-rlaF', phrase, stack.folder]);
            return stdout.trim().split('\n');
        } catch (error) {
            assert.equal(error.code, 1, error.stderr);
            return [];
        }
    }

    async function assertGone(phrase) {
        await until(`${phrase} is in no file`, async () => {
            const files = await filesWith(phrase);
            if (files.length > 0)
                throw new Error(files.join(', '));
            return true;
        });
        const backup = join(stack.folder, `${phrase.slice(-4)}.backup`);
        assert.equal((await messagerie(stack, 'backup', backup)).code, 0);
        assert.deepEqual(await filesWith(phrase), []);
        assert.deepEqual(await stack.database.findings(), []);
    }

    const assertThere = async (phrase) => assert.notDeepEqual(await filesWith(phrase), []);

    test('a deleted message, with its files, also for those who look on', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const phrase = newPhrase();
        const tab = await stack.openTab(client);
        await tab.join(id);
        const message = await send(salon, id, {
            content: `${phrase} `.repeat(300),
            clientMessageId: phrase,
            attachments: [{ ...PICTURE, fileName: `${phrase}.png` }],
        });
        await assertThere(phrase);
        bodyOf(await salon.delete(messagePath(message.id)), 204);
        await assertGone(phrase);
        tab.close();
    });

    test('a deleted conversation, and a subject that was another', async () => {
        const { salon, client } = await stack.salonAndClient();
        const [first, phrase] = [newPhrase(), newPhrase()];
        const { id } = await openConversation(salon, client,
            { subject: first, firstMessage: phrase });
        bodyOf(await salon.patch(conversationPath(id), { subject: phrase }));
        for (let i = 0; i < 20; i++)
            await send(client, id, { content: `${phrase} `.repeat(10 * i + 1) });
        await assertThere(phrase);
        bodyOf(await salon.delete(conversationPath(id)), 204);
        await assertGone(first);
        await assertGone(phrase);
        const { code, stdout } = await messagerie(stack, 'maintain');
        assert.equal(code, 0);
        assert.match(stdout, /nothing left to do, after 0 slices/);
    });

    test('an erased person: directory, appointments, files that could not be applied', async () => {
        const { salon, client } = await stack.salonAndClient();
        const site = new BookingSite(stack.person('service'));
        const [former, phrase] = [newPhrase(), newPhrase()];
        const spool = new Spool(stack);
        bodyOf(await site.putUser(client.id, { role: 'client', firstName: former, email: `${former}@example.com` }));
        bodyOf(await site.book(appointmentOf(salon, client)), 201);
        bodyOf(await site.putUser(client.id,
            { role: 'client', firstName: phrase, email: `${phrase}@example.com`, image: `https://x.example/${phrase}` }));
        bodyOf(await site.book(appointmentOf(salon, client)), 201);
        await spool.start();
        spool.write({ ...appointmentOf(salon, client), status: 'LATER', client: { firstName: phrase } });
        spool.write(`{"client": {"firstName": "${phrase}`);
        await until('both are put aside', () => spool.refused().length === 4);
        for (const text of [former, phrase])
            await assertThere(text);
        bodyOf(await site.eraseUser(client.id), 204);
        for (const text of [former, phrase])
            await assertGone(text);
        assert.deepEqual(spool.refused(), []);
        assert.deepEqual(await spool.program.stop(), { code: 0, signal: null });
    });

    test('a person whom the tool has erased, when it has ended', async () => {
        const { client } = await stack.salonAndClient();
        const site = new BookingSite(stack.person('service'));
        const phrase = newPhrase();
        bodyOf(await site.putUser(client.id, { role: 'client', email: `${phrase}@example.com` }));
        assert.equal((await messagerie(stack, 'user', 'erase', client.id)).code, 0);
        assert.deepEqual(await filesWith(phrase), []);
    });
});

// Salon and client in two windows, as two people would use the demo's page.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { describeDemo } from '../harness/browser.mjs';
import { until } from '../harness/conditions.mjs';
import { Database } from '../harness/database.mjs';
import { BROKER, CLIENT, CONVERSATIONS_PROGRAM, MESSAGES, SALON } from '../harness/demo.mjs';
import { conversationPath, messagePath, UNREAD_TOTAL } from '../harness/paths.mjs';

const OTHER_CLIENT = 'demo-hugo';
const PAGE_CONVERSATIONS = 30;

describeDemo('a conversation in the browser', {}, ({ demo, test, window, windowOf }) => {
    /** Both with a new conversation of theirs open. */
    async function bothIn() {
        const conversation = await demo.book();
        const [salon, client] = await Promise.all([windowOf(SALON), windowOf(CLIENT)]);
        await Promise.all([salon.openConversation(conversation),
            client.openConversation(conversation)]);
        return { conversation, salon, client };
    }

    const unreadOf = async (personId) => (await demo.ask(personId, 'GET', UNREAD_TOTAL)).totalUnread;

    const titleOf = (total) => (total > 0 ? `(${total}) Messagerie` : 'Messagerie');

    async function seesTitle(opened, total) {
        await until(`the title says ${total}`, async () => await opened.page.title() === titleOf(total));
    }

    test('the page lets one choose who to be', async () => {
        const visitor = await window();
        await visitor.page.goto(demo.origin);
        assert.equal(await visitor.page.locator('html').getAttribute('lang'), 'fr');
        for (const { name } of demo.people)
            await visitor.page.getByRole('button', { name }).waitFor();
        await visitor.page.getByRole('button', { name: 'Léa Martin' }).click();
        await visitor.isConnected();
        assert.equal(new URL(visitor.page.url()).hash, `#personne=${CLIENT}`);
        await visitor.row('Balayage et coupe').waitFor();
    });

    test('they write to each other, both ways', async () => {
        const { salon, client, conversation } = await bothIn();
        await salon.write('Bonjour, quelle couleur ?');
        await client.sees('Bonjour, quelle couleur ?');
        await salon.seesState('Bonjour, quelle couleur ?', 'read');

        await client.box.fill('Plutôt châtain.\nEt un soin.');
        await client.box.press('Enter');
        await salon.sees('Plutôt châtain.');
        await client.seesState('Plutôt châtain.', 'read');
        assert.equal(await client.box.inputValue(), '');
        assert.deepEqual(await salon.texts(), await client.texts());
        assert.deepEqual((await client.texts()).slice(1),
            ['Bonjour, quelle couleur ?', 'Plutôt châtain.\nEt un soin.']);
        const stored = await demo.messages(SALON, conversation.id);
        assert.deepEqual(stored.map(({ id }) => id), (await salon.shown()).map(({ id }) => id));
    });

    test('what comes in over REST, and from the booking site, shows at once', async () => {
        const { salon, client, conversation } = await bothIn();
        await demo.say(CLIENT, conversation.id, 'par une autre porte');
        await Promise.all([salon.sees('par une autre porte'), client.sees('par une autre porte')]);
        await client.seesState('par une autre porte', 'read');

        await demo.cancel(conversation);
        await Promise.all([salon.sees('est annulé'), client.sees('est annulé')]);

        const opened = await demo.book({ prestation: 'Tout neuf' });
        await Promise.all([salon.row(opened.subject).waitFor(), client.row(opened.subject).waitFor()]);
    });

    test('one sees the other typing, and no longer when the text is gone', async () => {
        const { salon, client } = await bothIn();
        const typing = salon.page.getByRole('status').filter({ hasText: 'Léa Martin écrit…' });
        await client.box.pressSequentially('Je');
        await typing.waitFor();
        await client.box.fill('');
        await typing.waitFor({ state: 'detached' });
        await client.box.pressSequentially('Je réfléchis');
        await typing.waitFor();
        await client.box.press('Enter');
        await salon.sees('Je réfléchis');
        await typing.waitFor({ state: 'detached' });
    });

    test('unread messages are counted in the list and in the title, and read receipts come', async () => {
        const conversation = await demo.book();
        const [salon, client] = await Promise.all([windowOf(SALON), windowOf(CLIENT)]);
        const before = await unreadOf(SALON);
        await seesTitle(salon, before);
        await client.openConversation(conversation);
        await client.write('un');
        await client.write('deux');
        await seesTitle(salon, before + 2);
        await salon.row(conversation.subject).getByText('2 messages non lus').waitFor();
        await client.seesState('deux', 'sent');

        await salon.openConversation(conversation);
        await client.seesState('un', 'read');
        await client.seesState('deux', 'read');
        await seesTitle(salon, before);
        assert.equal(await unreadOf(SALON), before);
        await salon.row(conversation.subject).getByText('non lus').waitFor({ state: 'detached' });
    });

    test('what nobody sees is not read: a hidden page, and one that was opened in the background',
        async () => {
            const { conversation, salon, client } = await bothIn();
            const before = await unreadOf(SALON);
            await salon.setHidden(true);
            await until('it stays unread', async () => await client.writes('derrière') === 'sent');
            const unseen = await unreadOf(SALON);
            await demo.say(CLIENT, conversation.id, 'par une autre porte');
            await seesTitle(salon, unseen + 1);

            const other = await demo.book();
            await demo.say(CLIENT, other.id, 'ailleurs');
            await seesTitle(salon, unseen + 2);
            await salon.row(other.subject).click();
            await demo.say(CLIENT, other.id, 'encore ailleurs');
            await seesTitle(salon, unseen + 3);
            await salon.setHidden(false);
            await salon.sees('encore ailleurs');
            await seesTitle(salon, unseen + 1);
            await salon.openConversation(conversation);
            await seesTitle(salon, before);
        });

    test('who leaves a conversation while there is no connection has not read what comes', async () => {
        const { conversation, salon } = await bothIn();
        const other = await demo.book();
        const before = await unreadOf(SALON);
        // Stopped, it starts nothing again.
        demo.bootstrap.signal('SIGSTOP');
        try {
            demo.kill(BROKER);
            await salon.page.locator('messagerie-app:not([data-connection="connected"])').waitFor();
            await salon.openConversation(other);
            await demo.say(CLIENT, conversation.id, 'sans témoin');
        } finally {
            demo.bootstrap.signal('SIGCONT');
        }
        await salon.isConnected();
        await demo.say(CLIENT, conversation.id, 'toujours sans témoin');
        await seesTitle(salon, before + 2);
        assert.equal(await unreadOf(SALON), before + 2);
        await salon.openConversation(conversation);
        await seesTitle(salon, before);
    });

    test('presence ends with the last tab, not before', async () => {
        const conversation = await demo.book({ client: OTHER_CLIENT });
        const salon = await windowOf(SALON);
        const client = await window();
        await salon.openConversation(conversation);
        const presence = salon.page.locator('.head .presence');
        await presence.getByText('Hors ligne').waitFor();
        await client.enter(OTHER_CLIENT);
        const second = await client.newTab();
        await client.enter(OTHER_CLIENT, second);
        await presence.getByText('En ligne').waitFor();

        await client.page.close();
        // The server knows of the closed tab when it answers what the other one says after it.
        await demo.say(SALON, conversation.id, 'Encore là ?');
        await second.getByRole('navigation').getByText('Encore là ?').waitFor();
        await presence.getByText('En ligne').waitFor();
        await second.close();
        await presence.getByText('Hors ligne').waitFor();
    });

    test('one deletes a message of one\'s own, for both', async () => {
        const { salon, client, conversation } = await bothIn();
        await client.write('à effacer');
        await client.write('à garder');
        await salon.sees('à garder');
        assert.equal(await salon.message('à effacer').getByRole('button', { name: 'Supprimer ce message' })
            .count(), 0);
        await client.message('à effacer').getByRole('button', { name: 'Supprimer ce message' }).click();
        await client.page.getByRole('dialog').getByRole('button', { name: 'Supprimer' }).click();
        await salon.message('à effacer').waitFor({ state: 'detached' });
        await client.message('à effacer').waitFor({ state: 'detached' });
        assert.equal((await demo.messages(SALON, conversation.id)).length, 2);

        const [, kept] = await demo.messages(SALON, conversation.id);
        await demo.ask(CLIENT, 'DELETE', messagePath(kept.id));
        await salon.message('à garder').waitFor({ state: 'detached' });
    });

    test('the salon archives and restores; a client cannot', async () => {
        const { salon, client, conversation } = await bothIn();
        assert.equal(await client.page.getByRole('button', { name: 'Archiver' }).count(), 0);
        await salon.page.getByRole('button', { name: 'Archiver' }).click();
        await until('it is archived', async () =>
            (await demo.ask(SALON, 'GET', conversationPath(conversation.id))).status === 'ARCHIVED');
        await salon.row(conversation.subject).waitFor({ state: 'detached' });
        await salon.page.getByRole('button', { name: 'Archivées' }).click();
        await salon.row(conversation.subject).click();
        await salon.page.getByRole('button', { name: 'Restaurer' }).click();
        await salon.row(conversation.subject).waitFor({ state: 'detached' });
        await salon.page.getByRole('button', { name: 'Actives' }).click();
        await salon.row(conversation.subject).waitFor();
    });

    test('what is not read is found wherever it is, and does not vanish while one reads it', async () => {
        const [old, ...others] = [await demo.book({ prestation: 'Ancien' })];
        await demo.say(CLIENT, old.id, 'resté sans réponse');
        for (let number = 0; number < PAGE_CONVERSATIONS; number++)
            others.push(await demo.book({ prestation: 'Plus récent' }));
        const salon = await window();
        await salon.enter(SALON);
        const filter = (name) => salon.page.getByRole('button', { name, exact: false });
        await filter('Actives').click();
        await salon.row(others.at(-1).subject).waitFor();
        assert.equal(await salon.row(old.subject).count(), 0);
        const total = await unreadOf(SALON);
        await filter(/^Non lus/).getByText(`, ${total} message`).waitFor();
        await filter(/^Non lus/).click();
        await salon.row(others.at(-1).subject).waitFor({ state: 'detached' });
        await salon.openConversation(old);
        await seesTitle(salon, total - 1);
        assert.ok(await salon.row(old.subject).isVisible());
        await salon.openConversation((await demo.conversations(SALON)).find(({ unreadCount }) => unreadCount > 0));
        await salon.row(old.subject).waitFor({ state: 'detached' });
        await filter('Actives').click();
        await salon.row(others.at(-1).subject).waitFor();
    });

    /** Waits until both windows show what is stored, in its order, each message once; gives the
     * texts. */
    async function assertSameThread(conversation, windows, count) {
        let stored;
        await until(`both show the ${count} messages`, async () => {
            stored = await demo.messages(SALON, conversation.id);
            const ids = stored.map(({ id }) => id);
            for (const opened of windows)
                assert.deepEqual((await opened.shown()).map(({ id }) => id), ids);
            assert.equal(ids.length, count);
            return true;
        });
        for (const opened of windows) {
            const shown = await opened.shown();
            assert.deepEqual(shown.filter(({ state }) => state === 'sending' || state === 'failed'), []);
        }
        return stored.map(({ content }) => content);
    }

    test('the broker is killed and comes back while both keep writing', async () => {
        const { salon, client, conversation } = await bothIn();
        await salon.write('avant');
        await client.sees('avant');
        const killed = demo.brokerPid;
        const written = ['avant'];
        const bothWrite = async (number) => {
            await Promise.all([salon.write(`salon ${number}`), client.write(`client ${number}`)]);
            written.push(`salon ${number}`, `client ${number}`);
        };
        await bothWrite(1);
        demo.kill(BROKER);
        for (let number = 2; number <= 5; number++)
            await bothWrite(number);
        await until('the broker runs again', () => ![undefined, killed].includes(demo.brokerPid));
        for (let number = 6; number <= 8; number++)
            await bothWrite(number);
        await Promise.all([salon.isConnected(), client.isConnected()]);
        await bothWrite(9);

        const texts = await assertSameThread(conversation, [salon, client], written.length + 1);
        assert.deepEqual(texts.slice(1).sort(), written.sort());
        await client.seesState('client 9', 'read');
        await client.seesState('client 3', 'read');
    });

    /** What the broker would recover connections from: pages must join again by themselves. */
    async function forgetSessions() {
        const database = new Database(join(demo.data, 'messagerie.db'));
        await database.sql('DELETE FROM sessions');
        await database.close();
    }

    test('with nothing but nginx left, what is written waits and is sent once, later', async () => {
        const { salon, client, conversation } = await bothIn();
        await salon.write('avant la panne');
        await client.sees('avant la panne');
        // Stopped, it starts nothing again.
        demo.bootstrap.signal('SIGSTOP');
        try {
            for (const name of [BROKER, MESSAGES, CONVERSATIONS_PROGRAM])
                demo.kill(name);
            await client.page.locator('messagerie-app:not([data-connection="connected"])').waitFor();
            await client.page.getByRole('status').filter({ hasText: /Connexion/ }).waitFor();
            await client.write('pendant la panne');
            await client.write('toujours en panne');
            await salon.write('et moi aussi');
            await client.seesState('pendant la panne', 'sending');
            await client.seesState('toujours en panne', 'sending');
            await salon.seesState('et moi aussi', 'sending');
            await forgetSessions();
        } finally {
            demo.bootstrap.signal('SIGCONT');
        }
        await Promise.all([salon.isConnected(), client.isConnected()]);
        const texts = await assertSameThread(conversation, [salon, client], 5);
        assert.ok(texts.indexOf('pendant la panne') < texts.indexOf('toujours en panne'));
        await client.page.getByRole('status').filter({ hasText: /Connexion/ })
            .waitFor({ state: 'detached' });
        await salon.write('tout marche');
        await client.sees('tout marche');
    });
});

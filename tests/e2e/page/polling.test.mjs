// On a host that runs no broker: nothing is lost, nothing looks broken, and one is told what is new.

import assert from 'node:assert/strict';

import { describeDemo } from '../harness/browser.mjs';
import { until } from '../harness/conditions.mjs';
import { BROKER, CLIENT, CONVERSATIONS_PROGRAM, MESSAGES, SALON } from '../harness/demo.mjs';

describeDemo('without a broker', {}, ({ demo, test, window }) => {
    const state = ({ page }) => page.locator('messagerie-app').getAttribute('data-connection');
    const line = ({ page }) => page.getByRole('status').filter({ hasText: /Connexion|messages/ });

    /** With the broker stopped for good, until `body` is over. */
    async function withoutBroker(body) {
        await until('the broker runs', () => demo.brokerPid);
        // Stopped, it starts nothing again.
        demo.bootstrap.signal('SIGSTOP');
        try {
            demo.kill(BROKER);
            await body();
        } finally {
            demo.bootstrap.signal('SIGCONT');
        }
    }

    async function enter(personId, opened) {
        await opened.page.goto(`${demo.origin}/#personne=${personId}`);
        await opened.page.locator('messagerie-app[data-connection="polling"]').waitFor();
    }

    test('a calm line says so, and messages come and go, whatever onLine says', async () => {
        const conversation = await demo.book();
        await withoutBroker(async () => {
            const client = await window();
            await client.page.addInitScript(() =>
                Object.defineProperty(Navigator.prototype, 'onLine', { get: () => false }));
            await enter(CLIENT, client);
            await line(client).getByText('au bout de quelques secondes').waitFor();
            await client.openConversation(conversation);
            await demo.say(SALON, conversation.id, 'par la poste');
            await client.sees('par la poste');
            await client.write('bien reçu');
            await client.seesState('bien reçu', 'sent');
            await until('read', async () => (await demo.messages(SALON, conversation.id))
                .find(({ content }) => content === 'par la poste').isRead);
            // Nobody knows who is there.
            assert.doesNotMatch(await client.page.locator('.head').innerText(), /ligne/);
        });
    });

    test('in the background the title counts, and nothing is read', async () => {
        const conversation = await demo.book();
        await withoutBroker(async () => {
            const client = await window();
            await client.page.clock.install();
            await enter(CLIENT, client);
            await client.openConversation(conversation);
            const unread = async () => Number(/\((\d+)\)/.exec(await client.page.title())?.[1] ?? 0);
            const before = await unread();
            await client.setHidden(true);
            await demo.say(SALON, conversation.id, 'derrière');
            await demo.say(SALON, conversation.id, 'toujours derrière');
            await client.page.clock.fastForward(30_000);
            await until('the title counts', async () => await unread() === before + 2);
            assert.deepEqual((await demo.messages(SALON, conversation.id)).slice(-2)
                .map(({ isRead }) => isRead), [false, false]);
        });
    });

    test('with nothing left at all the connection is broken, and comes back by itself', async () => {
        const client = await window();
        await withoutBroker(async () => {
            await enter(CLIENT, client);
            for (const name of [MESSAGES, CONVERSATIONS_PROGRAM])
                demo.kill(name);
            await line(client).getByText('Connexion interrompue').waitFor();
            assert.equal(await state(client), 'offline');
        });
        await client.isConnected();
        await until('the line is gone', async () => await line(client).count() === 0);
    });
});

describeDemo('one window too many', { environment: { MESSAGERIE_BROKER_MAX_CONNECTIONS_PER_USER: '1' } },
    ({ demo, test, window }) => {
        test('gets by without its socket, and has it back when another is closed', async () => {
            const conversation = await demo.book();
            const first = await window();
            await first.page.goto(`${demo.origin}/#personne=${CLIENT}`);
            await first.isConnected();
            const second = await window();
            await second.page.goto(`${demo.origin}/#personne=${CLIENT}`);
            await second.page.locator('messagerie-app[data-connection="polling"]').waitFor();
            await second.openConversation(conversation);
            await demo.say(SALON, conversation.id, 'à la deuxième fenêtre');
            await second.sees('à la deuxième fenêtre');
            await second.write('bien reçu');
            await second.seesState('bien reçu', 'sent');
            await first.page.close();
            await second.isConnected();
        });
    });

// The widget on a salon's own page, which another host serves under a strict policy.

import assert from 'node:assert/strict';

import { until } from '../harness/conditions.mjs';
import { CLIENT, SALON } from '../harness/demo.mjs';
import { freePort } from '../harness/http.mjs';
import { ACCENT, describeSite, Site } from '../harness/site.mjs';

await describeSite('the widget on a salon\'s page', ({ demo, test, window, windowOf, site, visit }) => {
    const widgetIn = (opened) => opened.page.locator('messagerie-conversation');

    test('with a token in a property it shows the client\'s conversation, and one writes', async () => {
        const conversation = await demo.book({ prestation: 'Widget' });
        site.serve('/propriete', {
            attributes: `conversation="${conversation.id}"`,
            script: `document.querySelector('messagerie-conversation').token =
                await (await fetch('/token')).text();`,
        });
        site.tokens = [demo.person(CLIENT).token];
        const salon = await windowOf(SALON);
        await salon.openConversation(conversation);

        const visitor = await visit('/propriete');
        await visitor.sees('est confirmé');
        await visitor.isConnected();
        await visitor.write('depuis le site du salon');
        await salon.sees('depuis le site du salon');
        await salon.write('bien reçu');
        await visitor.sees('bien reçu');
        await visitor.seesState('depuis le site du salon', 'read');
        assert.equal(await visitor.page.getByRole('navigation', { name: 'Conversations' }).count(), 0);

        // Nothing of what was sent or received stays in the browser.
        assert.deepEqual(await visitor.context.cookies(), []);
        assert.deepEqual(await visitor.page.evaluate(() =>
            [Object.keys(localStorage), Object.keys(sessionStorage)]), [[], []]);

        // Themed by the site's style sheet.
        await visitor.box.fill('x');
        await until('the button has the site\'s colour', async () =>
            await visitor.sendButton.evaluate((button) =>
                getComputedStyle(button).backgroundColor) === ACCENT);
        assert.equal((await widgetIn(visitor).boundingBox()).height, 400);
    });

    test('with a callback it asks for a token, and again when the last one has ended', async () => {
        site.serve('/rappel', {
            script: `const widget = document.querySelector('messagerie-conversation');
                widget.getToken = async () => (await fetch('/token')).text();`,
        });
        const shortLived = await demo.tool('token', CLIENT, '--role', 'client', '--ttl', '8');
        site.tokens = [shortLived, demo.person(CLIENT).token];
        const visitor = await visit('/rappel');
        await visitor.row('Balayage').click();
        await visitor.sees('Me revoilà');
        await until('the second token has been asked for', () => site.tokens.length === 0);
        await visitor.isConnected();
        await visitor.write('toujours là');
        await visitor.seesState('toujours là', 'sent');
    });

    test('without a token it says so, and tells the page', async () => {
        site.serve('/personne', {
            script: `const widget = document.querySelector('messagerie-conversation');
                widget.addEventListener('messagerie-token-needed', () => { document.title = 'jeton ?'; });
                widget.getToken = async () => undefined;`,
        });
        const visitor = await visit('/personne');
        await visitor.page.getByText('Votre session est terminée').waitFor();
        assert.equal(await visitor.page.title(), 'jeton ?');
    });

    test('a site that is not in FRONTEND_URL reads nothing', async () => {
        const port = await freePort();
        const other = new Site(port, demo.origin);
        await other.start();
        try {
            other.serve('/ailleurs', {
                script: `document.querySelector('messagerie-conversation').token =
                    await (await fetch('/token')).text();`,
            });
            other.tokens = [demo.person(CLIENT).token];
            const visitor = await window();
            await visitor.page.goto(`${other.origin}/ailleurs`);
            await until('its requests are refused', () =>
                visitor.problems.some((problem) => /CORS/.test(problem)));
            assert.equal(await visitor.page.getByRole('listitem').count(), 0);
            visitor.problems = [];
            visitor.allowedOrigins = [other.origin];
        } finally {
            await other.stop();
        }
    });
});

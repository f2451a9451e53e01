// Whatever happens, everybody can use the page: its states before axe-core, colours that the system
// forces, names that are written from right to left, and what a screen reader reads, in which order.

import assert from 'node:assert/strict';

import { assertAccessible, assertFits, readingOrder } from '../harness/accessible.mjs';
import { describeDemo, DESK } from '../harness/browser.mjs';
import { until } from '../harness/conditions.mjs';
import { CLIENT, SALON } from '../harness/demo.mjs';

const NARROW = { width: 320, height: 640 };
const MANY = 30;
/** A client who is written from right to left. */
const RTL = { id: 'mohamed', first: 'محمد', last: 'علي' };

describeDemo('the page in all its states', {}, ({ demo, test, window, windowOf }) => {
    async function looksAt(opened, state) {
        for (const viewport of [DESK, NARROW]) {
            await opened.page.setViewportSize(viewport);
            for (const colorScheme of ['light', 'dark']) {
                await opened.page.emulateMedia({ colorScheme });
                await assertAccessible(opened.page, `${state}, ${viewport.width} px, ${colorScheme}`);
            }
            await assertFits(opened);
        }
        await opened.page.setViewportSize(DESK);
    }

    test('axe-core finds nothing in what is new, quoted, linked and attached', async () => {
        const conversation = await demo.book({ prestation: 'États' });
        await demo.sayMany(conversation.id, MANY);
        const client = await window();
        await client.page.route('**/absente.png', (route) => route.fulfill({ status: 404 }));
        await client.enterConversation(CLIENT, conversation);
        await demo.say(SALON, conversation.id, '> Une question ?\n> Sur deux lignes.\n\nVoir exemple.fr, '
            + 'https://exemple.fr/a_(b), 06 12 34 56 78 ou salon@exemple.fr');
        await demo.say(SALON, conversation.id, '', { attachments: [{ fileName: 'Absente.png',
            fileUrl: `${demo.origin}/absente.png`, fileType: 'image/png', fileSize: 1 }] });
        // A picture far below is not asked for.
        await until('the picture fails', async () => {
            await client.log.evaluate((log) => { log.scrollTop = log.scrollHeight; });
            return client.page.getByText('Photo indisponible').isVisible();
        });
        await looksAt(client, 'what one is told');

        await client.log.evaluate((log) => { log.scrollTop = 0; });
        await demo.sayMany(conversation.id, 3, [SALON]);
        await client.page.getByRole('button', { name: /nouveaux? messages?/ }).waitFor();
        await looksAt(client, 'further up');
    });

    test('axe-core finds nothing without a broker, in a message that was refused', async () => {
        const conversation = await demo.book({ prestation: 'Refusé' });
        const client = await window();
        await client.page.route('**/socket.io/**', (route) => route.abort());
        await client.page.routeWebSocket(/socket\.io/, (socket) => socket.close());
        await client.page.route('**/conversations/*/messages', (route) =>
            (route.request().method() === 'POST'
                ? route.fulfill({ status: 400, json: { message: 'content: non' } }) : route.fallback()));
        await client.page.goto(`${demo.origin}/#personne=${CLIENT}`);
        await client.openConversation(conversation);
        await client.page.getByText('s’affichent au bout de quelques secondes').waitFor();
        await client.write('refusé');
        await client.seesState('refusé', 'failed');
        await looksAt(client, 'refused');
    });

    test('axe-core finds nothing without a connection, without a session, and with nothing to show', async () => {
        const client = await window();
        const conversation = await demo.book({ prestation: 'Coupure' });
        await client.enterConversation(CLIENT, conversation);
        await client.page.getByRole('button', { name: /^Non lus/ }).waitFor();
        for (const path of ['**/messaging/**', '**/socket.io/**'])
            await client.page.route(path, (route) => route.abort());
        await client.context.setOffline(true);
        await client.page.getByText('Connexion interrompue').waitFor();
        await client.write('écrit dans le métro');
        await client.seesState('écrit dans le métro', 'sending');
        await looksAt(client, 'offline');

        const salon = await window();
        await salon.page.route('**/conversations?**', (route) => route.fulfill(
            { json: { data: [], total: 0, page: 1, limit: 30, totalPages: 0 } }));
        await salon.page.goto(`${demo.origin}/#personne=${SALON}`);
        await salon.page.getByText('Aucune conversation pour l’instant.').waitFor();
        await looksAt(salon, 'nothing');

        const ended = await window();
        await ended.page.route('**/messaging/**', (route) => route.fulfill(
            { status: 401, json: { statusCode: 401, message: 'Unauthorized', reason: 'expired' } }));
        await ended.page.goto(`${demo.origin}/#personne=${CLIENT}`);
        await ended.page.getByText('Votre session est terminée.').first().waitFor();
        await looksAt(ended, 'ended');
    });

    test('in colours that the system forces, what is meant by colour is seen', async () => {
        const opened = await window({ forcedColors: 'active', colorScheme: 'dark' });
        const conversation = await demo.book({ prestation: 'Contraste' });
        await demo.sayMany(conversation.id, 2);
        await opened.enterConversation(CLIENT, conversation);
        const { root, borders, icons } = await until('the sheet for it is there', () =>
            opened.page.evaluate(() => {
                const { shadowRoot } = document.querySelector('messagerie-app');
                const style = (selector) => getComputedStyle(shadowRoot.querySelector(selector));
                const borderOf = (selector) => parseFloat(style(selector).borderTopWidth);
                const found = {
                    root: style('.frame').backgroundColor,
                    borders: Object.fromEntries(['.own .bubble', '.other .bubble', '.box', '.avatar',
                        '.filter'].map((selector) => [selector, borderOf(selector)])),
                    icons: style('.send .icon').fill === style('.send').backgroundColor,
                };
                return found.borders['.avatar'] > 0 && found;
            }));
        assert.deepEqual(Object.entries(borders).filter(([, width]) => !(width > 0)), []);
        assert.equal(icons, false, 'the button has its sign');
        // The system's own: nothing of ours is left.
        assert.equal(root, await opened.page.evaluate(() => {
            const probe = document.body.appendChild(document.createElement('p'));
            probe.style.backgroundColor = 'Canvas';
            const { backgroundColor } = getComputedStyle(probe);
            probe.remove();
            return backgroundColor;
        }));
        for (const button of [opened.row(conversation.subject),
            opened.page.getByRole('button', { name: /^Non lus/ })]) {
            await button.focus();
            await opened.page.keyboard.press('Shift+Tab');
            await opened.page.keyboard.press('Tab');
            assert.notEqual(await button.evaluate((node) => getComputedStyle(node).outlineStyle), 'none');
        }
    });

    test('a name from right to left leaves its line as it is, and its texts begin on the right', async () => {
        await demo.tool('user', 'set', RTL.id, '--role', 'client', '--first-name', RTL.first,
            '--last-name', RTL.last);
        const conversation = await demo.book({ client: RTL.id, prestation: 'قص الشعر' });
        const name = `${RTL.first} ${RTL.last}`;
        const token = await demo.tool('token', RTL.id, '--role', 'client');
        const salon = await windowOf(SALON);
        const answer = await demo.request({ method: 'POST', token,
            path: `/messaging/conversations/${conversation.id}/messages`,
            body: { content: 'مرحبا، هل يمكنني الحجز (غداً)؟' } });
        assert.equal(answer.status, 201, answer.text);
        const row = salon.row(name);
        await row.getByText('مرحبا').waitFor();
        const place = (locator) => locator.evaluate((node) => {
            const range = document.createRange();
            range.selectNodeContents(node);
            const { left, right } = range.getBoundingClientRect();
            return { left, right };
        });
        const [nameAt, whenAt] = [await place(row.locator('.name')), await place(row.locator('.when'))];
        assert.ok(nameAt.right <= whenAt.left, 'the time stands at the end of the line');
        const avatar = await row.locator('.avatar').boundingBox();
        assert.ok(nameAt.left > avatar.x + avatar.width, 'and the name at its beginning');
        await row.click();
        await salon.page.getByRole('heading', { name }).waitFor();
        const text = salon.message('مرحبا').locator('.text');
        assert.equal(await text.evaluate((node) => getComputedStyle(node).direction), 'rtl');
        assert.equal(await salon.page.locator('.head').evaluate(
            (node) => getComputedStyle(node).direction), 'ltr');
        await assertFits(salon);
    });

    test('a screen reader reads the list, then who it is with, the messages, and where one writes', async () => {
        const conversation = await demo.book({ prestation: 'Lecture' });
        await demo.say(SALON, conversation.id, 'Première ligne');
        const client = await window();
        await client.enterConversation(CLIENT, conversation);
        await client.write('Deuxième ligne');
        await client.seesState('Deuxième ligne', 'sent');
        const order = await readingOrder(client);
        const landmarks = order.filter(([role]) => ['main', 'navigation', 'region', 'heading', 'log',
            'textbox'].includes(role));
        assert.deepEqual(landmarks.map(([role, name]) => `${role} ${name}`), [
            'main ', 'heading Messagerie', 'navigation Conversations',
            'region Conversation avec Atelier Mèche', 'heading Atelier Mèche', 'log Messages',
            'textbox Votre message',
        ]);
        const all = order.map(([, name]) => name).filter(Boolean);
        const at = (text) => all.findIndex((name, index) => index > 0 && name.trim() === text);
        const said = ['Atelier Mèche :', 'Première ligne', 'Vous :', 'Deuxième ligne', ', Envoyé'];
        const places = said.map(at);
        assert.deepEqual(places, [...places].sort((one, other) => one - other), all.join(' | '));
        assert.ok(places.every((place) => place > 0), all.join(' | '));
        // Nothing that one can act on is without a name, and pictures that say nothing are passed over.
        const nameless = order.filter(([role, name]) => !name.trim() && ['button', 'link', 'textbox',
            'searchbox', 'radio', 'checkbox', 'image', 'img', 'graphics-document'].includes(role));
        assert.deepEqual(nameless, []);
    });
});

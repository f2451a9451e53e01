// Whether everybody can use the page: axe-core's rules, a small telephone, a large type, the
// keyboard alone.

import assert from 'node:assert/strict';

import { assertAccessible, assertFits } from '../harness/accessible.mjs';
import { describeDemo, DESK, PHONE } from '../harness/browser.mjs';
import { CLIENT, SALON } from '../harness/demo.mjs';

// 1280 by 800 pixels at 200 %.
const ZOOMED = { width: 640, height: 400 };
// 1280 by 1024 pixels at 400 %, which is also the narrowest that WCAG asks for.
const ZOOMED_MORE = { width: 320, height: 256 };

describeDemo('the page for everybody', {}, ({ demo, test, window }) => {
    async function assertAccessibleInAllLooks(opened, what) {
        for (const viewport of [DESK, PHONE]) {
            await opened.page.setViewportSize(viewport);
            for (const colorScheme of ['light', 'dark']) {
                await opened.page.emulateMedia({ colorScheme });
                await assertAccessible(opened.page, `${what}, ${viewport.width} px, ${colorScheme}`);
            }
        }
    }

    test('axe-core finds nothing in the choice of people, the list and the thread', async () => {
        const opened = await window();
        await opened.page.goto(demo.origin);
        await opened.page.getByRole('button', { name: 'Atelier Mèche' }).waitFor();
        await assertAccessibleInAllLooks(opened, 'choice');
        await opened.enter(SALON);
        await assertAccessibleInAllLooks(opened, 'list');
        const conversation = (await demo.conversations(SALON))
            .find(({ subject }) => subject.includes('Balayage'));
        await opened.openConversation(conversation);
        await assertAccessibleInAllLooks(opened, 'thread');
        await opened.log.locator('.own').last().hover();
        await opened.page.getByRole('button', { name: 'Autres actions' }).click();
        await opened.page.getByRole('menuitem').first().waitFor();
        await assertAccessible(opened.page, 'menu');
        await opened.page.keyboard.press('Escape');
        await opened.page.setViewportSize(DESK);
        await opened.page.getByRole('button', { name: 'Notifications' }).click();
        await opened.page.getByRole('checkbox').first().waitFor();
        await assertAccessible(opened.page, 'notifications');
    });

    test('axe-core finds nothing in the archive, in a question and in the form for a token', async () => {
        const opened = await window();
        await opened.enter(SALON);
        await opened.page.getByRole('button', { name: 'Archivées' }).click();
        await opened.page.getByRole('button', { name: 'Nouvelle conversation' }).click();
        await opened.page.getByRole('radio').first().waitFor();
        await assertAccessibleInAllLooks(opened, 'opening');
        await opened.page.keyboard.press('Escape');
        await opened.page.setViewportSize(DESK);
        await opened.row('Couleur racines').click();
        await opened.page.getByText('Cette conversation est archivée').waitFor();
        await assertAccessible(opened.page, 'archive');
        await opened.page.getByRole('button', { name: 'Supprimer ce message' }).first().click();
        await opened.page.getByRole('dialog').waitFor();
        await assertAccessible(opened.page, 'question');

        const other = await window();
        await other.page.route('**/demo/people.json', (route) => route.fulfill({ status: 404 }));
        await other.page.goto(demo.origin);
        await other.page.getByRole('textbox', { name: 'Jeton' }).fill('pas un jeton');
        await other.page.getByRole('button', { name: 'Ouvrir' }).click();
        await other.page.getByRole('alert').filter({ hasText: 'jeton' }).waitFor();
        await assertAccessible(other.page, 'token');
        await other.page.getByRole('textbox', { name: 'Jeton' }).fill(demo.person(CLIENT).token);
        await other.page.getByRole('button', { name: 'Ouvrir' }).click();
        await other.row('Balayage').waitFor();
    });

    for (const [name, viewport] of [['a telephone of 360 pixels', PHONE], ['200 %', ZOOMED],
        ['400 %', ZOOMED_MORE]])
        test(`on ${name} one reads, writes and goes back`, async () => {
            const opened = await window({ viewport, hasTouch: viewport === PHONE });
            await opened.enter(CLIENT);
            await assertFits(opened);
            const [conversation] = await demo.conversations(CLIENT);
            await opened.openConversation(conversation);
            await assertFits(opened);
            await opened.write(`sur ${name}`);
            await opened.sees(`sur ${name}`);
            await assertFits(opened);
            const box = await opened.sendButton.boundingBox();
            assert.ok(box.y + box.height <= viewport.height, 'the button is in sight');
            assert.ok(box.width >= 24 && box.height >= 24, 'the button is large enough');
            const back = opened.page.getByRole('button', { name: 'Retour aux conversations' });
            if (await back.isVisible())
                await back.click();
            await opened.row(conversation.subject).waitFor();
        });

    test('with the keyboard alone', async () => {
        const opened = await window();
        const { page } = opened;
        const conversation = await demo.book({ prestation: 'Clavier' });
        await page.goto(demo.origin);
        await page.getByRole('button', { name: 'Léa Martin' }).waitFor();
        const focused = () => page.evaluate(() => {
            let element = document.activeElement;
            while (element?.shadowRoot?.activeElement)
                element = element.shadowRoot.activeElement;
            return element?.getAttribute('aria-label') ?? element?.textContent ?? '';
        });
        /** Presses Tab until that has the focus, which must be seen. */
        const tabTo = async (pattern) => {
            const passed = [];
            while (!pattern.test(await focused())) {
                assert.ok(passed.length < 40, `${pattern} is not reached: ${passed}`);
                await page.keyboard.press('Tab');
                passed.push(await focused());
            }
        };
        await tabTo(/Léa Martin/);
        await page.keyboard.press('Enter');
        await opened.isConnected();
        await opened.row(conversation.subject).waitFor();
        await tabTo(/Clavier/);
        await page.keyboard.press('Enter');
        await opened.box.waitFor();
        await tabTo(/Votre message/);
        await page.keyboard.type('sans souris');
        await page.keyboard.press('Shift+Enter');
        await page.keyboard.type('sur deux lignes');
        await page.keyboard.press('Enter');
        await opened.sees('sans souris');
        assert.deepEqual((await opened.texts()).slice(1), ['sans souris\nsur deux lignes']);
        await page.keyboard.press('Shift+Tab');
        await tabTo(/Supprimer ce message/);
        await page.keyboard.press('Enter');
        await page.getByRole('dialog').waitFor();
        await page.keyboard.press('Escape');
        await page.getByRole('dialog').waitFor({ state: 'detached' });
        await opened.sees('sans souris');
    });

    test('who wants less motion gets none', async () => {
        const opened = await window({ reducedMotion: 'reduce' });
        await opened.enter(CLIENT);
        const [conversation] = await demo.conversations(CLIENT);
        await opened.openConversation(conversation);
        await opened.write('sans mouvement');
        await opened.sees('sans mouvement');
        const moving = await opened.page.evaluate(() => document.getAnimations()
            .map((animation) => animation.effect.getComputedTiming().duration)
            .filter((duration) => duration > 10));
        assert.deepEqual(moving, []);
    });
});

// What one does with messages and conversations: quote, copy, delete, link to, print.

import assert from 'node:assert/strict';

import { describeDemo, PHONE } from '../harness/browser.mjs';
import { until } from '../harness/conditions.mjs';
import { CLIENT, SALON } from '../harness/demo.mjs';

const MANY = 120;
const PERMISSIONS = ['clipboard-read', 'clipboard-write'];

describeDemo('what one does with messages', {}, ({ demo, test, window, windowOf }) => {
    const toolOf = (opened, text, name) => opened.message(text).getByRole('button', { name });
    const clipboard = ({ page }) => page.evaluate(() => navigator.clipboard.readText());
    const menuItem = (opened, name) => opened.page.getByRole('menuitem', { name });

    async function openMenu(opened) {
        await opened.page.getByRole('button', { name: 'Autres actions' }).click();
        await opened.page.getByRole('menu').waitFor();
    }

    test('one quotes a message, and both see what is quoted and what is said', async () => {
        const conversation = await demo.book();
        const [salon, client] = await Promise.all([windowOf(SALON), windowOf(CLIENT)]);
        await demo.say(CLIENT, conversation.id, '> Autre chose\n\nQuel soir ?\nMardi ?\nMercredi ?\nJeudi ?');
        await Promise.all([salon.openConversation(conversation),
            client.openConversation(conversation)]);
        await salon.box.fill('Mercredi !');
        await salon.message('Quel soir ?').hover();
        await toolOf(salon, 'Quel soir ?', 'Répondre').click();
        await until('it is quoted', async () => await salon.box.inputValue() ===
            '> Quel soir ?\n> Mardi ?\n> Mercredi ? …\nMercredi !');
        await salon.box.press('Enter');
        for (const opened of [salon, client]) {
            const text = opened.message('Mercredi !').locator('.text');
            await text.locator('.quote').filter({ hasText: 'Quel soir ?' }).waitFor();
            assert.match(await text.innerText(), /Mercredi !$/);
        }
        await client.row(conversation.subject).getByText('Mercredi !', { exact: true }).waitFor();
    });

    test('one copies a message, and the address of a conversation, which leads there', async () => {
        const [first, second] = [await demo.book(), await demo.book()];
        const client = await window({ permissions: PERMISSIONS });
        await client.enterConversation(CLIENT, second);
        await client.write('  à copier,\nen entier');
        await client.seesState('à copier', 'sent');
        await client.message('à copier').hover();
        await toolOf(client, 'à copier', 'Copier').click();
        await client.page.getByText('Message copié').waitFor();
        assert.equal(await clipboard(client), 'à copier,\nen entier');

        await openMenu(client);
        await menuItem(client, 'Copier le lien').click();
        await client.page.getByText('Lien copié').waitFor();
        const address = await clipboard(client);
        assert.equal(new URL(address).hash, `#personne=${CLIENT}&conversation=${second.id}`);
        await client.openConversation(first);
        await client.write(`Voir ${address}`);
        await client.message('Voir').getByRole('link').click();
        await client.sees('à copier');
        assert.equal(client.context.pages().length, 1);
        const other = await client.newTab();
        await other.goto(address);
        await other.getByRole('log').getByText('à copier').waitFor();
    });

    test('the keyboard stops once among the messages, and arrows go through them', async () => {
        const conversation = await demo.book();
        const client = await windowOf(CLIENT);
        for (const [person, text] of [[CLIENT, 'un'], [SALON, 'deux'], [CLIENT, 'trois']])
            await demo.say(person, conversation.id, text);
        await client.openConversation(conversation);
        await client.sees('trois');
        const focused = () => client.page.evaluate(() => {
            const { activeElement } = document.activeElement.shadowRoot;
            return [activeElement.closest('li')?.querySelector('.text').textContent,
                activeElement.getAttribute('aria-label')];
        });
        const press = async (key) => {
            await client.page.keyboard.press(key);
            return focused();
        };
        await client.box.focus();
        assert.deepEqual(await press('Shift+Tab'), ['trois', 'Supprimer ce message']);
        assert.deepEqual(await press('ArrowLeft'), ['trois', 'Copier']);
        assert.deepEqual(await press('ArrowUp'), ['deux', 'Copier']);
        assert.deepEqual(await press('ArrowLeft'), ['deux', 'Répondre']);
        assert.deepEqual(await press('ArrowUp'), ['un', 'Supprimer ce message']);
        assert.deepEqual(await press('ArrowUp'), ['un', 'Supprimer ce message']);
        assert.deepEqual(await press('Tab'), [undefined, 'Votre message']);
        assert.deepEqual(await press('Shift+Tab'), ['un', 'Supprimer ce message']);
    });

    test('a finger finds no button where none is to be seen', async () => {
        const conversation = await demo.book();
        const client = await window({ viewport: PHONE, hasTouch: true, isMobile: true });
        await client.enterConversation(CLIENT, conversation);
        await client.write('à garder');
        await client.seesState('à garder', 'sent');
        const bin = toolOf(client, 'à garder', 'Supprimer ce message');
        const opacity = () => bin.evaluate((button) => getComputedStyle(button.parentNode).opacity);
        assert.equal(await opacity(), '0');
        const { x, y, width, height } = await bin.boundingBox();
        const tap = () => client.page.touchscreen.tap(x + width / 2, y + height / 2);
        await tap();
        await until('it is seen', async () => await opacity() === '1');
        assert.equal(await client.page.getByRole('dialog').count(), 0);
        await tap();
        await client.page.getByRole('dialog').getByRole('button', { name: 'Annuler' }).tap();
        await client.page.getByRole('dialog').waitFor({ state: 'detached' });
        await until('it is hidden again', async () => await opacity() === '0');
    });

    test('on paper there is the whole thread, black on white', async () => {
        const conversation = await demo.book();
        await demo.sayMany(conversation.id, MANY);
        const client = await window({ colorScheme: 'dark' });
        await client.enterConversation(CLIENT, conversation);
        await client.page.emulateMedia({ media: 'print' });
        await client.page.locator('.lines [data-id]').nth(MANY).waitFor();
        const { hidden, isWhole, colours } = await client.page.evaluate(() => {
            const root = document.querySelector('messagerie-app').shadowRoot;
            const log = root.querySelector('.log');
            const own = getComputedStyle(root.querySelector('.own .bubble'));
            return {
                hidden: ['.side', '.composer', '.actions', '.jump'].map((selector) =>
                    getComputedStyle(root.querySelector(selector)).display),
                isWhole: [log.getBoundingClientRect().height - log.scrollHeight,
                    document.documentElement.scrollHeight - log.scrollHeight],
                colours: [own.color, own.backgroundColor],
            };
        });
        assert.deepEqual(hidden, ['none', 'none', 'none', 'none']);
        assert.ok(isWhole.every((rest) => rest > -1), `${isWhole}`);
        assert.deepEqual(colours, ['rgb(0, 0, 0)', 'rgb(255, 255, 255)']);

        // Ctrl+P, and the menu, print when everything is there.
        await demo.messages(SALON, conversation.id);
        const salon = await window();
        await salon.page.addInitScript(() => {
            window.print = () => { document.documentElement.dataset.printed =
                document.querySelector('messagerie-app').shadowRoot.querySelectorAll('.lines [data-id]').length; };
        });
        await salon.enterConversation(SALON, conversation);
        const printed = salon.page.locator(`html[data-printed="${MANY + 1}"]`);
        await salon.box.press('Control+p');
        await printed.waitFor();
        await openMenu(salon);
        await salon.page.keyboard.press('ArrowUp');
        await salon.page.evaluate(() => document.documentElement.removeAttribute('data-printed'));
        await salon.page.keyboard.press('Enter');
        await printed.waitFor();
    });
});

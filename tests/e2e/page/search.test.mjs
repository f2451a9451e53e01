// What was said is found, and shown where it was said.

import assert from 'node:assert/strict';

import { assertAccessible } from '../harness/accessible.mjs';
import { describeDemo } from '../harness/browser.mjs';
import { CLIENT, SALON } from '../harness/demo.mjs';

const fieldOf = ({ page }) => page.getByRole('searchbox', { name: 'Rechercher' });
const foundIn = ({ page }) => page.locator('.found li');
const statusOf = ({ page }) => page.locator('.found [role="status"]');

/** The line of a message, once it is marked and in sight. */
async function seeMarked(opened, text) {
    const line = opened.log.locator('li[data-found]').filter({ hasText: text });
    await line.waitFor();
    const [box, log] = [await line.boundingBox(), await opened.log.boundingBox()];
    assert.ok(box.y >= log.y && box.y + box.height <= log.y + log.height, 'it is in sight');
    await line.and(opened.page.locator(':focus')).waitFor();
}

describeDemo('search', {}, ({ demo, test, window, windowOf }) => {
    test('a message far back is found without accents, and shown in its place', async () => {
        const conversation = await demo.book({ prestation: 'Recherche lointaine' });
        await demo.say(CLIENT, conversation.id, 'La boîte à œillets <b>est</b> restée là-bas');
        await demo.sayMany(conversation.id, 130);
        const salon = await windowOf(SALON);
        await fieldOf(salon).fill('OEILLETS boites');
        await statusOf(salon).filter({ hasText: 'Aucun résultat.' }).waitFor();
        await fieldOf(salon).fill('boite OEILL');
        await foundIn(salon).filter({ hasText: '<b>est</b>' }).waitFor();
        await statusOf(salon).filter({ hasText: '1 résultat' }).waitFor();
        assert.deepEqual(await salon.page.locator('.found mark').allTextContents(), ['boîte', 'œillets']);
        await fieldOf(salon).press('ArrowDown');
        await salon.page.keyboard.press('Enter');
        await seeMarked(salon, 'La boîte à œillets');
        // What comes now moves nothing.
        await demo.say(CLIENT, conversation.id, 'Encore un mot');
        await salon.page.getByRole('button', { name: '1 nouveau message' }).waitFor();
        await seeMarked(salon, 'La boîte à œillets');
    });

    test('Escape goes back: to what was found, to the field, to the list', async () => {
        const salon = await windowOf(SALON);
        const rows = salon.page.locator('.list .items:not(.found *) li');
        await fieldOf(salon).fill('oeillet');
        await foundIn(salon).getByRole('button').first().click();
        await seeMarked(salon, 'œillets');
        assert.equal(await rows.first().isVisible(), false);
        await salon.page.keyboard.press('Escape');
        await foundIn(salon).getByRole('button').first().and(salon.page.locator(':focus')).waitFor();
        await salon.page.keyboard.press('Escape');
        await fieldOf(salon).and(salon.page.locator(':focus')).waitFor();
        await salon.page.keyboard.press('Escape');
        await rows.first().waitFor();
        assert.equal(await fieldOf(salon).inputValue(), '');
        assert.equal(await foundIn(salon).count(), 0);
    });

    test('a conversation is found by a name, on a telephone too', async () => {
        const conversation = await demo.book({ prestation: 'Recherche par sujet' });
        const client = await window({ viewport: { width: 320, height: 640 } });
        await client.enter(CLIENT);
        await fieldOf(client).fill('recherche par suj');
        await foundIn(client).filter({ hasText: 'Recherche par sujet' }).first().waitFor();
        const overflow = await client.page.evaluate(() =>
            document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0);
        await assertAccessible(client.page, 'the search');
        await foundIn(client).getByRole('button').first().click();
        await client.log.locator('li[data-id]').first().waitFor();
        assert.match(client.page.url(), new RegExp(conversation.id));
        await client.page.getByRole('button', { name: 'Retour aux conversations' }).click();
        await foundIn(client).first().waitFor();
    });

    test('without a letter nothing is asked; more is shown on demand', async () => {
        const conversation = await demo.book({ prestation: 'Recherche longue' });
        await demo.sayMany(conversation.id, 30);
        const salon = await windowOf(SALON);
        const asked = () => salon.requests.filter((url) => url.includes('/messaging/search')).length;
        const before = asked();
        await fieldOf(salon).fill('"*…!');
        await fieldOf(salon).fill('message');
        await statusOf(salon).filter({ hasText: 'Plus de 20 résultats' }).waitFor();
        assert.equal(asked(), before + 1);
        await salon.page.getByRole('button', { name: 'Afficher plus de résultats' }).click();
        await statusOf(salon).filter({ hasText: 'Plus de 40 résultats' }).waitFor();
        assert.equal(await foundIn(salon).count(), 40);
        await fieldOf(salon).fill('');
        await salon.row('Recherche longue').waitFor();
    });
});

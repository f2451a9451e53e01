// Writing first: one chooses somebody of one's appointments, and the conversation is there.

import assert from 'node:assert/strict';

import { describeDemo } from '../harness/browser.mjs';
import { CLIENT, SALON } from '../harness/demo.mjs';

const NEW = { name: 'Nouvelle conversation' };

const beginButton = ({ page }) => page.getByRole('button', NEW);
const dialogOf = ({ page }) => page.getByRole('dialog', NEW);

/** Opens the dialog, and waits for those who are offered. */
async function openDialog(opened) {
    await beginButton(opened).click();
    const dialog = dialogOf(opened);
    await dialog.getByRole('radio').first().waitFor();
    return dialog;
}

describeDemo('conversations that one opens', {}, ({ demo, test, window, windowOf }) => {
    test('a salon chooses a client by their name, and both write', async () => {
        const salon = await windowOf(SALON);
        const client = await windowOf(CLIENT);
        const dialog = await openDialog(salon);
        assert.ok(await dialog.getByRole('radio').count() > 1);
        await dialog.getByRole('searchbox', { name: 'Chercher une personne' }).fill('LEA mart');
        await dialog.getByRole('radio', { name: 'Léa Martin', checked: true }).waitFor();
        assert.equal(await dialog.getByRole('radio').count(), 1);
        await dialog.getByRole('textbox', { name: 'Objet (facultatif)' }).fill('Une idée pour vous');
        await salon.page.keyboard.press('Enter');
        await dialog.waitFor({ state: 'detached' });
        await salon.row('Une idée pour vous').waitFor();
        assert.equal(await salon.writes('Bonjour Léa !'), 'sent');
        await client.row('Une idée pour vous').click();
        await client.sees('Bonjour Léa !');
        await client.writes('Bonjour !');
        await salon.sees('Bonjour !');
    });

    test('without a choice nothing is opened; a mistake is told where it is made', async () => {
        const salon = await windowOf(SALON);
        const before = (await demo.conversations(SALON)).length;
        const dialog = await openDialog(salon);
        const begin = dialog.getByRole('button', { name: 'Commencer' });
        await begin.click();
        await dialog.getByRole('alert').filter({ hasText: 'Choisissez une personne.' }).waitFor();
        await dialog.getByRole('radio').first().check();
        await dialog.getByRole('textbox', { name: 'Objet (facultatif)' }).fill('x');
        await begin.click();
        await dialog.getByRole('alert').filter({ hasText: 'subject' }).waitFor();
        await dialog.getByRole('searchbox').fill('zzz');
        await dialog.getByText('Aucun nom ne correspond.').waitFor();
        await salon.page.keyboard.press('Escape');
        await salon.page.keyboard.press('Escape');
        await dialog.waitFor({ state: 'detached' });
        assert.equal((await demo.conversations(SALON)).length, before);
        // The keyboard is where it was.
        await beginButton(salon).and(salon.page.locator(':focus')).waitFor();
    });

    test('a client is not offered it', async () => {
        const client = await window();
        await client.enter(CLIENT);
        const [conversation] = await demo.conversations(CLIENT);
        const asked = client.page.waitForResponse(/conversations\/people/);
        await client.openConversation(conversation);
        assert.deepEqual((await (await asked).json()).data, []);
        assert.equal(await beginButton(client).count(), 0);
    });
});

describeDemo('conversations that clients open, too',
    { environment: { MESSAGERIE_MESSAGING_CLIENTS_MAY_OPEN: 'true' } }, ({ test, windowOf }) => {
        test('a client chooses a salon of theirs, without a word about what', async () => {
            const client = await windowOf(CLIENT);
            const dialog = await openDialog(client);
            const salons = await dialog.getByRole('radio').count();
            await dialog.getByRole('radio', { name: 'Atelier Mèche' }).check();
            await dialog.getByRole('button', { name: 'Commencer' }).click();
            await dialog.waitFor({ state: 'detached' });
            assert.equal(await client.writes('Avez-vous une place demain ?'), 'sent');
            const salon = await windowOf(SALON);
            await salon.page.getByRole('navigation').getByText('une place demain').click();
            await salon.sees('Avez-vous une place demain ?');
            assert.ok(salons >= 1);
        });
    });

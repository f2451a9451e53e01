// What keys do, on a desk and on a telephone, and under an input method.

import assert from 'node:assert/strict';

import { describeDemo, PHONE } from '../harness/browser.mjs';
import { until } from '../harness/conditions.mjs';
import { CLIENT, SALON } from '../harness/demo.mjs';

describeDemo('keys', {}, ({ demo, test, window, windowOf }) => {
    const enter = (opened, init) => opened.box.evaluate((box, more) => !box.dispatchEvent(
        new KeyboardEvent('keydown', {
            key: 'Enter', bubbles: true, composed: true, cancelable: true, ...more,
        })), init);

    /** What is focused, by its name. */
    const focused = ({ page }) => page.evaluate(() => {
        const element = document.activeElement.shadowRoot?.activeElement;
        return element?.closest('[data-id]')?.dataset.id ?? element?.getAttribute('aria-label') ?? '';
    });

    test('Enter sends, but neither under an input method nor when it is held', async () => {
        const conversation = await demo.book();
        const client = await windowOf(CLIENT);
        await client.openConversation(conversation);
        await client.box.fill('にほん');
        for (const init of [{ isComposing: true }, { keyCode: 229 }, { repeat: true }, { shiftKey: true }]) {
            await enter(client, init);
            assert.equal(await client.box.inputValue(), 'にほん', JSON.stringify(init));
        }
        // As Safari orders its events.
        await client.box.evaluate((box) => ['compositionstart', 'compositionend'].forEach((type) =>
            box.dispatchEvent(new CompositionEvent(type, { bubbles: true, composed: true }))));
        await enter(client, { keyCode: 229 });
        assert.equal(await client.box.inputValue(), 'にほん');
        await client.box.press('Enter');
        await client.box.fill('et avec Ctrl');
        await client.box.press('Control+Enter');
        await client.sees('et avec Ctrl');
        assert.deepEqual((await client.texts()).slice(1), ['にほん', 'et avec Ctrl']);
    });

    test('on a telephone Enter begins a line, and its key says so', async () => {
        const conversation = await demo.book();
        const desk = await windowOf(CLIENT);
        await desk.openConversation(conversation);
        assert.equal(await desk.box.getAttribute('enterkeyhint'), 'send');
        const phone = await window({ viewport: PHONE, hasTouch: true, isMobile: true });
        await phone.enterConversation(CLIENT, conversation);
        assert.equal(await phone.box.getAttribute('enterkeyhint'), 'enter');
        await phone.box.pressSequentially('une\ndeux');
        assert.equal(await phone.box.inputValue(), 'une\ndeux');
        await phone.box.press('Control+Enter');
        await phone.sees('une');
        assert.equal(await phone.box.inputValue(), '');
    });

    test('blank lines around a text are not sent', async () => {
        const conversation = await demo.book();
        const client = await windowOf(CLIENT);
        await client.openConversation(conversation);
        await client.box.fill(' \n\u00a0\n');
        assert.ok(await client.sendButton.isDisabled());
        await client.write('\n\n  Merci,\n\nLéa  \n\n');
        await client.sees('Merci');
        await until('it is stored so', async () =>
            (await demo.messages(CLIENT, conversation.id)).at(-1).content === 'Merci,\n\nLéa');
    });

    test('arrows go through the list, Escape out of a conversation', async () => {
        for (const viewport of [undefined, PHONE]) {
            const salon = await window({ viewport });
            await salon.enter(SALON);
            const ids = (await demo.ask(SALON, 'GET', '/messaging/conversations?limit=30&status=ACTIVE'))
                .data.map(({ id }) => id);
            const press = async (key) => {
                await salon.page.keyboard.press(key);
                return focused(salon);
            };
            await salon.page.locator('.row').first().focus();
            assert.equal(await press('ArrowDown'), ids[1]);
            assert.equal(await press('ArrowUp'), ids[0]);
            assert.equal(await press('ArrowUp'), ids[0]);
            assert.equal(await press('End'), ids.at(-1));
            assert.equal(await press('Home'), ids[0]);
            await press('ArrowDown');
            assert.equal(await press('Enter'), 'Votre message');
            await salon.page.keyboard.type('un début');
            assert.equal(await press('Escape'), ids[1]);
            await salon.box.waitFor({ state: 'hidden' });
            await press('Enter');
            assert.equal(await salon.box.inputValue(), 'un début');
            await salon.box.fill('');
            await press('Escape');
            assert.equal(await press('Escape'), ids[1]);
        }
    });
});

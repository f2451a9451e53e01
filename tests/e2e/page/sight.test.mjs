// What nobody sees is not read, however the site hides the widget; what is seen is, and soon.

import assert from 'node:assert/strict';

import { until } from '../harness/conditions.mjs';
import { CLIENT, SALON } from '../harness/demo.mjs';
import { UNREAD_TOTAL } from '../harness/paths.mjs';
import { describeSite } from '../harness/site.mjs';

const MANY = 30;

/** How the site hides the widget; each is undone by emptying what it has set. */
const HIDDEN = {
    'with the attribute hidden': (widget) => { widget.hidden = true; },
    'with a display of none around it': (widget, around) => { around.style.display = 'none'; },
    'with a visibility of hidden': (widget, around) => { around.style.visibility = 'hidden'; },
    'out of the window to the left':
        (widget, around) => { around.style.cssText = 'position: absolute; left: -4000px'; },
    'shrunk to nothing': (widget, around) => { around.style.transform = 'scale(0)'; },
    'nearly transparent, in two steps':
        (widget, around) => { widget.style.opacity = '.25'; around.style.opacity = '.25'; },
    'transparent by a filter': (widget, around) => { around.style.filter = 'opacity(0)'; },
    'in a box without height':
        (widget, around) => { around.style.cssText = 'height: 0; overflow: hidden'; },
    'cut away': (widget, around) => { around.style.clipPath = 'inset(50%)'; },
    'below the fold': (widget, around) => { around.style.marginTop = '300vh'; },
    'with its end below the fold': (widget, around) => { around.style.marginTop = '60vh'; },
    'behind something opaque': () => {
        document.querySelector('h1').style.cssText = 'position: fixed; inset: 0; z-index: 1; background: #fff';
    },
};

await describeSite('what is read', ({ demo, test, windowOf, site, visit }) => {
    const unread = async () => (await demo.ask(CLIENT, 'GET', UNREAD_TOTAL)).totalUnread;

    /** A client's window on the site, with that conversation alone in the widget. */
    async function visitWith(conversation, options) {
        site.serve('/lu', {
            attributes: `conversation="${conversation.id}"`,
            script: `document.querySelector('messagerie-conversation').token =
                await (await fetch('/token')).text();`,
        });
        site.tokens = [demo.person(CLIENT).token];
        const visitor = await visit('/lu', options);
        await visitor.isConnected();
        return visitor;
    }

    test('a widget that nobody can see reads nothing, and reads it when it is shown', async () => {
        const conversation = await demo.book({ prestation: 'Caché' });
        const salon = await windowOf(SALON);
        await salon.openConversation(conversation);
        const visitor = await visitWith(conversation);
        await visitor.sees('est confirmé');
        const before = await unread();
        for (const [name, hide] of Object.entries(HIDDEN)) {
            await visitor.page.evaluate(`(${hide})(document.querySelector('messagerie-conversation'),
                document.querySelector('#around'))`);
            await until(`${name}: it stays unread`, async () => await salon.writes(name) === 'sent');
            const unseen = await unread();
            await demo.say(SALON, conversation.id, `${name}, par une autre porte`);
            assert.equal(await salon.writes(`${name}, encore`), 'sent');
            assert.equal(await unread(), unseen + 2, name);
            await visitor.page.evaluate(() => {
                const widget = document.querySelector('messagerie-conversation');
                widget.hidden = false;
                for (const node of document.querySelectorAll('messagerie-conversation, #around, h1'))
                    node.removeAttribute('style');
                widget.scrollIntoView();
            });
            await until(`${name}: it is read when it is shown`, async () => await unread() === before);
        }
    });

    test('in a closed dialog or popover nothing is read; in an open one it is', async () => {
        for (const kind of ['dialog', 'popover']) {
            const conversation = await demo.book({ prestation: kind });
            const salon = await windowOf(SALON);
            await salon.openConversation(conversation);
            const visitor = await visitWith(conversation);
            await visitor.sees('est confirmé');
            const before = await unread();
            await visitor.page.evaluate((name) => {
                const box = document.createElement(name === 'dialog' ? name : 'div');
                if (name === 'popover')
                    box.popover = 'auto';
                document.body.append(box);
                box.append(document.querySelector('messagerie-conversation'));
            }, kind);
            await until(`${kind}: it stays unread`, async () => await salon.writes('dedans') === 'sent');
            assert.equal(await salon.writes('toujours'), 'sent');
            await visitor.page.evaluate(() => {
                document.querySelector('dialog')?.showModal();
                document.querySelector('[popover]')?.showPopover();
            });
            await visitor.sees('toujours');
            await until(`${kind}: read`, async () => await unread() === before);
        }
    });

    test('what comes while one reads further up is not read, and a button leads to it', async () => {
        const conversation = await demo.book({ prestation: 'Plus haut' });
        await demo.sayMany(conversation.id, MANY);
        const [salon, client] = await Promise.all([windowOf(SALON), windowOf(CLIENT)]);
        await Promise.all([salon.openConversation(conversation),
            client.openConversation(conversation)]);
        const before = await unread();
        const jump = client.page.getByRole('button', { name: /nouveaux? messages?/ });
        await client.log.evaluate((log) => { log.scrollTop = 0; });
        await until('it stays unread', async () => await salon.writes('en bas') === 'sent');
        const unseen = await unread() - before;
        await demo.say(SALON, conversation.id, 'tout en bas');
        await client.page.getByRole('button', { name: new RegExp(`^${unseen + 1} nouveau`) }).waitFor();
        assert.equal(await client.message('tout en bas').count(), 0);
        await jump.click();
        await client.sees('tout en bas');
        await until('read', async () => await unread() === before);
        await client.log.getByText('Nouveaux messages').waitFor();
        await jump.waitFor({ state: 'hidden' });
    });

    test('a conversation opens where what is new begins, however much that is', async () => {
        const client = await windowOf(CLIENT);
        const other = await demo.book({ prestation: 'À côté' });
        for (const count of [1, MANY, 130]) {
            const conversation = await demo.book({ prestation: `Nouveau ${count}` });
            await demo.sayMany(conversation.id, MANY);
            await client.openConversation(conversation);
            await client.openConversation(other);
            await client.row(conversation.subject).locator('.badge').waitFor({ state: 'detached' });
            await demo.sayMany(conversation.id, count, [SALON]);
            const first = (await demo.messages(SALON, conversation.id)).at(-count);
            await client.row(conversation.subject).getByText(new RegExp(`^, ${count} message`))
                .waitFor();
            await client.openConversation(conversation);
            await client.log.locator(`[data-id="${first.id}"]`).waitFor();
            const { line, next, inSight } = await client.log.evaluate((log) => {
                const node = log.querySelector('.new');
                const frame = log.getBoundingClientRect();
                const isInSight = (place) => place.top >= frame.top && place.bottom <= frame.bottom;
                return { line: node.textContent, next: node.nextSibling.dataset.id,
                    inSight: [node.previousSibling, node.nextSibling]
                        .map((one) => isInSight(one.getBoundingClientRect())) };
            });
            assert.deepEqual([line, next], ['Nouveaux messages', first.id], `${count}`);
            assert.deepEqual(inSight, [true, true], `${count}: what was read last, and what is new`);
            // It has been shown: it is read, and gone with the answer.
            await client.write('vu');
            await client.log.getByText('Nouveaux messages').waitFor({ state: 'detached' });
        }
    });
});

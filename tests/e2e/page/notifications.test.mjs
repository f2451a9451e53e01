// How one is told of what one does not see, and how others are told that one is away.

import assert from 'node:assert/strict';

import { describeDemo } from '../harness/browser.mjs';
import { until } from '../harness/conditions.mjs';
import { CLIENT, SALON } from '../harness/demo.mjs';
import { UNREAD_TOTAL } from '../harness/paths.mjs';

const MINUTE_MS = 60_000;

/** Notes, for the test, what the page has the browser do. */
function record() {
    window.told = [];
    window.notes = 0;
    window.badge = undefined;
    const Original = window.Notification;
    window.Notification = class extends Original {
        constructor(title, options) {
            super(title, options);
            window.told.push({ title, body: options.body });
            window.last = this;
        }
    };
    const { start } = OscillatorNode.prototype;
    OscillatorNode.prototype.start = function (...args) {
        window.notes++;
        return start.apply(this, args);
    };
    navigator.setAppBadge = async (count) => { window.badge = count; };
    navigator.clearAppBadge = async () => { window.badge = 0; };
}

describeDemo('being told', { isWholeBrowser: true }, ({ demo, test, window }) => {
    async function open(permissions = ['notifications']) {
        const opened = await window({ permissions });
        await opened.context.addInitScript(record);
        await opened.enter(CLIENT);
        return opened;
    }

    const bell = ({ page }) => page.getByRole('button', { name: 'Notifications' });

    /** Opens the choice, and changes what is named. */
    async function choose(opened, ...names) {
        await bell(opened).click();
        await opened.page.getByRole('dialog').waitFor();
        for (const name of names)
            await opened.page.getByRole('checkbox', { name }).click();
        await opened.page.keyboard.press('Escape');
        await opened.page.getByRole('dialog').waitFor({ state: 'detached' });
    }

    const told = (...pages) => Promise.all(pages.map((page) => page.evaluate(() => window.told)))
        .then((all) => all.flat());
    const unread = async () => (await demo.ask(CLIENT, 'GET', UNREAD_TOTAL)).totalUnread;

    test('of a message that nobody sees one notification comes, over all tabs', async () => {
        const conversation = await demo.book({ prestation: 'Prévenir' });
        const client = await open();
        await choose(client);
        const second = await client.newTab();
        await client.enter(CLIENT, second);
        const pages = [client.page, second];
        for (const page of pages)
            await client.setHidden(true, page);
        const before = await unread();
        const others = before - (await demo.conversations(CLIENT))
            .find(({ id }) => id === conversation.id).unreadCount;
        await demo.say(SALON, conversation.id, `Toujours d’accord ? ${'Oui ou non. '.repeat(40)}👩🏽‍🎨`);
        await until('it has come', async () => (await told(...pages)).length > 0);
        // What comes after it is told after it, in whichever tab.
        await demo.say(SALON, conversation.id, 'Encore une question');
        await until('so has the next', async () =>
            (await told(...pages)).some(({ body }) => body === 'Encore une question'));
        const all = await told(...pages);
        assert.equal(all.length, 2, JSON.stringify(all));
        assert.equal(all[0].title, 'Atelier Mèche');
        assert.match(all[0].body, /^Toujours d’accord \?/);
        assert.ok(all[0].body.length <= 200);
        assert.equal(await unread(), before + 2);
        assert.equal(await client.page.evaluate(() => window.notes), 0);

        // It leads to the conversation.
        const page = (await told(client.page)).length > 0 ? client.page : second;
        await page.evaluate(() => window.last.onclick());
        await client.setHidden(false, page);
        await page.getByRole('log').getByText('Encore une question').waitFor();
        await until('read', async () => await unread() === others);
    });

    test('of what is seen in one tab no other tab tells', async () => {
        const conversation = await demo.book({ prestation: 'Vu' });
        const client = await open();
        await client.openConversation(conversation);
        const second = await client.newTab();
        await client.enter(CLIENT, second);
        await client.setHidden(true, second);
        await demo.say(SALON, conversation.id, 'sous les yeux');
        await client.sees('sous les yeux');
        const other = await demo.book({ prestation: 'Pas vu' });
        await demo.say(SALON, other.id, 'ailleurs');
        await until('the other one is told', async () =>
            (await told(client.page, second)).some(({ body }) => body === 'ailleurs'));
        assert.ok(!(await told(client.page, second)).some(({ body }) => body === 'sous les yeux'));
    });

    test('sound is a choice, and so is silence', async () => {
        const conversation = await demo.book({ prestation: 'Son' });
        const client = await open();
        await choose(client, 'Son discret');
        const notes = () => client.page.evaluate(() => window.notes);
        const played = await notes();
        assert.ok(played > 0, 'one hears what one has chosen');
        await client.setHidden(true);
        await demo.say(SALON, conversation.id, 'ding');
        await until('a sound', async () => await notes() > played);
        await until('and a notification', async () => (await told(client.page)).length === 1);

        await client.setHidden(false);
        await choose(client, 'Son discret', 'Notifications du navigateur');
        const silent = await notes();
        await client.setHidden(true);
        await demo.say(SALON, conversation.id, 'en silence');
        await until('the title counts it', async () => await client.page.title() === `(${await unread()}) Messagerie`);
        await client.page.reload();
        await client.isConnected();
        await bell(client).click();
        for (const name of ['Son discret', 'Notifications du navigateur'])
            assert.equal(await client.page.getByRole('checkbox', { name }).isChecked(), false);
        assert.deepEqual([await notes(), await told(client.page), silent > 0], [0, [], true]);
    });

    test('a browser that refuses is believed', async () => {
        const client = await open([]);
        await bell(client).click();
        const choice = client.page.getByRole('checkbox', { name: 'Notifications du navigateur' });
        await choice.click();
        await client.page.getByText('Votre navigateur les refuse').waitFor();
        assert.equal(await choice.isChecked(), false);
    });

    test('the page\'s icon and the application\'s badge count', async () => {
        const conversation = await demo.book({ prestation: 'Icône' });
        const client = await open();
        await client.openConversation(conversation);
        await client.setHidden(true);
        await demo.say(SALON, conversation.id, 'un de plus');
        const icon = () => client.page.locator('link[rel="icon"]').getAttribute('href');
        await until('the badge counts', async () =>
            await client.page.evaluate(() => window.badge) === await unread());
        assert.match(await icon(), /icon-unread-/);
        for (const { id } of await demo.conversations(CLIENT))
            await demo.messages(CLIENT, id);
        await until('nothing is left', async () => await client.page.evaluate(() => window.badge) === 0);
        assert.doesNotMatch(await icon(), /icon-unread-/);
    });

    test('the page can be installed', async () => {
        const client = await open();
        const session = await client.context.newCDPSession(client.page);
        const { errors, data } = await session.send('Page.getAppManifest');
        assert.deepEqual(errors, []);
        const { name, icons } = JSON.parse(data);
        assert.equal(name, 'Messagerie');
        for (const { src, type } of icons) {
            const { status, headers } = await demo.request({ path: src });
            assert.deepEqual([status, headers['content-type'].split(';')[0]], [200, type]);
        }
        const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
        // Windows of a test are always private ones.
        assert.deepEqual(installabilityErrors.map(({ errorId }) => errorId), ['in-incognito']);
    });

    test('a page that is long behind others says that one is away, and when one is back', async () => {
        const conversation = await demo.book({ prestation: 'Absence' });
        const salon = await window();
        await salon.enterConversation(SALON, conversation);
        const presence = salon.page.locator('.head .presence');
        const client = await window();
        const sent = [];
        const note = (payload) => {
            for (const packet of String(payload).split('\x1e')) {
                const [, event] = /^42\/messaging,(?:\d+)?(\["presence".*)$/.exec(packet) ?? [];
                if (event)
                    sent.push(JSON.parse(event)[1].state);
            }
        };
        // Over either transport: a clock that leaps may let a WebSocket count as silent.
        client.page.on('websocket', (socket) => socket.on('framesent',
            ({ payload }) => note(payload)));
        client.page.on('request', (request) => {
            if (request.method() === 'POST' && request.url().includes('/socket.io/'))
                note(request.postData() ?? '');
        });
        await client.page.clock.install();
        await client.enterConversation(CLIENT, conversation);
        await presence.getByText('En ligne').waitFor();
        await client.page.clock.runFor(MINUTE_MS / 2);
        await client.setHidden(true);
        await client.page.clock.runFor(4 * MINUTE_MS);
        await client.setHidden(false);
        await client.setHidden(true);
        await client.page.clock.runFor(4 * MINUTE_MS);
        assert.ok(!sent.includes('away')); // that one is here is said when it was silent for long
        await client.page.clock.runFor(2 * MINUTE_MS);
        // To each new connection again.
        await until('away', () => sent.at(-1) === 'away');
        await client.isConnected();
        await presence.getByText('Hors ligne').waitFor();
        await client.setHidden(false);
        await until('here', () => sent.at(-1) === 'here');
        await presence.getByText('En ligne').waitFor();
    });
});

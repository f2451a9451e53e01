// The core of it in a second browser: Debian's Firefox.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { io } from 'socket.io-client';

import { until } from '../harness/conditions.mjs';
import { CLIENT, Demo, SALON } from '../harness/demo.mjs';
import { launchFirefox, Tab } from '../harness/firefox.mjs';
import { freePort } from '../harness/http.mjs';
import { UNREAD_TOTAL } from '../harness/paths.mjs';
import { Site } from '../harness/site.mjs';

describe('in Firefox', () => {
    const demo = new Demo();
    let browser;
    let site;

    before(async () => {
        const port = await freePort();
        demo.environment = { FRONTEND_URL: `http://localhost:${port}` };
        await demo.start();
        site = new Site(port, demo.origin);
        await site.start();
        browser = await launchFirefox();
    });
    after(async () => {
        await browser?.close();
        await site?.stop();
        await demo.stop();
    });

    const unread = async () => (await demo.ask(CLIENT, 'GET', UNREAD_TOTAL)).totalUnread;

    /** Runs `body` with a tab in which nothing may go wrong. */
    const test = (title, body) => it(title, async () => {
        const tab = await Tab.open(browser);
        try {
            await body(tab);
            assert.deepEqual(tab.problems, []);
        } finally {
            await tab.close();
        }
    });

    test('one chooses who to be, reads, writes, and is read', async (tab) => {
        const conversation = await demo.book({ prestation: 'Renard' });
        await demo.say(SALON, conversation.id, 'Voir https://exemple.fr/a_(b), ou au 06 12 34 56 78');
        await tab.page.goto(demo.origin);
        await tab.click('.person', 'Léa Martin');
        await tab.click('.row', conversation.subject);
        await tab.sees('.new', 'Nouveaux messages');
        assert.deepEqual(await tab.ask((element, root) =>
            [...root.querySelectorAll('.text a')].map((link) => link.getAttribute('href'))),
        ['https://exemple.fr/a_(b)', 'tel:0612345678']);
        await tab.isConnected();
        await tab.type('depuis Firefox');
        await tab.page.keyboard.press('Enter');
        await tab.sees('.own[data-state="sent"]', 'depuis Firefox');
        await demo.say(SALON, conversation.id, 'bien reçu');
        await tab.sees('.other', 'bien reçu');
        await until('read', async () => (await demo.messages(SALON, conversation.id)).at(-1).isRead);
        await demo.messages(SALON, conversation.id);
        await tab.sees('.own[data-state="read"]', 'depuis Firefox');
        assert.deepEqual((await tab.texts()).slice(-2), ['depuis Firefox', 'bien reçu']);
    });

    test('the keyboard goes through the list, into a conversation and out again', async (tab) => {
        await tab.page.goto(`${demo.origin}/#personne=${SALON}`);
        await tab.sees('.row');
        await tab.ask((element, root) => root.querySelector('.row').focus());
        const press = async (key) => {
            await tab.page.keyboard.press(key);
            return tab.ask((element, root) => [...root.querySelectorAll('.row')].indexOf(root.activeElement));
        };
        assert.equal(await press('ArrowDown'), 1);
        assert.equal(await press('ArrowUp'), 0);
        await press('Enter');
        await tab.sees('.text');
        await tab.page.keyboard.type('un début');
        assert.equal(await tab.draft(), 'un début');
        assert.equal(await press('Escape'), 0);
        await press('Enter');
        assert.equal(await tab.draft(), 'un début');
    });

    test('a draft is there after a reload', async (tab) => {
        const conversation = await demo.book({ prestation: 'Brouillon' });
        await tab.page.goto(`${demo.origin}/#personne=${CLIENT}&conversation=${conversation.id}`);
        await tab.sees('.text', 'est confirmé');
        await tab.isConnected();
        await tab.type('un brouillon');
        await tab.page.reload();
        await tab.sees('.text', 'est confirmé');
        assert.equal(await tab.draft(), 'un brouillon');
    });

    test('the widget is isolated, light, and reads nothing that is not seen', async (tab) => {
        const conversation = await demo.book({ prestation: 'Widget' });
        site.serve('/', {
            attributes: `conversation="${conversation.id}"`,
            style: `html { font-size: 62.5% } body, body * { letter-spacing: 9px; text-transform: uppercase;
                text-decoration: line-through; color: lime; visibility: inherit }`,
            script: `const widget = document.querySelector('messagerie-conversation');
                widget.getToken = async () => (await fetch('/token')).text();`,
        });
        site.tokens = ['', demo.person(CLIENT).token];
        await tab.page.goto(`${site.origin}/`);
        await tab.sees('.text', 'est confirmé');
        const style = await tab.ask((element, root) => {
            const { fontSize, letterSpacing, textTransform, color } =
                getComputedStyle(root.querySelector('.text'));
            return [Number.parseFloat(fontSize) > 14, letterSpacing, textTransform, color,
                getComputedStyle(root.querySelector('.frame')).backgroundColor];
        });
        assert.deepEqual(style, [true, 'normal', 'none', 'rgb(29, 34, 38)', 'rgb(251, 250, 248)']);
        await tab.isConnected();

        const before = await unread();
        const salon = io(`${demo.origin}/messaging`, { auth: { token: demo.person(SALON).token } });
        const isReadAtOnce = async (content) => {
            const { message } = await salon.emitWithAck('send-message',
                { conversationId: conversation.id, content });
            return message.isRead;
        };
        const around = (css) => tab.page.evaluate((text) => {
            document.querySelector('#around').style.cssText = text;
        }, css);
        for (const css of ['display: none', 'opacity: 0', 'transform: translateX(300vw)']) {
            await around(css);
            await until(`${css}: it stays unread`, async () => !await isReadAtOnce(css));
            assert.equal(await isReadAtOnce(css), false);
            await around('');
            await until(`${css}: it is read`, async () => await unread() === before);
        }
        salon.close();
    });
});

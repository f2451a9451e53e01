// The widget on a site that is not kind to it: its styles, its keys, its colours, its history.

import assert from 'node:assert/strict';

import { PHONE } from '../harness/browser.mjs';
import { until } from '../harness/conditions.mjs';
import { CLIENT, SALON } from '../harness/demo.mjs';
import { describeSite } from '../harness/site.mjs';

const SCRIPT = `document.querySelector('messagerie-conversation').token =
    await (await fetch('/token')).text();`;

// Everything that is inherited, and what sites like to set for all elements.
const UNKIND = `
    html { font-size: 62.5%; writing-mode: horizontal-tb; }
    html, body, body * {
        font: italic small-caps 900 9px/3 fantasy; font-stretch: expanded; font-size-adjust: .9;
        font-feature-settings: "smcp"; font-kerning: none; font-variant-numeric: oldstyle-nums;
        color: lime; caret-color: red; accent-color: red; text-shadow: 1px 1px red;
        text-align: right; text-align-last: right; text-indent: 40px; text-transform: uppercase;
        text-decoration: line-through; text-emphasis: "x"; text-underline-position: under;
        text-rendering: geometricPrecision; text-wrap: nowrap; -webkit-text-stroke: 2px red;
        -webkit-text-fill-color: red; letter-spacing: 9px; word-spacing: 30px; white-space: nowrap;
        word-break: break-all; overflow-wrap: anywhere; hyphens: auto; line-break: anywhere;
        tab-size: 20; quotes: "<" ">"; list-style: square inside; direction: rtl; orphans: 9; widows: 9;
        cursor: crosshair; border-spacing: 9px; empty-cells: hide; caption-side: bottom;
        border-collapse: collapse; image-rendering: pixelated; paint-order: stroke; fill: red;
        stroke: red; stroke-width: 9; user-select: none; -webkit-user-drag: none;
        -webkit-font-smoothing: antialiased; zoom: 1; hanging-punctuation: first; ruby-position: under;
        box-sizing: border-box; transition: all 5s; outline: 3px solid red; padding: 0; margin: 0;
    }
    button, textarea, input, p, h2, li, a { background: red !important; border: 9px solid !important; }
    messagerie-conversation { transition: none !important; }`;

await describeSite('the widget on an unkind site', ({ demo, test, site, visit }) => {
    async function visitOne(path, { conversation, style, script = SCRIPT, attributes, ...options }) {
        site.serve(path, {
            style, script,
            attributes: attributes ?? `conversation="${conversation.id}"`,
        });
        site.tokens = [demo.person(CLIENT).token];
        const visitor = await visit(path, options);
        await visitor.isConnected();
        if (conversation && attributes === undefined)
            await visitor.sees('est confirmé');
        return visitor;
    }

    /** Every property of everything in it, as the browser has computed it. */
    const looks = (visitor) => visitor.page.evaluate(() => {
        const { shadowRoot } = document.querySelector('messagerie-conversation');
        return [...shadowRoot.querySelectorAll('*')].map((node) => {
            const style = getComputedStyle(node);
            return [`${node.localName}.${node.getAttribute('class')}`,
                Object.fromEntries([...style].map((name) => [name, style[name]]))];
        });
    });

    test('none of its styles comes through', async () => {
        const conversation = await demo.book({ prestation: 'Styles' });
        await demo.say(SALON, conversation.id, 'Bonjour, voir https://exemple.fr/');
        await demo.messages(CLIENT, conversation.id);
        const size = 'body { margin: 0 } messagerie-conversation { position: fixed; inset: 0; '
            + 'width: 600px; height: 500px !important }';
        const kind = await visitOne('/gentil', { conversation, style: size });
        const unkind = await visitOne('/mechant', { conversation, style: UNKIND + size });
        const [expected, seen] = [await looks(kind), await looks(unkind)];
        assert.equal(seen.length, expected.length);
        const differences = seen.flatMap(([node, style], index) => Object.keys(style)
            .filter((name) => style[name] !== expected[index][1][name])
            .map((name) => `${node}: ${name}: ${style[name]}, not ${expected[index][1][name]}`));
        assert.deepEqual(differences, []);
    });

    test('what the site sets for it does: colours, letters, their size', async () => {
        const conversation = await demo.book({ prestation: 'Réglages' });
        const visitor = await visitOne('/reglages', { conversation, style: `messagerie-conversation {
            --messagerie-font: monospace; --messagerie-font-size: 20px;
            --messagerie-background: rgb(1, 2, 3); }` });
        const style = await visitor.page.locator('messagerie-conversation').evaluate((widget) => {
            const { backgroundColor, fontFamily } =
                getComputedStyle(widget.shadowRoot.querySelector('.frame'));
            const { fontSize } = getComputedStyle(widget.shadowRoot.querySelector('textarea'));
            return [backgroundColor, fontFamily, fontSize];
        });
        assert.deepEqual(style, ['rgb(1, 2, 3)', 'monospace', '20px']);
    });

    test('it is light, as the site, unless it is told or the site has colour schemes', async () => {
        const conversation = await demo.book({ prestation: 'Couleurs' });
        const visitor = await visitOne('/couleurs', { conversation });
        const isDark = () => visitor.page.locator('messagerie-conversation').evaluate((widget) => {
            const colour = getComputedStyle(widget.shadowRoot.querySelector('.frame')).backgroundColor;
            return Number(/\d+/.exec(colour)[0]) < 128;
        });
        for (const [page, around, theme, inLight, inDark] of [
            ['', '', '', false, false],
            ['light dark', '', '', false, true],
            ['dark', '', '', true, true],
            ['', 'dark', '', true, true],
            ['light dark', '', 'light', false, false],
            ['', '', 'dark', true, true],
            ['', '', 'auto', false, true],
        ]) {
            await visitor.page.evaluate(([ofPage, ofAround, attribute]) => {
                document.documentElement.style.colorScheme = ofPage;
                document.querySelector('#around').style.colorScheme = ofAround;
                document.querySelector('messagerie-conversation').dataset.theme = attribute;
            }, [page, around, theme]);
            const seen = [];
            for (const colorScheme of ['light', 'dark']) {
                await visitor.page.emulateMedia({ colorScheme });
                seen.push(await isDark());
            }
            assert.deepEqual(seen, [inLight, inDark], `${page}, ${around}, ${theme}`);
        }
    });

    test('what one types in it is not the site\'s, but for Escape, Tab and combinations', async () => {
        const conversation = await demo.book({ prestation: 'Touches' });
        const visitor = await visitOne('/touches', { conversation, script: `${SCRIPT}
            window.fired = [];
            window.early = [];
            const isText = (node) => /INPUT|TEXTAREA/.test(node.tagName) || node.isContentEditable;
            for (const type of ['keydown', 'keyup', 'keypress', 'input', 'paste', 'beforeinput'])
                document.addEventListener(type, (event) => {
                    window.fired.push(event.key ?? type);
                    if ('s/?'.includes(event.key))
                        event.preventDefault();
                });
            window.addEventListener('keydown', (event) => {
                if (!isText(event.target) && !event.ctrlKey && !event.altKey)
                    window.early.push(event.key);
            }, true);` });
        await visitor.box.click();
        const { keyboard } = visitor.page;
        await keyboard.type('faststream /? été');
        for (const key of ['ArrowLeft', 'ArrowRight', 'Shift+Enter'])
            await keyboard.press(key);
        await keyboard.insertText('à la ligne');
        assert.equal(await visitor.box.inputValue(), 'faststream /? été\nà la ligne');
        assert.deepEqual(await visitor.page.evaluate(() => [window.fired, window.early]), [[], []]);
        for (const key of ['Escape', 'Control+k', 'Alt+s', 'Tab'])
            await keyboard.press(key);
        const fired = new Set(await visitor.page.evaluate(() => window.fired));
        for (const key of ['Escape', 'k', 's', 'Tab'])
            assert.ok(fired.has(key), key);
        await visitor.box.press('Enter');
        await visitor.sees('à la ligne');
        assert.ok(!(await visitor.page.evaluate(() => window.fired)).includes('Enter'));
    });

    test('the back button closes a conversation, and does not leave the site', async () => {
        const conversation = await demo.book({ prestation: 'Retour' });
        for (const viewport of [undefined, PHONE]) {
            const visitor = await visitOne('/retour', {
                conversation, attributes: '', viewport, script: `${SCRIPT}
                history.replaceState({ site: 'mien' }, '');`,
            });
            const address = visitor.page.url();
            const place = () => visitor.page.evaluate(() => [location.href, history.state.site]);
            await visitor.openConversation(conversation);
            await visitor.page.goBack();
            await visitor.box.waitFor({ state: 'hidden' });
            await visitor.row(conversation.subject).waitFor();
            assert.deepEqual(await place(), [address, 'mien']);
            await visitor.page.goForward();
            await visitor.sees('est confirmé');
            // What the site does with the history is its own.
            await visitor.page.evaluate(() => { location.hash = 'suite'; });
            assert.ok(await visitor.box.isVisible());
            await visitor.page.goBack();
            await visitor.sees('est confirmé');
            const back = visitor.page.getByRole('button', { name: 'Retour aux conversations' });
            if (viewport) {
                await back.click();
                await visitor.row(conversation.subject).waitFor();
                await until('the step is taken back', async () =>
                    !await visitor.page.evaluate(() => history.state?.messagerie));
                assert.deepEqual(await place(), [address, 'mien']);
            }
        }
    });

    test('with history="none" the history is left alone', async () => {
        const conversation = await demo.book({ prestation: 'Sans' });
        const visitor = await visitOne('/sans', { conversation, attributes: 'history="none"' });
        const before = await visitor.page.evaluate(() => history.length);
        await visitor.openConversation(conversation);
        assert.deepEqual(await visitor.page.evaluate(() => [history.length, history.state]),
            [before, null]);
    });
});

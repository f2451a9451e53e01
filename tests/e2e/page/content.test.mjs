// What the page shows and loads: long histories, hostile texts, and how much it is.

import assert from 'node:assert/strict';

import { describeDemo } from '../harness/browser.mjs';
import { until } from '../harness/conditions.mjs';
import { CLIENT, SALON } from '../harness/demo.mjs';

const ERASED = 'demo-hugo';
const HISTORY_MESSAGES = 1000;
const FIRST_BYTES_MAX = 40 * 1024;
const ALL_BYTES_MAX = 60 * 1024;
const CONTENT_MAX_CHARACTERS = 10_000;

const HOSTILE = [
    '<img src=x onerror="alert(1)">',
    '<script>alert(1)</script>',
    '<a href="javascript:alert(1)">gratuit</a>',
    'javascript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'https://exemple.fr/"onmouseover="alert(1)',
    '</p></div><style>*{display:none}</style>',
    '&lt;b&gt; &amp; &#60;i&#62; {{constructor}} ${alert(1)}',
    '\u202Egnp.exe \u202E\u2066retourné\u2069 suite',
    'e\u0301\u0323\u0304 \u{1F469}\u200D\u{1F469}\u200D\u{1F466} \u0489 zalgo h\u0335\u0321e\u0336',
    'مرحبا, bonjour, שלום',
    'm'.repeat(300),
];

describeDemo('what the page shows', {}, ({ demo, test, window, windowOf }) => {
    test(`a history of ${HISTORY_MESSAGES} messages scrolls to the first`, async () => {
        const conversation = await demo.book();
        await demo.sayMany(conversation.id, HISTORY_MESSAGES);
        const stored = await demo.messages(CLIENT, conversation.id);
        const opened = await window();
        await opened.enterConversation(CLIENT, conversation);
        await opened.sees(stored.at(-1).content);

        const lines = opened.log.locator('li[data-id]');
        const beginning = opened.log.getByText('Début de la conversation');
        for (let count = await lines.count(); !await beginning.isVisible();) {
            const top = await opened.log.evaluate((log) => {
                log.scrollTop = 0;
                return log.querySelector('li[data-id]').dataset.id;
            });
            count = await until(`more than ${count} messages`, async () => {
                const now = await lines.count();
                return now > count || await beginning.isVisible() ? now : 0;
            });
            // What one was reading stays in sight.
            const isInSight = await opened.log.evaluate((log, id) => {
                const frame = log.getBoundingClientRect();
                const line = log.querySelector(`li[data-id="${id}"]`).getBoundingClientRect();
                return line.bottom > frame.top && line.top < frame.bottom;
            }, top);
            assert.ok(isInSight, `the message that was at the top with ${count} messages`);
        }
        assert.deepEqual((await opened.shown()).map(({ id }) => id), stored.map(({ id }) => id));
        await opened.log.locator('li[data-id]').first().scrollIntoViewIfNeeded();
        assert.ok((await opened.texts())[0].includes('est confirmé'));
    });

    test('hostile texts are shown as texts', async () => {
        const conversation = await demo.book();
        const [salon, client] = await Promise.all([windowOf(SALON), windowOf(CLIENT)]);
        await Promise.all([salon.openConversation(conversation),
            client.openConversation(conversation)]);
        for (const text of HOSTILE)
            await demo.say(CLIENT, conversation.id, text);
        for (const opened of [salon, client]) {
            await until('all are shown', async () =>
                (await opened.texts()).length === HOSTILE.length + 1);
            assert.deepEqual((await opened.texts()).slice(1), HOSTILE);
            assert.equal(await opened.log.locator('script, style, img, iframe').count(), 0);
            const addresses = await opened.log.locator('a')
                .evaluateAll((links) => links.map((link) => [link.protocol, link.rel]));
            for (const [protocol, rel] of addresses) {
                assert.match(protocol, /^https?:$/);
                assert.match(rel, /noopener/);
            }
            const widths = await opened.log.evaluate((log) => [log.scrollWidth, log.clientWidth]);
            assert.ok(widths[0] <= widths[1], 'a long word breaks');
            // Marks that are heaped up stay in their bubble.
            assert.equal(await opened.message('zalgo').locator('.bubble')
                .evaluate((bubble) => getComputedStyle(bubble).overflow), 'clip');
        }
        // As a preview in the list too.
        await salon.row(conversation.subject).getByText('mmm').waitFor();
    });

    test('days pass, and travellers arrive, while the page is open', async () => {
        const conversation = await demo.book();
        await demo.say(SALON, conversation.id, 'À demain');
        const said = new Date((await demo.messages(SALON, conversation.id)).at(-1).createdAt);
        const atMidnight = (days) => new Date(said.getFullYear(), said.getMonth(), said.getDate() + days);
        const minutes = (count) => count * 60_000;
        const client = await window();
        await client.page.clock.install({ time: new Date(atMidnight(1) - minutes(2)) });
        await client.enterConversation(CLIENT, conversation);
        const day = client.log.locator('.day');
        const seen = async () => [await day.allTextContents(),
            await client.row(conversation.subject).locator('.when').textContent()];
        const sees = (what, expected) => until(what, async () => {
            assert.deepEqual(await seen(), expected);
            return true;
        });
        const [, time] = await seen();
        await sees('today', [['Aujourd’hui'], time]);
        await client.page.clock.fastForward(minutes(3));
        await sees('yesterday', [['Hier'], 'hier']);
        const comeBack = () => client.page.evaluate(() =>
            document.dispatchEvent(new Event('visibilitychange')));
        await client.page.clock.setSystemTime(new Date(+atMidnight(2) + minutes(1)));
        await comeBack();
        const weekday = ['dimanche', 'lundi', 'mardi', 'mercredi', 'jeudi', 'vendredi', 'samedi'][
            said.getDay()];
        await until('a weekday', async () => (await seen())[1] === weekday);
        assert.match((await day.allTextContents())[0], new RegExp(`^${weekday} \\d+`));

        const session = await client.context.newCDPSession(client.page);
        const times = client.log.locator('.foot time');
        const before = await times.last().textContent();
        await session.send('Emulation.setTimezoneOverride', { timezoneId: 'Asia/Kolkata' });
        await comeBack();
        await until('the hour of another place', async () =>
            await times.last().textContent() !== before);
        const kolkata = said.toLocaleTimeString('fr-FR',
            { timeZone: 'Asia/Kolkata', hour: '2-digit', minute: '2-digit' });
        assert.equal(await times.last().textContent(), kolkata);
    });

    test('a hostile name, subject and file name are shown as texts', async () => {
        const name = '<img src=x onerror="alert(1)">';
        await demo.tool('user', 'set', 'demo-hostile', '--role', 'client', '--first-name', name,
            '--last-name', '\u202Eemoh');
        const conversation = await demo.book({ client: 'demo-hostile', prestation: name });
        const salon = await windowOf(SALON);
        await salon.openConversation(conversation);
        const attachment = {
            fileName: `${name}.png`, fileUrl: 'https://image.invalid/\'onload=alert(1)',
            fileType: 'image/png', fileSize: 1,
        };
        // Nobody asks that host: what the page would load is answered here.
        await salon.context.route('https://image.invalid/**', (route) => route.abort());
        await demo.say(SALON, conversation.id, 'avec une image', { attachments: [attachment] });
        await salon.sees('avec une image');
        await salon.page.getByRole('heading', { name }).waitFor();
        await salon.row(conversation.subject).getByText(name).first().waitFor();
        salon.requests = salon.requests.filter((url) => !url.startsWith('https://image.invalid/'));
        const refused = await demo.request({
            method: 'POST', path: `/messaging/conversations/${conversation.id}/messages`,
            token: demo.person(SALON).token,
            body: { content: 'x', attachments: [{ ...attachment, fileUrl: 'javascript:alert(1)' }] },
        });
        assert.equal(refused.status, 400);
    });

    test('pictures are shown as they are, and one that fails has a calm place', async () => {
        const conversation = await demo.book();
        const salon = await window();
        // A host that nobody asks: what the page would load is answered here.
        await salon.context.route('https://image.invalid/**', (route) => {
            const [, width, height] = /(\d+)x(\d+)/.exec(route.request().url()) ?? [];
            return width ? route.fulfill({ contentType: 'image/svg+xml', body:
                `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"></svg>` })
                : route.fulfill({ status: 404, body: '' });
        });
        salon.allowedOrigins = ['https://image.invalid'];
        const say = (...names) => demo.say(CLIENT, conversation.id, '', {
            attachments: names.map((name) => ({ fileName: `${name}.png`, fileType: 'image/png', fileSize: 1,
                fileUrl: `https://image.invalid/${name}.png` })),
        });
        const sizes = ['400x1600', '2400x300', '16x16', '600x800'];
        for (const size of sizes)
            await say(size);
        await say('800x600', '600x801', 'manquante');
        await salon.enterConversation(SALON, conversation);
        const failed = salon.log.getByRole('link').filter({ hasText: 'Photo indisponible' });
        await failed.getByText('manquante.png').waitFor();
        const pictures = salon.log.locator('.picture img');
        const shown = await until('all are there', async () => {
            const all = await pictures.evaluateAll((images) => images.map((image) => [
                image.naturalWidth, image.naturalHeight, image.clientWidth, image.clientHeight]));
            return all.length === sizes.length + 2 && all.every(([width]) => width > 0) && all;
        });
        for (const [naturalWidth, naturalHeight, width, height] of shown) {
            assert.ok(Math.abs(width / height / (naturalWidth / naturalHeight) - 1) < 0.1,
                `${naturalWidth} by ${naturalHeight} is ${width} by ${height}`);
            assert.ok(width <= naturalWidth && height <= 400);
        }
        const box = await salon.log.locator('.picture').nth(2).boundingBox();
        assert.ok(box.width >= 44 && box.height >= 44, 'a small one is large enough to be tapped');
        const isAtEnd = await salon.log.evaluate((log) =>
            log.scrollHeight - log.scrollTop - log.clientHeight);
        assert.ok(isAtEnd >= 0);
    });

    test(`${CONTENT_MAX_CHARACTERS} characters are sent and shown, one more is not`, async () => {
        const conversation = await demo.book();
        const [salon, client] = await Promise.all([windowOf(SALON), windowOf(CLIENT)]);
        await Promise.all([salon.openConversation(conversation),
            client.openConversation(conversation)]);
        // Characters are code points: this one is two units of UTF-16.
        const longest = `${'Il était une fois. '.repeat(600)}`.slice(0, CONTENT_MAX_CHARACTERS - 2) + '💇.';
        await client.box.fill(`${longest}!`);
        assert.ok(await client.sendButton.isDisabled());
        await client.page.getByRole('status').filter({ hasText: 'trop long' }).waitFor();
        await client.write(longest);
        for (const opened of [salon, client]) {
            await until('it is there', async () => (await opened.texts()).at(-1) === longest);
        }
    });

    test('the thread is on the screen soon (told, not asserted)', async () => {
        const opened = await window();
        const session = await opened.context.newCDPSession(opened.page);
        await session.send('Performance.enable');
        const conversation = (await demo.conversations(CLIENT))
            .find(({ subject }) => subject.includes('Balayage'));
        await opened.enterConversation(CLIENT, conversation);
        const { metrics } = await session.send('Performance.getMetrics');
        const milliseconds = (name) =>
            Math.round(metrics.find((metric) => metric.name === name).value * 1000);
        process.stderr.write(`page: ${milliseconds('ScriptDuration')} ms of scripting, `
            + `${milliseconds('TaskDuration')} ms of work until the thread is shown\n`);
    });

    test(`until a thread is shown ${FIRST_BYTES_MAX / 1024} KiB are loaded, compressed`, async () => {
        const opened = await window();
        const [conversation] = await demo.conversations(CLIENT);
        await opened.page.goto(`${demo.origin}/#personne=${CLIENT}&conversation=${conversation.id}`);
        await opened.log.locator('li[data-id]').first().waitFor();
        // What is asked for when the messages are there comes after them.
        const loaded = await opened.page.evaluate(() => {
            const all = ['navigation', 'resource'].flatMap((type) => performance.getEntriesByType(type));
            const shown = all.find(({ name }) => /\/messages\?/.test(name)).responseEnd;
            return all.filter(({ startTime }) => startTime < shown)
                .map(({ name, encodedBodySize }) => [new URL(name).pathname, encodedBodySize])
                .filter(([path]) => path === '/' || path.startsWith('/messagerie/'));
        });
        const total = loaded.reduce((sum, [, bytes]) => sum + bytes, 0);
        process.stderr.write(`page: ${total} bytes until a thread is shown\n`);
        assert.ok(loaded.some(([path]) => path.startsWith('/messagerie/messagerie-')));
        assert.ok(total > 0 && total <= FIRST_BYTES_MAX, JSON.stringify(loaded));
    });

    test(`the page is at most ${ALL_BYTES_MAX / 1024} KiB in all, all of it from here`, async () => {
        const compressed = async (path) => {
            const { status, headers } = await demo.request(
                { path, headers: { 'accept-encoding': 'gzip' } });
            assert.equal(status, 200, path);
            return Number(headers['content-length']);
        };
        const { text: html } = await demo.request({ path: '/' });
        assert.doesNotMatch(html, /<script(?![^>]*src=)|<style|\sstyle=|\son\w+=/);
        const addresses = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path);
        for (const path of addresses)
            assert.match(path, /^\/[^/]/, 'of this host');
        // What the modules load when it is used.
        const paths = new Set(addresses);
        for (const path of paths)
            if (path.endsWith('.js'))
                for (const [, name] of (await demo.request({ path })).text.matchAll(/import\("\.\/([^"]+)"\)/g))
                    paths.add(`/messagerie/${name}`);
        assert.ok(paths.size > addresses.length);
        let total = await compressed('/');
        for (const path of paths)
            total += await compressed(path);
        process.stderr.write(`page: ${total} bytes in all, compressed\n`);
        assert.ok(total <= ALL_BYTES_MAX, `${total} bytes`);
    });

    test('who is erased is told, stays away, and has no name any more', async () => {
        const conversation = await demo.book({ client: ERASED });
        await demo.say(ERASED, conversation.id, 'Ce que j’ai écrit');
        const name = demo.person(ERASED).name.split(' ')[0];
        const [salon, client] = await Promise.all([windowOf(SALON), windowOf(ERASED)]);
        await Promise.all([salon.openConversation(conversation),
            client.openConversation(conversation)]);
        await salon.sees('Ce que j’ai écrit');
        assert.match(await salon.log.textContent(), new RegExp(name));
        const sockets = [];
        client.page.on('websocket', (socket) => sockets.push(socket.url()));
        await demo.tool('user', 'erase', ERASED);
        await client.page.getByText('Votre compte a été supprimé').first().waitFor();
        await salon.page.getByRole('heading', { name: 'Client', exact: true }).waitFor();
        await until('the salon reads no name', async () =>
            !(await salon.log.textContent()).includes(`${name} `));
        await client.page.evaluate(() => window.dispatchEvent(new Event('online')));
        await salon.write('Il y a quelqu’un ?');
        await salon.sees('Il y a quelqu’un ?');
        assert.deepEqual(sockets, []);
    });
});

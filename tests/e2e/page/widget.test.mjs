// The widget on a salon's own page, which another host serves under a strict policy.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before } from 'node:test';

import { describeDemo } from '../harness/browser.mjs';
import { until } from '../harness/conditions.mjs';
import { CLIENT, SALON } from '../harness/demo.mjs';
import { freePort } from '../harness/http.mjs';

const ACCENT = 'rgb(160, 32, 96)';

/** A salon's site: a page with the widget, and a script and a style of its own beside it. */
class Site {
    #server;
    #served = new Map();

    constructor(port, messagerie) {
        this.port = port;
        this.messagerie = messagerie;
        // localhost and 127.0.0.1 are two hosts to a browser.
        this.origin = `http://localhost:${port}`;
        this.tokens = [];
    }

    get policy() {
        const sockets = this.messagerie.replace('http:', 'ws:');
        return `default-src 'self'; script-src 'self' ${this.messagerie}; `
            + `connect-src 'self' ${this.messagerie} ${sockets}; img-src 'self' ${this.messagerie}; `
            + "object-src 'none'; base-uri 'none'; require-trusted-types-for 'script'";
    }

    /** Serves a page whose script, in a file of its own, is this. */
    serve(path, { attributes = '', script }) {
        this.#served.set(path, ['text/html; charset=utf-8', `<!doctype html><html lang="fr"><head>
            <title>Salon</title><link rel="stylesheet" href="/salon.css">
            <script type="module" src="${this.messagerie}/messagerie/messagerie.js"></script>
            <script type="module" src="${path}.js"></script></head>
            <body><h1>Votre salon</h1>
            <messagerie-conversation ${attributes}></messagerie-conversation></body></html>`]);
        this.#served.set(`${path}.js`, ['text/javascript', script]);
    }

    async start() {
        this.#served.set('/salon.css', ['text/css',
            `messagerie-conversation { --messagerie-accent: ${ACCENT}; --messagerie-height: 400px; }`]);
        this.#served.set('/favicon.ico', ['image/svg+xml', '']);
        this.#server = http.createServer((request, response) => {
            if (request.url === '/token') {
                response.end(this.tokens.shift() ?? '');
                return;
            }
            const [type, body] = this.#served.get(request.url) ?? [];
            response.writeHead(type ? 200 : 404,
                { 'content-type': type ?? 'text/plain', 'content-security-policy': this.policy });
            response.end(body);
        });
        await new Promise((resolve) => {
            this.#server.listen(this.port, 'localhost', resolve);
        });
    }

    stop() {
        this.#server?.closeAllConnections?.();
        return new Promise((resolve) => {
            this.#server ? this.#server.close(resolve) : resolve();
        });
    }
}

const sitePort = await freePort();
const environment = { FRONTEND_URL: `http://localhost:${sitePort}` };

describeDemo('the widget on a salon\'s page', { environment }, ({ demo, test, window, windowOf }) => {
    let site;

    before(async () => {
        site = new Site(sitePort, demo.origin);
        await site.start();
    });
    after(() => site?.stop());

    /** A window on a page of the site, with the widget's violations of its policy as problems. */
    async function visit(path) {
        const opened = await window();
        opened.allowedOrigins = [site.origin];
        await opened.page.goto(`${site.origin}${path}`);
        return opened;
    }

    const widgetIn = (opened) => opened.page.locator('messagerie-conversation');

    test('with a token in a property it shows the client\'s conversation, and one writes', async () => {
        const conversation = await demo.book({ prestation: 'Widget' });
        site.serve('/propriete', {
            attributes: `conversation="${conversation.id}"`,
            script: `document.querySelector('messagerie-conversation').token =
                await (await fetch('/token')).text();`,
        });
        site.tokens = [demo.person(CLIENT).token];
        const salon = await windowOf(SALON);
        await salon.openConversation(conversation);

        const visitor = await visit('/propriete');
        await visitor.sees('est confirmé');
        await visitor.page.locator('messagerie-conversation[data-connection="connected"]').waitFor();
        await visitor.write('depuis le site du salon');
        await salon.sees('depuis le site du salon');
        await salon.write('bien reçu');
        await visitor.sees('bien reçu');
        await visitor.seesState('depuis le site du salon', 'read');
        assert.equal(await visitor.page.getByRole('navigation', { name: 'Conversations' }).count(), 0);

        // Themed by the site's style sheet.
        await visitor.box.fill('x');
        await until('the button has the site\'s colour', async () =>
            await visitor.sendButton.evaluate((button) =>
                getComputedStyle(button).backgroundColor) === ACCENT);
        assert.equal((await widgetIn(visitor).boundingBox()).height, 400);
        assert.deepEqual(await visitor.context.cookies(), []);
        assert.deepEqual(await visitor.page.evaluate(() =>
            [Object.keys(localStorage), Object.keys(sessionStorage)]), [[], []]);
    });

    test('with a callback it asks for a token, and again when the last one has ended', async () => {
        site.serve('/rappel', {
            script: `const widget = document.querySelector('messagerie-conversation');
                widget.getToken = async () => (await fetch('/token')).text();`,
        });
        const shortLived = await demo.tool('token', CLIENT, '--role', 'client', '--ttl', '8');
        site.tokens = [shortLived, demo.person(CLIENT).token];
        const visitor = await visit('/rappel');
        await visitor.row('Balayage').click();
        await visitor.sees('Me revoilà');
        await until('the second token has been asked for', () => site.tokens.length === 0);
        await visitor.page.locator('messagerie-conversation[data-connection="connected"]').waitFor();
        await visitor.write('toujours là');
        await visitor.seesState('toujours là', 'sent');
    });

    test('without a token it says so, and tells the page', async () => {
        site.serve('/personne', {
            script: `const widget = document.querySelector('messagerie-conversation');
                widget.addEventListener('messagerie-token-needed', () => { document.title = 'jeton ?'; });
                widget.getToken = async () => undefined;`,
        });
        const visitor = await visit('/personne');
        await visitor.page.getByText('Votre session est terminée').waitFor();
        assert.equal(await visitor.page.title(), 'jeton ?');
    });

    test('a site that is not in FRONTEND_URL reads nothing', async () => {
        const port = await freePort();
        const other = new Site(port, demo.origin);
        await other.start();
        try {
            other.serve('/ailleurs', {
                script: `document.querySelector('messagerie-conversation').token =
                    await (await fetch('/token')).text();`,
            });
            other.tokens = [demo.person(CLIENT).token];
            const visitor = await window();
            await visitor.page.goto(`${other.origin}/ailleurs`);
            await until('its requests are refused', () =>
                visitor.problems.some((problem) => /CORS/.test(problem)));
            assert.equal(await visitor.page.getByRole('listitem').count(), 0);
            visitor.problems = [];
            visitor.allowedOrigins = [other.origin];
        } finally {
            await other.stop();
        }
    });
});

// A salon's own site, under a strict policy, with the widget on its pages.

import http from 'node:http';
import { after, before } from 'node:test';

import { describeDemo } from './browser.mjs';
import { freePort } from './http.mjs';

export const ACCENT = 'rgb(160, 32, 96)';

/** A salon's site: a page with the widget, and a script and a style of its own beside it. */
export class Site {
    #server;
    #served = new Map();

    constructor(port, messagerie) {
        this.port = port;
        this.messagerie = messagerie;
        // localhost and 127.0.0.1 are two hosts to a browser.
        this.origin = `http://localhost:${port}`;
        /** What `/token` answers, one after the other: a token, or {status, body}. */
        this.tokens = [];
    }

    get policy() {
        const sockets = this.messagerie.replace('http:', 'ws:');
        return `default-src 'self'; script-src 'self' ${this.messagerie}; `
            + `connect-src 'self' ${this.messagerie} ${sockets}; img-src 'self' ${this.messagerie}; `
            + "object-src 'none'; base-uri 'none'; require-trusted-types-for 'script'";
    }

    /** Serves a page whose script and style, in files of their own, are these. */
    serve(path, { attributes = '', script = '', style = '', before = '<h1>Votre salon</h1>' }) {
        this.#served.set(path, ['text/html; charset=utf-8', `<!doctype html><html lang="fr"><head>
            <title>Salon</title><meta name="viewport" content="width=device-width">
            <link rel="stylesheet" href="/salon.css"><link rel="stylesheet" href="${path}.css">
            <script type="module" src="${this.messagerie}/messagerie/messagerie.js"></script>
            <script type="module" src="${path}.js"></script></head>
            <body>${before}<div id="around">
            <messagerie-conversation ${attributes}></messagerie-conversation></div></body></html>`]);
        this.#served.set(`${path}.js`, ['text/javascript', script]);
        this.#served.set(`${path}.css`, ['text/css', style]);
    }

    async start() {
        this.#served.set('/salon.css', ['text/css',
            `messagerie-conversation { --messagerie-accent: ${ACCENT}; --messagerie-height: 400px; }`]);
        this.#served.set('/favicon.ico', ['image/svg+xml', '']);
        this.#server = http.createServer((request, response) => {
            if (request.url === '/token') {
                const { status = 200, body } = this.#nextToken();
                response.writeHead(status).end(body);
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

    #nextToken() {
        const next = this.tokens.shift() ?? '';
        return typeof next === 'string' ? { body: next } : next;
    }

    stop() {
        this.#server?.closeAllConnections?.();
        return new Promise((resolve) => {
            this.#server ? this.#server.close(resolve) : resolve();
        });
    }
}

/**
 * A suite with a demo, a browser, and a site that may use the demo's messagerie. `define` gets what
 * describeDemo gives and {site, visit}: `visit(path, options)` opens a window on a page of the site, in
 * which what breaks the site's policy is a problem.
 */
export async function describeSite(name, define) {
    const port = await freePort();
    const environment = { FRONTEND_URL: `http://localhost:${port}` };
    describeDemo(name, { environment }, (suite) => {
        const site = new Site(port);
        before(() => {
            site.messagerie = suite.demo.origin;
            return site.start();
        });
        after(() => site.stop());

        const visit = async (path, options) => {
            const opened = await suite.window(options);
            opened.allowedOrigins = [site.origin];
            await opened.page.goto(`${site.origin}${path}`);
            return opened;
        };
        define({ ...suite, site, visit });
    });
}

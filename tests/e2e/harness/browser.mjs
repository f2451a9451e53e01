// The demo's page in Debian's own Chromium, with what one does and sees there in words of the page.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { chromium } from 'playwright-core';

import { until } from './conditions.mjs';
import { Demo } from './demo.mjs';

// The shell has the same engine and needs half the time, as it draws no windows around pages. What
// is outside of a page (notifications, installation) is in the whole browser alone.
const CHROMIUM = process.env.MESSAGERIE_CHROMIUM ?? '/usr/bin/chromium';
const CHROMIUM_SHELL = process.env.MESSAGERIE_CHROMIUM
    ?? (process.env.MESSAGERIE_TEST_LONG ? CHROMIUM : '/usr/bin/chromium-headless-shell');
// Longer than any wait of the page itself; machines that run the tests may be slow.
const WAIT_LIMIT_MS = 60_000;
const TOLD_CHARACTERS = 2000;
const NETWORK_ERROR =
    /Failed to load resource|WebSocket connection|WebSocket is already in CLOSING/;
export const DESK = { width: 1100, height: 700 };
export const PHONE = { width: 360, height: 740 };
export const CONNECTED =
    ':is(messagerie-app, messagerie-conversation)[data-connection="connected"]';

/** One window with cookies and storage of its own, as of another browser. */
export class Window {
    /** Everything that a page of ours should not do. */
    problems = [];
    requests = [];
    /** Besides the demo's. */
    allowedOrigins = [];

    static async open(demo, browser, { viewport = DESK, ...options } = {}) {
        const window = new Window();
        window.demo = demo;
        window.context = await browser.newContext(
            { viewport, locale: 'fr-FR', reducedMotion: 'reduce', ...options });
        window.context.setDefaultTimeout(WAIT_LIMIT_MS);
        window.page = await window.newTab();
        return window;
    }

    async newTab() {
        const page = await this.context.newPage();
        page.on('request', (request) => this.requests.push(request.url()));
        page.on('pageerror', (error) => this.problems.push(`error: ${error.message}`));
        page.on('dialog', (dialog) => {
            this.problems.push(`dialog: ${dialog.message()}`);
            dialog.dismiss();
        });
        page.on('console', (message) => {
            // What the network does is the tests' doing; that the other end has begun to close is
            // known only when it is too late.
            if (message.type() === 'error' && !NETWORK_ERROR.test(message.text()))
                this.problems.push(`console: ${message.text()}`);
        });
        return page;
    }

    close() {
        return this.context.close();
    }

    /** Opens the page as one of the demo's people, and waits until the socket is connected. */
    async enter(personId, page = this.page) {
        this.personId = personId;
        await page.goto(`${this.demo.origin}/#personne=${personId}`);
        await page.locator(CONNECTED).waitFor();
        await page.getByRole('navigation', { name: 'Conversations' }).getByRole('listitem').first()
            .waitFor();
    }

    /** As that person with that conversation open, its messages shown. */
    async enterConversation(personId, conversation) {
        await this.enter(personId);
        await this.openConversation(conversation);
    }

    async openConversation({ subject }) {
        await this.row(subject).click();
        await this.log.locator('li[data-id]').first().waitFor();
        await until(`${subject} is loaded`, async () =>
            await this.log.getAttribute('aria-busy') !== 'true');
    }

    // ---- what is there ----

    row(subject) {
        return this.page.getByRole('navigation', { name: 'Conversations' })
            .getByRole('listitem').filter({ hasText: subject }).getByRole('button');
    }

    get log() {
        return this.page.getByRole('log', { name: 'Messages' });
    }

    get box() {
        return this.page.getByRole('textbox', { name: 'Votre message' });
    }

    get sendButton() {
        return this.page.getByRole('button', { name: 'Envoyer' });
    }

    message(text) {
        return this.log.locator('li[data-id]').filter({ hasText: text });
    }

    /** The messages that are shown, in order: {id, state, text}. */
    shown() {
        return this.log.locator('li[data-id]').evaluateAll((lines) => lines.map((line) => ({
            id: line.dataset.id,
            state: line.dataset.state,
            text: line.querySelector('.text')?.textContent ?? '',
        })));
    }

    async texts() {
        return (await this.shown()).map(({ text }) => text);
    }

    // ---- what one does ----

    async write(text) {
        await this.box.fill(text);
        await this.sendButton.click();
    }

    /** Writes, and waits until it is stored: `read` when the other one was seeing the conversation at
     * that moment, else `sent`. */
    async writes(text) {
        await this.write(text);
        return until(`${text} is stored`, async () => {
            const last = (await this.shown()).at(-1);
            return last.text === text && ['sent', 'read'].includes(last.state) && last.state;
        });
    }

    /** As if the window's tab had been put behind another one, or brought to the front. */
    setHidden(isHidden, page = this.page) {
        return page.evaluate((hidden) => {
            Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
            document.dispatchEvent(new Event('visibilitychange'));
        }, isHidden);
    }

    // ---- what one waits for ----

    async sees(text) {
        await this.message(text).first().waitFor();
    }

    async seesState(text, state) {
        await this.log.locator(`li[data-state="${state}"]`).filter({ hasText: text }).first()
            .waitFor();
    }

    async isConnected() {
        await this.page.locator(CONNECTED).waitFor();
    }

    /** No error, no dialog, no request to anybody else. */
    assertNoProblems() {
        const { origin } = this.demo;
        const allowed = [origin, origin.replace('http:', 'ws:'), ...this.allowedOrigins];
        const foreign = this.requests.filter((url) => !url.startsWith('data:')
            && !allowed.some((one) => url.startsWith(`${one}/`)));
        assert.deepEqual([...this.problems, ...foreign.map((url) => `request: ${url}`)], []);
    }
}

/**
 * A suite with a demo and a browser that run as long as it does. `define` gets {demo, test, window,
 * windowOf}: `window(options)` opens one that is closed when the test ends; `windowOf(personId)` is
 * that person's, with the page open, and stays for the next tests until one fails. A test fails
 * when a window had problems. `isWholeBrowser` is for what the shell does not have; the other options
 * are the demo's.
 */
export function describeDemo(name, { isWholeBrowser = false, ...options }, define) {
    describe(name, () => {
        const demo = new Demo(options);
        const standing = new Map();
        let passing = [];
        let browser;

        before(async () => {
            try {
                await demo.start();
                browser = await launch(isWholeBrowser ? CHROMIUM : CHROMIUM_SHELL);
            } catch (error) {
                // Some versions of node then do not come to what is after.
                await demo.stop();
                throw error;
            }
        });
        after(async () => {
            try {
                await browser?.close();
            } finally {
                await demo.stop();
            }
        });

        const window = async (windowOptions) => {
            const opened = await Window.open(demo, browser, windowOptions);
            passing.push(opened);
            return opened;
        };
        const windowOf = async (personId) => {
            if (!standing.has(personId)) {
                const opened = await Window.open(demo, browser);
                standing.set(personId, opened);
                await opened.enter(personId);
            }
            return standing.get(personId);
        };

        const test = (title, body) => it(title, async () => {
            const logged = demo.bootstrap.log.length;
            try {
                await body();
                for (const opened of [...passing, ...standing.values()])
                    opened.assertNoProblems();
            } catch (error) {
                await tell(title, demo.bootstrap.log.slice(logged), [...passing, ...standing.values()]);
                passing.push(...standing.values());
                standing.clear();
                throw error;
            } finally {
                for (const opened of passing)
                    await opened.close();
                passing = [];
            }
        });
        define({ demo, test, window, windowOf });
    });
}

/** The browser itself; it must be closed. */
export function launch(executablePath = CHROMIUM_SHELL) {
    return chromium.launch({
        executablePath,
        // As root, and in containers, there is no sandbox and little shared memory.
        args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
    });
}

/** What helps to see why a test failed. */
async function tell(title, log, windows) {
    const lines = [`--- ${title}: what was written`, log];
    for (const { personId, problems, page } of windows) {
        const text = await page.locator('body').innerText({ timeout: 1000 }).catch(() => '');
        lines.push(`--- ${personId}: ${problems.join('\n')}`, text.slice(-TOLD_CHARACTERS));
    }
    process.stderr.write(`${lines.join('\n')}\n---\n`);
}

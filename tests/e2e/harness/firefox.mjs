// The demo's page in Debian's own Firefox, over WebDriver BiDi. Less than browser.mjs has for Chromium:
// what it looks for is in the one shadow root of the page's element.

import puppeteer from 'puppeteer-core';

import { until } from './conditions.mjs';

const EXECUTABLE = process.env.MESSAGERIE_FIREFOX ?? '/usr/bin/firefox-esr';
const ELEMENT = 'messagerie-app, messagerie-conversation';

/** The browser itself; it must be closed. */
export function launchFirefox() {
    return puppeteer.launch({ browser: 'firefox', executablePath: EXECUTABLE, headless: true });
}

/** A tab, with what a page of ours should not do. */
export class Tab {
    problems = [];

    static async open(browser, { width = 1100, height = 700 } = {}) {
        const tab = new Tab();
        const context = await browser.createBrowserContext();
        tab.page = await context.newPage();
        tab.context = context;
        tab.page.on('pageerror', (error) => tab.problems.push(`error: ${error.message}`));
        await tab.page.setViewport({ width, height });
        return tab;
    }

    close() {
        return this.context.close();
    }

    /** Calls `body` in the page, with the element and its shadow root. */
    ask(body, ...args) {
        return this.page.evaluate(`(${body})(document.querySelector('${ELEMENT}'),
            document.querySelector('${ELEMENT}')?.shadowRoot, ...${JSON.stringify(args)})`);
    }

    /** Waits until something stands in the shadow root; gives its text. */
    sees(selector, text = '') {
        return until(`${selector} ${text}`, () => this.ask((element, root, one, part) =>
            [...root?.querySelectorAll(one) ?? []].map((node) => node.innerText)
                .find((all) => all.includes(part)), selector, text).then((found) => found !== null && found));
    }

    isConnected() {
        return until('it is connected', () => this.ask((element) => element?.dataset.connection === 'connected'));
    }

    async click(selector, text = '') {
        await this.sees(selector, text);
        const handle = await this.page.evaluateHandle(`[...document.querySelector('${ELEMENT}').shadowRoot
            .querySelectorAll(${JSON.stringify(selector)})].find((node) =>
                node.innerText.includes(${JSON.stringify(text)}))`);
        await handle.click();
    }

    /** Where one writes. */
    draft() {
        return this.ask((element, root) => root.querySelector('.composer textarea').value);
    }

    async type(text) {
        await this.ask((element, root) => root.querySelector('.composer textarea').focus());
        await this.page.keyboard.type(text);
    }

    texts() {
        return this.ask((element, root) => [...root.querySelectorAll('.message .text')]
            .map((node) => node.textContent));
    }
}

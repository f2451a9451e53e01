// Makes the pictures of the README, docs/*.png, from the demo: `make screenshots`. With the argument
// `drawings` instead, makes the demo's own pictures from page/demo/drawings/; with `icon`, the page's
// icon for telephones from page/icon.svg.

import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { launch, PHONE, Window } from './harness/browser.mjs';
import { CLIENT, Demo, SALON } from './harness/demo.mjs';
import { SOURCE } from './harness/project.mjs';

const DOCS = join(SOURCE, 'docs');
const DRAWINGS = join(SOURCE, 'page/demo/drawings');
const PICTURES = join(SOURCE, 'page/demo/pictures');
const BUDGET_BYTES = 640 * 1024;
const SUBJECT = 'Balayage et coupe';

const LOOKS = [
    { device: 'desk', viewport: { width: 920, height: 580 } },
    { device: 'phone', viewport: PHONE, hasTouch: true, isMobile: true },
];

async function take(opened, name) {
    const { page } = opened;
    await page.evaluate(() => document.fonts.ready);
    await opened.log.locator('img').last().evaluate((picture) => picture.decode());
    const path = join(DOCS, `${name}.png`);
    await page.screenshot({ path, animations: 'disabled', caret: 'hide' });
    const { size } = statSync(path);
    console.log(`docs/${name}.png: ${size} bytes`);
    return size;
}

/** Both with the same conversation open, the other one present and writing. */
async function takeBoth(demo, browser, { device, ...look }, colorScheme) {
    const salon = await Window.open(demo, browser, { ...look, colorScheme });
    const client = await Window.open(demo, browser, { ...look, colorScheme });
    await salon.enterConversation(SALON, { subject: SUBJECT });
    await client.enterConversation(CLIENT, { subject: SUBJECT });
    await client.box.pressSequentially('Et');
    await salon.page.getByRole('status').filter({ hasText: 'Léa Martin écrit…' }).waitFor();
    const sizes = [await take(salon, `salon-${device}-${colorScheme}`)];
    await client.box.fill('');
    await salon.page.locator('.head .presence').getByText('En ligne').waitFor();
    sizes.push(await take(client, `client-${device}-${colorScheme}`));
    await salon.close();
    await client.close();
    return sizes;
}

async function takeScreenshots(browser) {
    const demo = new Demo();
    const sizes = [];
    mkdirSync(DOCS, { recursive: true });
    try {
        await demo.start();
        for (const look of LOOKS)
            for (const colorScheme of ['light', 'dark'])
                sizes.push(...await takeBoth(demo, browser, look, colorScheme));
    } finally {
        await demo.stop();
    }
    const total = sizes.reduce((sum, size) => sum + size, 0);
    if (total > BUDGET_BYTES)
        throw new Error(`${total} bytes of pictures; at most ${BUDGET_BYTES} may be`);
}

async function renderDrawings(browser) {
    const page = await browser.newPage({ viewport: { width: 480, height: 360 } });
    for (const name of readdirSync(DRAWINGS)) {
        const svg = readFileSync(join(DRAWINGS, name)).toString('base64');
        await page.setContent(`<body style="margin:0"><img style="display:block" width="480"
            height="360" src="data:image/svg+xml;base64,${svg}">`);
        await page.locator('img').evaluate((picture) => picture.decode());
        await page.screenshot({ path: join(PICTURES, name.replace('.svg', '.png')) });
    }
}

/** Telephones cut off the corners as they like: the drawing is in the middle of its colour. */
async function renderIcon(browser) {
    const svg = readFileSync(join(SOURCE, 'page/icon.svg')).toString('base64');
    const page = await browser.newPage({ viewport: { width: 192, height: 192 } });
    await page.setContent(`<body style="margin:0;height:100vh;display:grid;place-items:center;
        background:#0f665c"><img width="150" src="data:image/svg+xml;base64,${svg}">`);
    await page.locator('img').evaluate((picture) => picture.decode());
    await page.screenshot({ path: join(SOURCE, 'page/icon-192.png') });
}

const browser = await launch();
const makers = { drawings: renderDrawings, icon: renderIcon };
try {
    await (makers[process.argv[2]] ?? takeScreenshots)(browser);
} finally {
    await browser.close();
}

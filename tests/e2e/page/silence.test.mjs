// A connection that is open and carries nothing: the page notices, and goes round it.

import assert from 'node:assert/strict';

import { describeDemo } from '../harness/browser.mjs';
import { until } from '../harness/conditions.mjs';
import { CLIENT, SALON } from '../harness/demo.mjs';
import { SwallowingProxy } from '../harness/swallowing-proxy.mjs';

const LIMIT_MS = 30_000;

describeDemo('a WebSocket that swallows what is in it', {}, ({ demo, test, window }) => {
    const state = ({ page }) => page.locator('messagerie-app').getAttribute('data-connection');

    /** Opens the page through the proxy, runs `body`, and ends both. */
    async function throughProxy(prepare, body) {
        const proxy = new SwallowingProxy(Number(new URL(demo.origin).port));
        await proxy.start();
        try {
            const client = await window();
            client.allowedOrigins.push(proxy.origin, proxy.origin.replace('http:', 'ws:'));
            await prepare(proxy, client);
            await client.page.goto(`${proxy.origin}/#personne=${CLIENT}`);
            await body(proxy, client);
        } finally {
            await proxy.stop();
        }
    }

    async function assertTalks(client) {
        const conversation = await demo.book();
        await client.openConversation(conversation);
        await demo.say(SALON, conversation.id, 'par un autre chemin');
        await client.sees('par un autre chemin');
    }

    test('from the beginning: it falls back to long-polling within 30 s', async () => {
        await throughProxy(async (proxy) => { proxy.swallowsNew = true; }, async (proxy, client) => {
            await until('connected', async () => await state(client) === 'connected', LIMIT_MS);
            await assertTalks(client);
            assert.ok(proxy.opened >= 1);
        });
    });

    test('later: it falls back to long-polling within 30 s', async () => {
        await throughProxy(async () => {}, async (proxy, client) => {
            await until('connected', async () => await state(client) === 'connected');
            await until('by a WebSocket', () => proxy.opened > 0);
            proxy.swallowsNew = true;
            proxy.swallow();
            await until('it has noticed', async () => await state(client) !== 'connected', LIMIT_MS);
            await until('connected', async () => await state(client) === 'connected', LIMIT_MS);
            await assertTalks(client);
        });
    });

    test('after sleep it is looked at once, and opened anew', async () => {
        await throughProxy(async (proxy, client) => client.page.clock.install(),
            async (proxy, client) => {
                await until('connected', async () => await state(client) === 'connected');
                const { opened } = proxy;
                proxy.swallow();
                await client.page.clock.fastForward(12_000); // less than the client would wait
                await until('it is opened anew', () => proxy.opened > opened, LIMIT_MS);
                await until('connected', async () => await state(client) === 'connected');
                await assertTalks(client);
            });
    });
});

// Running the broker: internal pages, signals, a database that is away.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { renameSync } from 'node:fs';

import WebSocket from 'ws';

import { describeBroker } from '../harness/broker.mjs';
import { until } from '../harness/conditions.mjs';
import { openConversation, send } from '../harness/people.mjs';
import { signClaims, usualClaims } from '../harness/token.mjs';

describeBroker('operation', { config: { broker: { shutdown_ms: 100 } } }, ({ stack, test }) => {
    test('the internal pages', async () => {
        assert.equal((await stack.internal('/healthz')).status, 200);
        assert.equal((await stack.internal('/readyz')).status, 200);
        assert.equal((await stack.internal('/other')).status, 404);
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const tab = await stack.openTab(salon, { transports: ['websocket'] });
        await tab.join(id);
        await tab.do('send-message', { conversationId: id, content: 'x' });
        assert.equal(await stack.metric('connections{transport="websocket"}'), 1);
        assert.equal(await stack.metric('rooms'), 1);
        assert.equal(await stack.metric('events_in_total'), 2);
        assert.ok(await stack.metric('events_out_total') >= 4);
        assert.equal(await stack.metric('commit_seconds_count'), 2);
        assert.ok(await stack.metric('delivery_seconds_count') > 0);
        tab.close();
        await until('it is gone', async () =>
            await stack.metric('connections{transport="websocket"}') === 0);
    });

    test('they are not for browsers', async () => {
        for (const path of ['/metrics', '/healthz', '/readyz'])
            assert.equal((await stack.request({ path })).status, 404);
    });

    test('SIGTERM tells clients to go with 1001 and ends clean; they come back', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const tab = await stack.openTab(client);
        await tab.join(id);
        const raw = new WebSocket(`ws://127.0.0.1:${stack.port}/socket.io/?EIO=4&transport=websocket`);
        await once(raw, 'open');
        const closed = once(raw, 'close');
        const connects = tab.connects.length;
        assert.deepEqual(await stack.broker.stop(), { code: 0, signal: null });
        assert.equal((await closed)[0], 1001);
        const message = await send(salon, id);
        await stack.startBroker();
        await until('the tab is back', () => tab.connects.length > connects);
        assert.equal(tab.connects.at(-1), true);
        await tab.next('new-message', (got) => got.id === message.id);
        tab.close();
    });

    test('SIGHUP takes a new secret, and keeps the old one when the new is bad', async () => {
        const { salon } = await stack.salonAndClient();
        const secret = 'quite another secret for the tests';
        const token = signClaims(usualClaims(salon.id, 'salon'), secret);
        stack.configure({ auth: { jwt_secret: secret } });
        stack.broker.signal('SIGHUP');
        await until('it was read', () => /configuration read again/.test(stack.broker.log));
        (await stack.openTab(salon, { token })).close();
        stack.configure({ auth: { require_expiry: 'perhaps' } });
        stack.broker.signal('SIGHUP');
        await until('it was refused', () => /keeping the old one/.test(stack.broker.log));
        (await stack.openTab(salon, { token })).close();
        stack.configure();
        stack.broker.signal('SIGHUP');
        await until('the first is back', () =>
            stack.broker.log.match(/configuration read again/g).length === 2);
        (await stack.openTab(salon)).close();
    });

    test('after a reload without a key, its sockets are closed, and others stay', async () => {
        const { salon, client } = await stack.salonAndClient();
        const old = 'the secret of last year, long enough for HS256';
        const reload = async (auth) => {
            const logged = stack.broker.log.length;
            stack.configure({ auth });
            stack.broker.signal('SIGHUP');
            await until('it was read', () =>
                /configuration read again/.test(stack.broker.log.slice(logged)));
        };
        await reload({ jwt_secret_previous: old });
        const token = signClaims(usualClaims(salon.id, 'salon'), old);
        const tabs = await Promise.all(['websocket', 'polling'].map((transport) =>
            stack.openTab(salon, { token, transports: [transport] })));
        const [websocket] = tabs;
        const kept = await stack.openTab(client);
        await reload({});
        await websocket.next('error', ({ code }) => code === 'token_expired');
        for (const tab of tabs) {
            await until('it is refused from now on', () => tab.errors.includes('Unauthorized'));
            tab.close();
        }
        assert.deepEqual([kept.socket.connected, kept.reason], [true, undefined]);
        kept.close();
    });

    test('while the database is away nobody is let in; then it goes on by itself', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const tab = await stack.openTab(salon);
        await tab.join(id);
        const { path } = stack.database;
        renameSync(path, `${path}.away`);
        assert.match(await tab.refused('send-message', { conversationId: id, content: 'x' }), /./);
        renameSync(`${path}.away`, path);
        await until('it works again', async () =>
            (await tab.ask('send-message', { conversationId: id, content: 'y' })).status === 'ok');
        tab.close();
    });
});

describeBroker('idle', {}, ({ stack, test }) => {
    test('without sockets the broker does not look at the outbox', async () => {
        const before = await stack.metric('feed_events_total');
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        await send(salon, id);
        assert.equal(await stack.metric('feed_events_total'), before);
        const tab = await stack.openTab(client);
        assert.deepEqual(tab.all('unread-count-updated'), [{ totalUnread: 1 }]);
        await send(salon, id);
        await tab.next('unread-count-updated', ({ totalUnread }) => totalUnread === 2);
        tab.close();
    });
});

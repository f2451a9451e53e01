// Every line of docs/protocol.md, "Where we differ from the service that we replace", that concerns
// sockets.

import assert from 'node:assert/strict';

import { describeBroker, seqOf } from '../harness/broker.mjs';
import { until } from '../harness/conditions.mjs';
import { UNKNOWN_ID, UNREAD_TOTAL } from '../harness/paths.mjs';
import { bodyOf, openConversation, PICTURE, send } from '../harness/people.mjs';
import { seconds, signClaims, usualClaims } from '../harness/token.mjs';

const PRESENCE_GRACE_MS = 5000;
const PRESENCE_RESTART_MS = 10_000;
// When something happens on time, a machine that has much else to do lets one know of it later. To
// the second it is tested with a clock that the test sets: tests/unit/test_broker.c.
const LATE_MS = 10_000;

async function openPair(stack) {
    const { salon, client } = await stack.salonAndClient();
    const { id } = await openConversation(salon, client);
    return { id, salon, client };
}

describeBroker('presence', {}, ({ stack, test }) => {
    test('is told once per user, to contacts alone, and after the grace', async () => {
        const { salon, client } = await openPair(stack);
        const stranger = await stack.openTab(await stack.knownPerson('client'));
        const watcher = await stack.openTab(salon);
        const tabs = [await stack.openTab(client), await stack.openTab(client)];
        await watcher.next('user-online', ({ userId }) => userId === client.id);
        assert.deepEqual(watcher.all('user-online'),
            [{ userId: client.id, userName: 'Zoé Martin' }]);
        assert.deepEqual(tabs[0].all('user-online'),
            [{ userId: salon.id, userName: 'Salon des Lilas' }]);
        tabs[0].close();
        tabs[1].cut();
        await until('the tab is back', () => tabs[1].connects.length > 1);
        const closedAt = Date.now();
        tabs[1].close();
        await watcher.next('user-offline', ({ userId }) => userId === client.id);
        assert.ok(Date.now() - closedAt >= PRESENCE_GRACE_MS - 100);
        assert.equal(watcher.all('user-offline').length, 1);
        assert.equal(watcher.all('user-online').length, 1);
        assert.deepEqual(stranger.all('user-online').concat(stranger.all('user-offline')), []);
        watcher.close();
        stranger.close();
    });

    test('who is away in all tabs is told as offline, until one is back', async () => {
        const { salon, client } = await openPair(stack);
        const watcher = await stack.openTab(salon);
        const tabs = [await stack.openTab(client), await stack.openTab(client)];
        await watcher.next('user-online', ({ userId }) => userId === client.id);
        for (const tab of tabs)
            for (let i = 0; i < 2; i++)
                await tab.do('presence', { state: 'away' });
        await watcher.next('user-offline', ({ userId }) => userId === client.id);
        const second = await stack.openTab(salon);
        assert.deepEqual(second.all('user-online'), []);
        tabs[1].close();
        await tabs[0].do('presence', { state: 'here' });
        await until('the watcher is told', () => watcher.all('user-online').length === 2);
        assert.deepEqual(watcher.all('user-online')[1],
            { userId: client.id, userName: 'Zoé Martin' });
        for (const wrong of [{}, { state: 'gone' }, { state: 7 }, { away: true }])
            assert.match(await tabs[0].refused('presence', wrong), /^state: /);
        assert.equal(watcher.all('user-offline').length, 1);
        [watcher, second, tabs[0]].forEach((tab) => tab.close());
    });

    test('is right within 10 s of a restart', async () => {
        const { salon, client } = await openPair(stack);
        const watcher = await stack.openTab(salon);
        const gone = await stack.openTab(client);
        await watcher.next('user-online', ({ userId }) => userId === client.id);
        gone.socket.io.reconnection(false);
        await stack.broker.kill();
        watcher.forget();
        await stack.startBroker();
        const startedAt = Date.now();
        await until('the watcher is back', () => watcher.connects.length > 1);
        await watcher.next('user-offline', ({ userId }) => userId === client.id);
        assert.ok(Date.now() - startedAt < PRESENCE_RESTART_MS + LATE_MS);
        assert.deepEqual(watcher.all('user-offline'), [{ userId: client.id }]);
        watcher.close();
    });
});

describeBroker('membership and payloads', {}, ({ stack, test }) => {
    const refusals = [
        ['join-conversation', (id) => ({ conversationId: id })],
        ['leave-conversation', (id) => ({ conversationId: id })],
        ['send-message', (id) => ({ conversationId: id, content: 'Bonjour' })],
        ['mark-as-read', (id, messageId) => ({ messageId })],
        ['mark-conversation-as-read', (id) => ({ conversationId: id })],
        ['user-typing', (id) => ({ conversationId: id })],
        ['user-stopped-typing', (id) => ({ conversationId: id })],
    ];

    test('every event of somebody else is refused, and nobody hears of it', async () => {
        const { id, salon, client } = await openPair(stack);
        const message = await send(salon, id);
        const inside = await stack.openTab(client);
        const intruder = await stack.openTab(await stack.knownPerson('salon'));
        await stack.assertUnchanged(async () => {
            for (const [name, payload] of refusals)
                assert.match(await intruder.refused(name, payload(id, message.id)), /participez pas/);
        });
        assert.deepEqual(inside.names().filter((name) => /typing|joined|left|read$/.test(name)), []);
        assert.ok(!intruder.bytes.includes(message.content));
        // Being in its own room does not help.
        await send(salon, id);
        await inside.next('unread-count-updated', ({ totalUnread }) => totalUnread === 2);
        assert.deepEqual(intruder.all('new-message'), []);
        inside.close();
        intruder.close();
    });

    test('unknown ids and payloads of any other shape are refused', async () => {
        const { salon } = await openPair(stack);
        const tab = await stack.openTab(salon);
        for (const [name] of refusals) {
            const key = name === 'mark-as-read' ? 'messageId' : 'conversationId';
            const rest = name === 'send-message' ? { content: 'x' } : {};
            if (name !== 'leave-conversation')
                assert.match(await tab.refused(name, { [key]: UNKNOWN_ID, ...rest }), /introuvable/);
            for (const wrong of [7, '', null, {}, 'x'.repeat(65), [UNKNOWN_ID]])
                assert.match(await tab.refused(name, { [key]: wrong, ...rest }), new RegExp(`^${key}: `));
            for (const payload of ['text', 7, null, ['list']])
                await tab.refused(name, payload);
            await tab.refused(name);
        }
        assert.match(await tab.refused('user-typing', { conversationId: 'a\0b' }), /./);
        tab.close();
    });

    test('an unknown event, and leaving what is not there, are no errors', async () => {
        const { salon } = await openPair(stack);
        const tab = await stack.openTab(salon);
        tab.socket.emit('no-such-event', {});
        tab.socket.emit('no-such-event');
        tab.socket.emit('leave-conversation', { conversationId: UNKNOWN_ID });
        await tab.do('leave-conversation', { conversationId: UNKNOWN_ID });
        const answer = await tab.ask('no-such-event', {}); // who asks would wait in vain
        assert.equal(answer.status, 'error');
        assert.deepEqual(tab.all('error'), []);
        tab.close();
    });

    test('messages are validated as over REST', async () => {
        const { id, salon } = await openPair(stack);
        const tab = await stack.openTab(salon);
        const rejected = [
            [{ content: '' }, /^content: /],
            [{ content: ' \n\t' }, /^content: /],
            [{ content: 'x'.repeat(10_001) }, /^content: /],
            [{ content: 7 }, /^content: /],
            [{ content: 'x', type: 'SYSTEM' }, /^type: /],
            [{ content: 'x', attachments: Array(7).fill(PICTURE) }, /^attachments: /],
            [{ content: 'x', attachments: [{ ...PICTURE, fileUrl: 'javascript:alert(1)' }] },
                /^attachments.0.fileUrl: /],
            [{ content: 'x', clientMessageId: 'x'.repeat(65) }, /^clientMessageId: /],
        ];
        await stack.assertUnchanged(async () => {
            for (const [fields, expected] of rejected)
                assert.match(await tab.refused('send-message', { conversationId: id, ...fields }), expected);
        });
        tab.close();
    });

    test('the author cannot mark a message read', async () => {
        const { id, salon, client } = await openPair(stack);
        const message = await send(salon, id);
        const tab = await stack.openTab(salon);
        await tab.do('mark-as-read', { messageId: message.id });
        assert.deepEqual(bodyOf(await client.get(UNREAD_TOTAL)), { totalUnread: 1 });
        tab.close();
    });

    test('the counter equals the unread messages, also after deleting one', async () => {
        const { id, salon, client } = await openPair(stack);
        const sent = [await send(salon, id), await send(salon, id), await send(salon, id)];
        const tab = await stack.openTab(client);
        await tab.do('mark-as-read', { messageId: sent[0].id });
        await tab.next('unread-count-updated', ({ totalUnread }) => totalUnread === 2);
        bodyOf(await salon.delete(`/messaging/messages/${sent[1].id}`), 204);
        await tab.next('unread-count-updated', ({ totalUnread }) => totalUnread === 1);
        tab.close();
    });
});

describeBroker('tokens', {}, ({ stack, test }) => {
    test('a socket is closed within a second of exp, and told why, on each transport', async () => {
        const { salon } = await openPair(stack);
        const exp = seconds(6);
        const token = signClaims({ ...usualClaims(salon.id, 'salon'), exp }, stack.secret);
        await Promise.all([['websocket'], ['polling']].map(async (transports) => {
            const tab = await stack.openTab(salon, { token, transports });
            const error = await tab.next('error', ({ code }) => code === 'token_expired');
            assert.equal(typeof error.message, 'string');
            assert.equal(tab.connects.length, 1, 'before it comes back');
            await until('the transport is closed', () => tab.reason);
            assert.ok(Date.now() >= exp * 1000, 'not before');
            assert.ok(Date.now() <= exp * 1000 + 1000 + LATE_MS, 'closed in time');
            assert.notEqual(tab.reason, 'io server disconnect');
            // It comes back by itself, and with that token it is refused.
            await until('the old token is refused', () => tab.errors.includes('Unauthorized'));
            tab.close();
        }));
    });

    test('bad tokens get a CONNECT_ERROR, good ones with or without Bearer are let in', async () => {
        const { salon } = await openPair(stack);
        const bad = {
            '': 'missing',
            'Bearer ': 'missing',
            garbage: 'malformed',
            [signClaims(usualClaims(salon.id, 'salon'), 'another secret, also long')]: 'signature',
            [signClaims({ ...usualClaims(salon.id, 'salon'), exp: seconds(-10) }, stack.secret)]:
                'expired',
            [signClaims(usualClaims('booking', 'service'), stack.secret)]: 'service',
        };
        for (const [token, reason] of Object.entries(bad)) {
            const tab = stack.tab(salon, { token });
            tab.socket.connect();
            await until('it is refused', () => tab.errors.length > 0);
            assert.deepEqual(tab.errors, ['Unauthorized']);
            assert.deepEqual(tab.errorData, [{ reason }]);
            tab.close();
        }
        for (const reason of ['signature', 'expired', 'service'])
            await until('the log tells why', () => stack.broker.log.split('\n').some((line) =>
                line.includes('msg="token refused"') && line.includes(`reason=${reason} `)));
        assert.doesNotMatch(stack.broker.log, /eyJ/);
        for (const scheme of ['Bearer ', 'bearer '])
            (await stack.openTab(salon, { token: scheme + salon.token })).close();
    });

    test('connecting makes the directory row from the claims', async () => {
        const person = stack.person('client', { firstName: 'Ana', lastName: 'Silva' });
        const tab = await stack.openTab(person);
        assert.equal(await stack.database.value(
            `SELECT first_name || ' ' || last_name FROM users WHERE id = '${person.id}'`), 'Ana Silva');
        tab.close();
    });
});

describeBroker('typing', {}, ({ stack, test }) => {
    /** The client types, the salon sees it; then something happens, and the typing ends. */
    async function endsWith(happening) {
        const { id, salon, client } = await openPair(stack);
        const watcher = await stack.openTab(salon);
        const typing = await stack.openTab(client);
        await watcher.join(id);
        await typing.join(id);
        await typing.do('user-typing', { conversationId: id });
        await watcher.next('user-typing', ({ userId }) => userId === client.id);
        await happening({ id, client, typing });
        assert.deepEqual(await watcher.next('user-stopped-typing'),
            { conversationId: id, userId: client.id });
        watcher.close();
        typing.close();
    }

    test('ends with the message, over the socket', () => endsWith(({ id, typing }) =>
        typing.do('send-message', { conversationId: id, content: 'Voilà' })));
    test('ends with the message, over REST', () => endsWith(({ id, client }) => send(client, id)));
    test('ends with leaving', () => endsWith(({ id, typing }) =>
        typing.do('leave-conversation', { conversationId: id })));
    test('ends with disconnecting', () => endsWith(({ typing }) => typing.close()));
    test('ends with a broken connection', () => endsWith(({ typing }) => {
        typing.socket.io.reconnection(false);
        typing.cut();
    }));
});

describeBroker('order', {}, ({ stack, test }) => {
    test('the events of one socket are handled one after another, and seen in one order', async () => {
        const { id, salon, client } = await openPair(stack);
        const tabs = [await stack.openTab(salon), await stack.openTab(client)];
        await Promise.all(tabs.map((tab) => tab.join(id)));
        const texts = Array.from({ length: 60 }, (_, index) => `${index}`);
        await Promise.all([
            ...texts.map((content) => tabs[0].do('send-message', { conversationId: id, content })),
            (async () => {
                for (let i = 0; i < 20; i++)
                    await send(client, id, { content: `REST ${i}` });
            })(),
        ]);
        await until('everybody has all', () =>
            tabs.every((tab) => tab.all('new-message').length === texts.length + 20));
        const [one, other] = tabs.map((tab) => tab.all('new-message').map(({ content }) => content));
        assert.deepEqual(one, other);
        assert.deepEqual(one.filter((content) => !content.startsWith('REST')), texts);
        const { data } = bodyOf(await salon.get(`/messaging/conversations/${id}/messages?limit=100`));
        assert.deepEqual(data.map(({ content }) => content).reverse(), one);
        for (const tab of tabs) {
            const offsets = tab.events.map(({ offset }) => offset).filter(Boolean).map(seqOf);
            assert.deepEqual(offsets, [...offsets].sort((a, b) => a - b));
            tab.close();
        }
    });

    test('joining in the middle of a burst shows each message exactly once', async () => {
        const { id, salon, client } = await openPair(stack);
        const tab = await stack.openTab(client);
        let stopped = false;
        const sent = [];
        const writer = (async () => {
            while (!stopped)
                sent.push((await send(salon, id)).id);
        })();
        for (let round = 0; round < 10; round++) {
            const count = sent.length;
            tab.forget();
            await tab.join(id);
            await until('more is sent', () => sent.length > count + 3);
            await tab.do('leave-conversation', { conversationId: id });
            const history = tab.all('conversation-history')[0].messages.map((message) => message.id);
            const followed = tab.all('new-message').map((message) => message.id);
            const shown = [...history.reverse(), ...followed];
            assert.equal(new Set(shown).size, shown.length, 'shown twice');
            const first = sent.indexOf(shown[0]);
            const known = sent.slice(first, first + shown.length);
            assert.deepEqual(shown.slice(0, known.length), known, 'missed or out of order');
        }
        stopped = true;
        await writer;
        tab.close();
    });

    test('messages lost on the bus are healed from the outbox', async () => {
        const { id, salon, client } = await openPair(stack);
        const tab = await stack.openTab(salon);
        await tab.join(id);
        await stack.database.sql(`INSERT INTO outbox (seq, audience, name, payload, created_at)
            SELECT max(seq) + 1, 'c:${id}', 'new-message', '{"silent":1}', 0 FROM outbox`);
        assert.deepEqual(await tab.next('new-message', ({ silent }) => silent === 1), { silent: 1 });
        assert.ok(await stack.metric('feed_healed_total') >= 1);
        await send(client, id);
        await tab.next('new-message', ({ sender }) => sender?.id === client.id);
        tab.close();
    });
});

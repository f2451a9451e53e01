// Somebody else writes for long: a backup script, an administrator's shell. Who connects, reads or
// joins does not wait for them: what is asked for here is answered while they still write, and what
// was shown meanwhile is marked read when they are done.

import assert from 'node:assert/strict';

import { describeBroker } from '../harness/broker.mjs';
import { until } from '../harness/conditions.mjs';
import { CONVERSATIONS, conversationPath, messagesPath } from '../harness/paths.mjs';
import { bodyOf, errorOf, openConversation, send, sendMany } from '../harness/people.mjs';
import { describeStack } from '../harness/stack.mjs';

/** Longer than any of these tests: nobody gives up waiting because of it. */
const PATIENT = { database: { busy_timeout_ms: 600_000 } };
const TOTAL = '/messaging/conversations/unread/total';

/** A conversation with so many messages of the salon, which the client has not read. */
async function unreadConversation(stack, count = 3) {
    const { salon, client } = await stack.salonAndClient();
    const { id } = await openConversation(salon, client);
    return { id, salon, client, messages: await sendMany(salon, id, count) };
}

const totalOf = async (person) => bodyOf(await person.get(TOTAL)).totalUnread;

const unreadIn = (stack, id) => stack.database.value(
    `SELECT count(*) FROM messages WHERE conversation_id = '${id}' AND read_at IS NULL`);

describeBroker('while somebody else writes', { config: PATIENT }, ({ stack, test }) => {
    for (const transports of [['websocket'], ['polling'], undefined])
        test(`one connects, without a recovery (${transports ?? 'default'})`, async () => {
            const { id, salon, client } = await unreadConversation(stack);
            const tab = stack.tab(client, { transports });
            await stack.database.whileLocked(async () => {
                await tab.open();
                assert.equal(tab.socket._pid, undefined);
                assert.deepEqual(tab.all('unread-count-updated')[0], { totalUnread: 3 });
            });
            await tab.join(id);
            const message = await send(salon, id);
            await tab.next('new-message', (one) => one.id === message.id);
            tab.close();
        });

    test('one joins and sees the thread as it is, which is then marked, and told', async () => {
        const { id, salon, client } = await unreadConversation(stack);
        const [tab, other] = [await stack.openTab(client), await stack.openTab(salon)];
        await other.join(id);
        await stack.database.whileLocked(async () => {
            await tab.join(id);
            const [{ messages }] = tab.all('conversation-history');
            assert.deepEqual(messages.map(({ isRead }) => isRead), [false, false, false]);
        });
        await until('the salon is told', () => other.all('message-read').length === 3);
        await until('the client is told', () => tab.all('message-read').length === 3);
        await tab.next('conversation-unread-updated', ({ unreadCount }) => unreadCount === 0);
        assert.equal(await totalOf(client), 0);
        tab.close();
        other.close();
    });

    test('a room that was joined meanwhile is not recovered, as it is not remembered', async () => {
        const { id, client } = await unreadConversation(stack);
        const tab = await stack.openTab(client);
        assert.notEqual(tab.socket._pid, undefined);
        await stack.database.whileLocked(async () => {
            await tab.join(id);
            const connects = tab.connects.length;
            tab.cut();
            await until('the tab is back', () => tab.connects.length > connects);
            assert.equal(tab.connects.at(-1), false);
        });
        await until('what was stored of it is deleted', async () => await stack.database.value(
            `SELECT count(*) FROM sessions WHERE user_id = '${client.id}'`) === 0);
        tab.close();
    });

    test('one marks, leaves and joins, one after the other', async () => {
        const first = await unreadConversation(stack);
        const { id } = await openConversation(first.salon, first.client);
        const tab = await stack.openTab(first.client);
        await stack.database.whileLocked(async () => {
            await tab.do('mark-as-read', { messageId: first.messages[0].id });
            await tab.do('mark-conversation-as-read', { conversationId: first.id });
            await tab.do('leave-conversation', { conversationId: first.id });
            await tab.join(id);
            assert.equal(await tab.refused('mark-as-read', { messageId: 'none' }),
                'Message introuvable');
        });
        await until('it is marked', async () => await totalOf(first.client) === 0);
        await tab.next('unread-count-updated', ({ totalUnread }) => totalUnread === 0);
        tab.close();
    });

    test('strangers are refused all the same', async () => {
        const { id, messages } = await unreadConversation(stack);
        const stranger = await stack.openTab(await stack.knownPerson('client'));
        await stack.database.whileLocked(async () => {
            for (const name of ['join-conversation', 'leave-conversation',
                'mark-conversation-as-read'])
                await stranger.refused(name, { conversationId: id });
            await stranger.refused('mark-as-read', { messageId: messages[0].id });
        });
        assert.equal(await unreadIn(stack, id), 3);
        assert.ok(!stranger.bytes.includes(messages[0].content));
        stranger.close();
    });

    test('a broker that starts lets people in, and says what it cannot do', async () => {
        const { id, client } = await unreadConversation(stack);
        await stack.broker.kill();
        await stack.database.whileLocked(async () => {
            await stack.startBroker();
            const tab = await stack.openTab(client);
            await tab.join(id);
            const ready = await stack.internal('/readyz');
            assert.equal(ready.status, 503);
            assert.match(ready.text, /can't be written/);
            assert.doesNotMatch(ready.text, /can't be read/);
            tab.close();
        });
        await until('it is marked', async () => await totalOf(client) === 0);
    });

    test('one who comes and goes is told to the others', async () => {
        const { salon, client } = await unreadConversation(stack);
        const tab = await stack.openTab(salon);
        await stack.database.whileLocked(async () => {
            const other = await stack.openTab(client);
            await tab.next('user-online', ({ userId }) => userId === client.id);
            other.close();
            await tab.next('user-offline', ({ userId }) => userId === client.id);
        });
        tab.close();
    });
});

describeStack('GET while somebody else writes', { config: PATIENT }, ({ stack, test }) => {
    test('shows what is there, unmarked; then it is marked, and told', async () => {
        const { id, client } = await unreadConversation(stack);
        const before = await stack.database.lastSeq();
        await stack.database.whileLocked(async () => {
            const page = bodyOf(await client.get(messagesPath(id)));
            assert.deepEqual(page.data.map(({ isRead }) => isRead), [false, false, false]);
            assert.equal(bodyOf(await client.get(CONVERSATIONS)).data[0].unreadCount, 3);
            assert.equal(await totalOf(client), 3);
        });
        await until('it is marked', async () => await totalOf(client) === 0);
        const names = (await stack.database.events(before)).map(({ name }) => name);
        assert.deepEqual(names, ['message-read', 'message-read', 'message-read',
            'conversation-unread-updated', 'unread-count-updated', 'unread-count-updated']);
        assert.deepEqual(await stack.database.findings(), []);
    });

    test('a conversation, too', async () => {
        const { id, client } = await unreadConversation(stack);
        await stack.database.whileLocked(async () =>
            assert.equal(bodyOf(await client.get(conversationPath(id))).unreadCount, 3));
        await until('it is marked', async () => await unreadIn(stack, id) === 0);
    });

    test('of a page marks that page alone, and nothing that comes later', async () => {
        const { id, salon, client, messages } = await unreadConversation(stack, 5);
        let late;
        await stack.database.whileLocked(async () => {
            bodyOf(await client.get(`${messagesPath(id)}?limit=2`));
            bodyOf(await client.head(`${messagesPath(id)}?limit=3`));
            late = salon.post(messagesPath(id), { content: 'plus tard' });
        });
        const last = bodyOf(await late, 201);
        await until('it is marked', async () => await unreadIn(stack, id) <= 4);
        const unread = await stack.database.sql(`SELECT id FROM messages
            WHERE conversation_id = '${id}' AND read_at IS NULL ORDER BY position`);
        assert.deepEqual(unread.map((row) => row.id),
            [...messages.slice(0, 3).map((message) => message.id), last.id]);
    });

    test('somebody who is not in the directory yet gets an answer, and is soon', async () => {
        const newcomer = stack.person('client');
        const ask = async () => bodyOf(await newcomer.get(CONVERSATIONS));
        await stack.database.whileLocked(ask);
        await until('the directory has them', async () => {
            await ask();
            return await stack.database.value(
                `SELECT count(*) FROM users WHERE id = '${newcomer.id}'`) === 1;
        });
    });

    test('a program that starts answers', async () => {
        const { id, client } = await unreadConversation(stack);
        await stack.stopPrograms();
        await stack.database.whileLocked(async () => {
            await stack.startPrograms();
            bodyOf(await client.get(messagesPath(id)));
        });
        await until('it is marked', async () => await unreadIn(stack, id) === 0);
    });

    test('those who write leave threads for those who read', async () => {
        const { id, salon, client } = await unreadConversation(stack);
        const posts = await stack.database.whileLocked(async () => {
            const underWay = Array.from({ length: 60 }, (_, i) =>
                salon.post(messagesPath(id), { content: 'x', clientMessageId: `${i}` }));
            for (let i = 0; i < 10; i++)
                bodyOf(await client.get(messagesPath(id)));
            return underWay;
        });
        const statuses = (await Promise.all(posts)).map((response) => {
            if (response.status !== 201) {
                errorOf(response, 503);
                assert.match(response.headers['retry-after'], /^[1-9]/);
            }
            return response.status;
        });
        const stored = await stack.database.value(`SELECT count(*) FROM messages
            WHERE conversation_id = '${id}' AND content = 'x'`);
        assert.equal(stored, statuses.filter((status) => status === 201).length);
        assert.ok(stored > 0);
    });
});

describeStack('plain CGI while somebody else writes',
    { front: 'cgi', config: { database: { busy_timeout_ms: 5000 } } }, ({ stack, test }) => {
        test('answers, unmarked', async () => {
            const { id, client } = await unreadConversation(stack);
            await stack.database.whileLocked(async () => {
                bodyOf(await client.get(CONVERSATIONS));
                const page = bodyOf(await client.get(messagesPath(id)));
                assert.deepEqual(page.data.map(({ isRead }) => isRead), [false, false, false]);
            });
        });
    });

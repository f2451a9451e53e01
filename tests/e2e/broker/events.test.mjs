// Every row of docs/protocol.md, "What a client sends", and what everybody gets. Two participants
// with two tabs each, and an outsider who must get nothing that is not its own.

import assert from 'node:assert/strict';

import { CLIENTS, describeBroker, TRANSPORTS } from '../harness/broker.mjs';
import { until } from '../harness/conditions.mjs';
import { messagesPath, UNREAD_TOTAL } from '../harness/paths.mjs';
import { bodyOf, openConversation, PICTURE, send } from '../harness/people.mjs';
import { isLong } from '../harness/project.mjs';

/** A conversation with all its tabs open and joined, and the outsider's. */
async function openRoom(stack, options, { joined = true } = {}) {
    const { salon, client } = await stack.salonAndClient();
    const outsider = await stack.knownPerson('client', { firstName: 'Max' });
    const conversation = await openConversation(salon, client);
    const tabs = {};
    for (const [name, person] of Object.entries({ salon, client })) {
        tabs[name] = [await stack.openTab(person, options), await stack.openTab(person, options)];
        if (joined) {
            for (const tab of tabs[name])
                await tab.join(conversation.id);
        }
    }
    const stranger = await stack.openTab(outsider, options);
    const all = [...tabs.salon, ...tabs.client];
    const room = { conversation, id: conversation.id, salon, client, outsider, tabs, all, stranger };
    room.forget = () => all.forEach((tab) => tab.forget());
    room.close = () => {
        assertOutsider(room);
        [...all, stranger].forEach((tab) => tab.close());
    };
    return room;
}

/** Of everything that it got, no byte may be of the conversation or its people. */
function assertOutsider({ stranger, conversation, salon, client }) {
    for (const secret of [conversation.id, salon.id, client.id])
        assert.ok(!stranger.bytes.includes(secret), `the outsider got ${stranger.bytes}`);
}

const each = (tabs, body) => Promise.all(tabs.map(body));

/** What is stored, and may be recovered; the rest has no offset. */
const STORED = ['conversation-history', 'new-message', 'message-read', 'message-deleted',
    'conversation-created', 'conversation-unread-updated'];
const PASSING = ['user-online', 'user-joined', 'user-left', 'user-typing', 'error'];

function defineEvents({ stack, test }, options) {
    test('what is stored ends with its offset, a text; the rest does not', async () => {
        const room = await openRoom(stack, options);
        const { id, tabs: { salon: [first], client: [other, elsewhere] } } = room;
        await openConversation(room.salon, room.client);
        await elsewhere.do('leave-conversation', { conversationId: id });
        await other.do('user-typing', { conversationId: id });
        const { message } = await first.do('send-message', { conversationId: id, content: 'un' });
        bodyOf(await room.salon.delete(`/messaging/messages/${message.id}`), 204);
        await send(room.client, id);
        await other.refused('join-conversation', {});
        await other.next('message-read');
        const seen = room.all.flatMap((tab) => tab.events);
        for (const name of STORED)
            assert.ok(seen.some((event) => event.name === name), name);
        for (const name of PASSING)
            assert.ok(seen.some((event) => event.name === name), name);
        for (const { name, offset } of seen) {
            if (STORED.includes(name))
                assert.match(offset, /^\d+-[0-9a-f]{8}$/, name);
            if (PASSING.includes(name))
                assert.equal(offset, undefined, name);
        }
        for (const tab of room.all.filter(({ socket }) => '_lastOffset' in socket))
            assert.equal(tab.socket._lastOffset, tab.events.filter(({ offset }) => offset).at(-1).offset);
        room.close();
    });

    test('connecting tells the unread total and who is online', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        await send(salon, id);
        const first = await stack.openTab(salon, options);
        assert.deepEqual(first.all('unread-count-updated'), [{ totalUnread: 0 }]);
        const tab = await stack.openTab(client, options);
        assert.deepEqual(tab.all('unread-count-updated'), [{ totalUnread: 1 }]);
        assert.equal(typeof tab.events.find((event) => event.name === 'unread-count-updated').offset,
            'string');
        await tab.next('user-online', ({ userId }) => userId === salon.id);
        await first.next('user-online', ({ userId }) => userId === client.id);
        first.close();
        tab.close();
    });

    test('join-conversation: marks read, shows the history, tells the room', async () => {
        const room = await openRoom(stack, options, { joined: false });
        const { id, tabs } = room;
        await tabs.salon[0].join(id);
        const sent = [await send(room.salon, id), await send(room.salon, id)];
        await tabs.client[0].next('unread-count-updated', ({ totalUnread }) => totalUnread === 2);
        room.forget();
        await tabs.client[0].join(id);
        const history = await tabs.client[0].next('conversation-history');
        assert.equal(history.conversationId, id);
        assert.deepEqual(history.messages.map((message) => message.id), sent.map((m) => m.id).reverse());
        assert.ok(history.messages.every((message) => message.isRead && message.readAt));
        for (const message of sent)
            await tabs.salon[0].next('message-read', ({ messageId }) => messageId === message.id);
        await tabs.salon[0].next('unread-count-updated', ({ totalUnread }) => totalUnread === 0);
        await each(tabs.client, (tab) =>
            tab.next('unread-count-updated', ({ totalUnread }) => totalUnread === 0));
        await each([tabs.salon[0], tabs.client[0]], (tab) =>
            tab.next('user-joined', (joined) =>
                joined.userId === room.client.id && joined.conversationId === id));
        assert.deepEqual(tabs.client[1].all('user-joined'), []);
        assert.deepEqual(tabs.client[1].all('conversation-history'), []);
        assert.deepEqual(tabs.client[0].all('new-message'), []);
        room.close();
    });

    test('the history holds the newest 50, newest first', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const sent = [];
        for (let i = 0; i < 52; i++)
            sent.push((await send(salon, id)).id);
        const tab = await stack.openTab(client, options);
        await tab.join(id);
        const { messages } = await tab.next('conversation-history');
        assert.deepEqual(messages.map((message) => message.id), sent.reverse().slice(0, 50));
        tab.close();
    });

    test('leave-conversation: marks read, counts, tells the room, ends the room', async () => {
        const room = await openRoom(stack, options);
        const { id, tabs } = room;
        room.forget();
        await tabs.client[0].do('leave-conversation', { conversationId: id });
        await tabs.client[0].next('unread-count-updated', ({ totalUnread }) => totalUnread === 0);
        await each([...tabs.salon, tabs.client[1]], (tab) =>
            tab.next('user-left', (left) => left.userId === room.client.id && left.conversationId === id));
        await tabs.salon[0].do('send-message', { conversationId: id, content: 'Encore là ?' });
        await tabs.client[1].next('new-message');
        await tabs.client[0].do('user-stopped-typing', { conversationId: id });
        assert.deepEqual(tabs.client[0].all('new-message'), []);
        assert.deepEqual(tabs.client[0].all('user-left'), []);
        room.close();
    });

    test('leaving a room that one has not joined is fine, and marks read', async () => {
        const room = await openRoom(stack, options, { joined: false });
        await send(room.salon, room.id);
        await room.tabs.client[0].do('leave-conversation', { conversationId: room.id });
        await each(room.tabs.client, (tab) =>
            tab.next('unread-count-updated', ({ totalUnread }) => totalUnread === 0));
        room.close();
    });

    test('send-message to somebody who looks on: inserted read, in one order for all', async () => {
        const room = await openRoom(stack, options);
        const { id, tabs } = room;
        room.forget();
        const { message } = await tabs.salon[0].do('send-message',
            { conversationId: id, content: 'Bonjour', clientMessageId: 'k1', attachments: [PICTURE] });
        assert.equal(message.isRead, true);
        assert.equal(message.clientMessageId, 'k1');
        assert.equal(message.attachments[0].fileName, PICTURE.fileName);
        await each(room.all, async (tab) => {
            assert.deepEqual(await tab.next('new-message'), message);
        });
        await each(tabs.client, async (tab) => {
            await tab.next('unread-count-updated', ({ totalUnread }) => totalUnread === 0);
            assert.deepEqual(await tab.next('conversation-unread-updated'),
                { conversationId: id, unreadCount: 0 });
            const names = tab.names();
            assert.ok(names.indexOf('conversation-unread-updated') < names.indexOf('new-message'));
        });
        const again = await tabs.salon[0].do('send-message',
            { conversationId: id, content: 'Bonjour', clientMessageId: 'k1' });
        assert.deepEqual(again.message, message);
        const { data } = bodyOf(await room.client.get(messagesPath(id)));
        assert.deepEqual(data, [message]);
        await each(room.all, (tab) => assert.equal(tab.all('new-message').length, 1));
        room.close();
    });

    test('send-message to somebody who does not look on: unread, and nothing in their tabs but the count',
        async () => {
            const room = await openRoom(stack, options, { joined: false });
            const { id, tabs } = room;
            await tabs.salon[0].join(id);
            room.forget();
            const { message } = await tabs.salon[0].do('send-message',
                { conversationId: id, content: 'Bonjour' });
            assert.equal(message.isRead, false);
            await tabs.salon[0].next('new-message');
            await each(tabs.client, (tab) =>
                tab.next('unread-count-updated', ({ totalUnread }) => totalUnread === 1));
            await each([...tabs.client, tabs.salon[1]], (tab) =>
                assert.deepEqual(tab.all('new-message'), []));
            room.close();
        });

    test('a REST message is delivered unread, then marked read for who looks on', async () => {
        const room = await openRoom(stack, options);
        const { id, tabs } = room;
        room.forget();
        const message = await send(room.client, id);
        assert.equal(message.isRead, false);
        await each(room.all, async (tab) => {
            assert.deepEqual(await tab.next('new-message'), message);
            const read = await tab.next('message-read');
            assert.deepEqual(Object.keys(read).sort(), ['messageId', 'readAt']);
            assert.equal(read.messageId, message.id);
            await until('the count follows the reading', () =>
                tab.names().lastIndexOf('unread-count-updated') > tab.names().indexOf('message-read'));
            assert.deepEqual(tab.all('unread-count-updated').at(-1), { totalUnread: 0 });
        });
        assert.deepEqual(bodyOf(await room.salon.get(UNREAD_TOTAL)), { totalUnread: 0 });
        room.close();
    });

    test('mark-as-read: to the room, and each their own total', async () => {
        const room = await openRoom(stack, options, { joined: false });
        const { id, tabs } = room;
        await tabs.salon[0].join(id);
        const [first] = [await send(room.salon, id), await send(room.salon, id)];
        await tabs.client[0].next('unread-count-updated', ({ totalUnread }) => totalUnread === 2);
        room.forget();
        await tabs.client[0].do('mark-as-read', { messageId: first.id });
        const read = await tabs.salon[0].next('message-read');
        assert.equal(read.messageId, first.id);
        await each(tabs.salon, (tab) =>
            tab.next('unread-count-updated', ({ totalUnread }) => totalUnread === 0));
        await each(tabs.client, (tab) =>
            tab.next('unread-count-updated', ({ totalUnread }) => totalUnread === 1));
        room.forget();
        // Already read: for the asking socket alone.
        await tabs.client[1].do('mark-as-read', { messageId: first.id });
        assert.deepEqual(await tabs.client[1].next('message-read'), read);
        await tabs.client[1].next('unread-count-updated', ({ totalUnread }) => totalUnread === 1);
        // One's own: no event.
        await tabs.salon[0].do('mark-as-read', { messageId: first.id });
        assert.deepEqual([...tabs.salon, tabs.client[0]].flatMap((tab) => tab.names()), []);
        room.close();
    });

    test('mark-conversation-as-read: each message, and zero for the reader', async () => {
        const room = await openRoom(stack, options, { joined: false });
        const { id, tabs } = room;
        await tabs.salon[0].join(id);
        const sent = [await send(room.salon, id), await send(room.salon, id)];
        await tabs.client[0].next('unread-count-updated', ({ totalUnread }) => totalUnread === 2);
        room.forget();
        await tabs.client[0].do('mark-conversation-as-read', { conversationId: id });
        for (const { id: messageId } of sent)
            await tabs.salon[0].next('message-read', (read) => read.messageId === messageId);
        await each(tabs.client, async (tab) => {
            assert.deepEqual(await tab.next('conversation-unread-updated'),
                { conversationId: id, unreadCount: 0 });
            await tab.next('unread-count-updated', ({ totalUnread }) => totalUnread === 0);
        });
        await each(tabs.salon, (tab) => tab.next('unread-count-updated'));
        room.forget();
        await tabs.client[1].do('mark-conversation-as-read', { conversationId: id });
        assert.deepEqual(tabs.client[1].all('conversation-unread-updated'),
            [{ conversationId: id, unreadCount: 0 }]);
        assert.deepEqual(tabs.client[0].names(), []);
        room.close();
    });

    test('user-typing and user-stopped-typing: to the others, not to own tabs', async () => {
        const room = await openRoom(stack, options);
        const { id, tabs } = room;
        room.forget();
        await tabs.client[0].do('user-typing', { conversationId: id });
        await each(tabs.salon, async (tab) =>
            assert.deepEqual(await tab.next('user-typing'),
                { conversationId: id, userId: room.client.id, userName: 'Zoé Martin' }));
        await tabs.client[0].do('user-stopped-typing', { conversationId: id });
        await each(tabs.salon, async (tab) =>
            assert.deepEqual(await tab.next('user-stopped-typing'),
                { conversationId: id, userId: room.client.id }));
        await tabs.salon[0].do('user-typing', { conversationId: id });
        await each(tabs.client, async (tab) =>
            assert.equal((await tab.next('user-typing')).userName, 'Salon des Lilas'));
        await each(tabs.client, (tab) => assert.deepEqual(tab.all('user-stopped-typing'), []));
        await each(tabs.salon, (tab) => assert.equal(tab.all('user-typing').length, 1));
        room.close();
    });

    test('REST changes reach the sockets: reading, deleting, opening, archiving', async () => {
        const room = await openRoom(stack, options);
        const { id, tabs } = room;
        const message = await send(room.client, id);
        await tabs.client[0].next('message-read');
        room.forget();
        bodyOf(await room.client.delete(`/messaging/messages/${message.id}`), 204);
        await each(room.all, async (tab) =>
            assert.equal((await tab.next('message-deleted')).messageId, message.id));
        bodyOf(await room.salon.patch(`/messaging/conversations/${id}/archive`), 204);
        await each(room.all, (tab) =>
            tab.next('conversation-updated', ({ status }) => status === 'ARCHIVED'));
        const other = await openConversation(room.salon, room.client);
        await each(room.all, (tab) => tab.next('conversation-created', (made) => made.id === other.id));
        bodyOf(await room.salon.delete(`/messaging/conversations/${id}`), 204);
        await each(room.all, async (tab) =>
            assert.deepEqual(await tab.next('conversation-deleted'), { conversationId: id }));
        room.forget();
        assert.match(await tabs.client[0].refused('send-message', { conversationId: id, content: 'x' }),
            /introuvable/);
        room.close();
    });
}

for (const transport of Object.keys(TRANSPORTS)) {
    describeBroker(`events, newest client, transport ${transport}`, {}, (suite) =>
        defineEvents(suite, { transports: TRANSPORTS[transport] }));
}

for (const version of Object.keys(CLIENTS).filter((name) => name !== 'newest')) {
    const transports = isLong ? Object.keys(TRANSPORTS) : ['default'];
    for (const transport of transports) {
        describeBroker(`events, client ${version}, transport ${transport}`, {}, (suite) =>
            defineEvents(suite, { client: version, transports: TRANSPORTS[transport] }));
    }
}

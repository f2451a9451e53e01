// What the front-ends do with their badge: they set it at each unread-count-updated, and lower it by
// one at each message-read, whoever reads, some of them in a later task. In the end it is right.

import assert from 'node:assert/strict';

import { describeBroker } from '../harness/broker.mjs';
import { until } from '../harness/conditions.mjs';
import { messagesPath } from '../harness/paths.mjs';
import { bodyOf, openConversation, send, sendMany } from '../harness/people.mjs';
import { isLong } from '../harness/project.mjs';

const RUNS = isLong ? 100 : 3;
/** How much later a page lowers its badge. */
const LATER_MS = [0, 10, 50];
const WORLDS_AT_ONCE = 10;
const LIMIT_MS = 20_000;
const MOVES = ['message-read', 'new-message', 'conversation-unread-updated'];

/** A tab with three badges, each as late as another page. */
async function openPage(stack, person, options) {
    const tab = stack.tab(person, options);
    tab.badges = LATER_MS.map(() => 0);
    tab.lowered = 0;
    tab.totals = 0;
    tab.socket.on('unread-count-updated', ({ totalUnread }, offset) => {
        tab.badges = tab.badges.map(() => totalUnread);
        tab.totals++;
        // What was sent 100 ms apart comes at once to a process that was held up.
        if (offset === undefined && performance.now() - tab.readAt < Math.max(...LATER_MS))
            tab.wasHeldUp = true;
    });
    tab.socket.on('message-read', () => {
        tab.readAt = performance.now();
        LATER_MS.forEach((ms, index) => setTimeout(() => {
            tab.badges[index]--;
            tab.lowered++;
        }, ms));
    });
    return tab.open();
}

/** Who opens or marks, who looks on, over what; and how many message-read the salon's page gets then, and
 * the client's. Three messages of the salon are unread, and some in another conversation, which stay so. */
const SITUATIONS = {
    'the client opens over the socket, the salon watches': {
        act: async ({ id, tab }) => tab.join(id),
        reads: [3, 0],
    },
    'the client opens over REST, the salon watches': {
        act: async ({ id, client }) => bodyOf(await client.get(messagesPath(id))),
        reads: [3, 0],
    },
    'the client opens in a tab, then over REST': {
        act: async ({ id, client, second }) => {
            await second.join(id);
            bodyOf(await client.get(messagesPath(id)));
        },
        reads: [3, 0],
    },
    'the client opens in two tabs': {
        act: async ({ id, tab, second }) => Promise.all([tab.join(id), second.join(id)]),
        reads: [3, 0],
    },
    'the client marks one message': {
        act: async ({ messages, tab }) => tab.do('mark-as-read', { messageId: messages[1].id }),
        reads: [1, 0],
    },
    'the client marks one message twice': {
        act: async ({ messages, tab }) => {
            await tab.do('mark-as-read', { messageId: messages[1].id });
            await tab.do('mark-as-read', { messageId: messages[1].id });
        },
        reads: [1, 1],
    },
    'the client marks one message over REST': {
        act: async ({ client, messages }) =>
            bodyOf(await client.patch(`/messaging/messages/${messages[0].id}/read`)),
        reads: [1, 0],
    },
    'the client marks the conversation': {
        act: async ({ id, tab }) => tab.do('mark-conversation-as-read', { conversationId: id }),
        reads: [3, 0],
    },
    'a message comes over REST to who looks on': {
        act: async ({ id, salon, tab }) => {
            await tab.join(id);
            await send(salon, id);
        },
        reads: [4, 1],
    },
    'the client opens and writes, and the salon reads': {
        act: async ({ id, tab, watcher, client }) => {
            await tab.join(id);
            await watcher.do('leave-conversation', { conversationId: id });
            await send(client, id);
            await watcher.join(id);
        },
        reads: [3, 1],
    },
};

async function makeWorld(stack) {
    const { salon, client } = await stack.salonAndClient();
    const { id } = await openConversation(salon, client);
    const other = await openConversation(salon, client);
    const messages = await sendMany(salon, id, 3);
    await sendMany(salon, other.id, 2);
    await send(client, other.id);
    const [watcher, tab, second] = await Promise.all([openPage(stack, salon),
        openPage(stack, client), openPage(stack, client, { transports: ['websocket'] })]);
    await watcher.join(id);
    return { id, salon, client, messages, watcher, tab, second };
}

const totalOf = async (person) =>
    bodyOf(await person.get('/messaging/conversations/unread/total')).totalUnread;

/** It has got what it is to get, has lowered its badge, and was told its total again behind that. */
function isSettled(page, reads) {
    const last = page.events.findLastIndex(({ name }) => MOVES.includes(name));
    return page.all('message-read').length >= reads && page.lowered >= reads * LATER_MS.length &&
        (last < 0 || page.events.slice(last).some(({ name, offset }) =>
            name === 'unread-count-updated' && offset === undefined));
}

async function run(stack, { act, reads }) {
    const world = await makeWorld(stack);
    await act(world);
    for (const [page, count] of [[world.watcher, reads[0]], [world.tab, reads[1]], [world.second, 0]]) {
        const seen = () => page.events.map(({ name, offset, payload }) =>
            `${name} ${offset} ${payload.totalUnread ?? ''}`).join('\n');
        await until('the page is told again', () => isSettled(page, count), LIMIT_MS)
            .catch((error) => assert.fail(`${error.message}: ${seen()}`));
        // What follows from the situation may still be written.
        const isRight = await until('its badge is right', async () => {
            const total = await totalOf(page.person);
            return page.badges.every((badge) => badge === total);
        }, LIMIT_MS).catch((error) => page.wasHeldUp
            ? false : assert.fail(`${error.message}: ${seen()}`));
        page.close();
        if (!isRight)
            return false;
    }
    return true;
}

/** Again, if it was this process that was too slow to tell. */
async function runFairly(stack, situation) {
    for (let attempt = 1; !await run(stack, situation); attempt++)
        assert.ok(attempt < 5, 'held up each time');
}

describeBroker('the badge is right in the end', {}, ({ stack, test }) => {
    for (const [name, situation] of Object.entries(SITUATIONS))
        test(`${name}, ${RUNS} times`, async () => {
            for (let left = RUNS; left > 0; left -= WORLDS_AT_ONCE)
                await Promise.all(Array.from({ length: Math.min(left, WORLDS_AT_ONCE) },
                    () => runFairly(stack, situation)));
        });

    test('a burst is told again once, and not to those who got nothing of it', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        await sendMany(salon, id, 20);
        const page = await openPage(stack, client);
        const elsewhere = await stack.openTab(await stack.knownPerson('client'));
        const before = page.totals;
        await page.do('mark-conversation-as-read', { conversationId: id });
        await until('it is told again', () => page.totals >= before + 2);
        const without = page.events.filter(({ name, offset }) =>
            name === 'unread-count-updated' && offset === undefined);
        assert.deepEqual(without.map(({ payload }) => payload), [{ totalUnread: 0 }]);
        await page.do('mark-conversation-as-read', { conversationId: id });
        await until('and again', () => page.totals >= before + 4);
        assert.equal(elsewhere.all('unread-count-updated').length, 1);
        page.close();
        elsewhere.close();
    });
});

// A person who is erased while their pages are open: the pages end, stay away by themselves, and
// what they could have gone on with is gone. Their token still tells who they are.

import assert from 'node:assert/strict';

import { messagerie } from '../harness/admin.mjs';
import { BookingSite } from '../harness/booking.mjs';
import { describeBroker } from '../harness/broker.mjs';
import { until } from '../harness/conditions.mjs';
import { CONVERSATIONS } from '../harness/paths.mjs';
import { bodyOf, errorOf, openConversation, send } from '../harness/people.mjs';

const SAID = [{ message: 'Votre compte a été supprimé', code: 'user_erased' }];

describeBroker('an erased person', {}, ({ stack, test }) => {
    const site = () => new BookingSite(stack.person('service'));
    const sessionsOf = (id) => stack.database.value(`SELECT count(*) FROM sessions WHERE user_id = '${id}'`);

    /** The two in a room, the client with two pages. */
    async function openRoom() {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const own = [await stack.openTab(client), await stack.openTab(client, { transports: ['polling'] })];
        const other = await stack.openTab(salon);
        for (const tab of [...own, other])
            await tab.join(id);
        return { salon, client, id, own, other, all: [...own, other] };
    }

    const close = (tabs) => tabs.forEach((tab) => tab.close());

    async function assertEnded({ client, own }) {
        for (const tab of own) {
            await until('the page has ended', () => tab.reason === 'io server disconnect');
            assert.deepEqual(tab.all('error'), SAID);
            assert.deepEqual(tab.all('user-erased'), []);
            assert.equal(tab.connects.length, 1);
        }
        await until('no session is left', async () => await sessionsOf(client.id) === 0);
    }

    test('is disconnected everywhere, by HTTP, and heard of by nobody', async () => {
        const room = await openRoom();
        bodyOf(await site().eraseUser(room.client.id), 204);
        await assertEnded(room);
        await room.other.next('user-offline', ({ userId }) => userId === room.client.id);
        assert.deepEqual(room.other.all('error'), []);
        assert.deepEqual(room.other.all('user-erased'), []);
        await room.other.do('send-message', { conversationId: room.id, content: 'Personne ?' });
        close(room.all);
    });

    test('is disconnected by the tool, too', async () => {
        const room = await openRoom();
        assert.equal((await messagerie(stack, 'user', 'erase', room.client.id)).code, 0);
        await assertEnded(room);
        close(room.all);
    });

    test('whose connection was cut recovers nothing', async () => {
        const room = await openRoom();
        const [tab] = room.own;
        tab.socket.io.reconnection(false);
        tab.cut();
        await until('the broker knows', () => stack.database.value(
            `SELECT count(*) = 1 FROM sessions WHERE user_id = '${room.client.id}' AND is_connected = 0`));
        await send(room.salon, room.id, { content: 'Pendant ce temps' });
        bodyOf(await site().eraseUser(room.client.id), 204);
        tab.forget();
        await tab.open();
        assert.deepEqual(tab.connects, [false, false]);
        assert.deepEqual(tab.all('new-message'), []);
        close(room.all);
    });

    test('is still who the token says, without a name, until it expires', async () => {
        const room = await openRoom();
        bodyOf(await site().eraseUser(room.client.id), 204);
        await assertEnded(room);
        const [tab] = room.own;
        await tab.open();
        await tab.join(room.id);
        await tab.do('send-message', { conversationId: room.id, content: 'Un dernier mot' });
        const { sender } = await room.other.next('new-message', ({ content }) => content === 'Un dernier mot');
        assert.deepEqual(sender, { id: room.client.id, role: 'client' });
        assert.equal(bodyOf(await room.client.get(CONVERSATIONS)).total, 1);
        errorOf(await site().getUser(room.client.id), 404);
        close(room.all);
    });
});

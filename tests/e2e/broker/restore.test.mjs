// A restored database goes on with numbers that were given out before: a client of the time before
// is not taken for one of it.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { messagerie } from '../harness/admin.mjs';
import { describeBroker, seqOf } from '../harness/broker.mjs';
import { until } from '../harness/conditions.mjs';
import { openConversation, sendMany } from '../harness/people.mjs';

const MISSED = 40;

describeBroker('a restore', {}, ({ stack, test }) => {
    const backup = () => join(stack.folder, 'backup.db');

    async function restore(file) {
        await stack.stopPrograms();
        await stack.broker.stop();
        const { code, stderr } = await messagerie(stack, 'restore', file);
        assert.equal(code, 0, stderr);
        await stack.startPrograms();
        await stack.startBroker();
    }

    test('is refused while a program runs', async () => {
        await stack.salonAndClient();
        assert.equal((await messagerie(stack, 'backup', backup())).code, 0);
        const { code, stderr } = await messagerie(stack, 'restore', backup());
        assert.equal(code, 1);
        assert.match(stderr, /programs use it: stop them all first/);
    });

    test('is another time line, whose history a client of before gets anew', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        assert.equal((await messagerie(stack, 'backup', `${backup()}2`)).code, 0);
        const tab = await stack.openTab(client);
        await tab.join(id);
        await sendMany(salon, id, 3);
        await until('all have come', () => tab.all('new-message').length === 3);
        const { _pid: pid, _lastOffset: offset } = tab.socket;
        tab.socket.io.reconnection(false);
        tab.cut();
        await restore(`${backup()}2`);
        // More than there were: the numbers pass those of before.
        const sent = await sendMany(salon, id, MISSED);
        assert.ok(await stack.database.lastSeq() > seqOf(offset));
        assert.equal(await stack.database.value('SELECT count(*) FROM sessions'), 0);
        const back = stack.tab(client);
        back.socket.auth = { token: client.token, pid, offset };
        await back.open();
        assert.deepEqual(back.connects, [false]);
        assert.notEqual(back.socket._pid, pid);
        await back.join(id);
        const { messages } = await back.next('conversation-history');
        assert.deepEqual(messages.map((message) => message.id),
            sent.map((message) => message.id).reverse());
        assert.deepEqual(await stack.database.findings(), []);
        back.close();
    });
});

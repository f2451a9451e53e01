// SIGHUP: in each program live keys apply everywhere at once, fixed keys keep their values and are
// named in the log.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import WebSocket from 'ws';

import { appointmentOf } from './harness/booking.mjs';
import { describeBroker, NAMESPACE } from './harness/broker.mjs';
import { until } from './harness/conditions.mjs';
import { CONVERSATIONS } from './harness/paths.mjs';
import { bodyOf, openConversation } from './harness/people.mjs';
import { Spool } from './harness/spool.mjs';

const NO_LIMIT_BYTES = 1024 ** 3;

/** Writes the configuration with these changes, has `program` read it, and gives the keys of which
 * it says that they need a restart. */
async function reload(stack, program, changes) {
    const before = program.log.length;
    stack.configure(changes);
    program.signal('SIGHUP');
    await until(`${program.name} has read it`, () =>
        program.log.slice(before).includes('msg="configuration read again"'));
    return [...program.log.slice(before).matchAll(/needs a restart" key=(\S+)/g)].map(([, key]) => key);
}

describeBroker('the configuration read again', {
    front: 'nginx',
    config: { broker: { max_output_bytes: NO_LIMIT_BYTES } },
}, ({ stack, test }) => {
    const open = async () => {
        const socket = new WebSocket(
            `ws+unix://${stack.brokerSocket}:/socket.io/?EIO=4&transport=websocket`);
        await once(socket, 'open');
        return socket;
    };

    test('the broker: limits hold for those who are connected; addresses and sizes stay', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const writer = await stack.openTab(salon);
        await writer.join(id);
        const stuck = await open();
        let received = '';
        stuck.on('message', (data) => { received += data; });
        stuck.send(`40${NAMESPACE},${JSON.stringify({ token: client.token })}`);
        await until('connected', () => received.includes(`40${NAMESPACE}`));
        stuck.send(`42${NAMESPACE},["join-conversation",{"conversationId":"${id}"}]`);
        await writer.next('user-joined', ({ userId }) => userId === client.id);
        stuck.pause();

        const keys = await reload(stack, stack.broker, {
            broker: {
                max_output_bytes: 65536,
                connect_timeout_ms: 50,
                max_connections: 1,
                listen: '127.0.0.1:1',
            },
            database: { path: stack.database.path, readers: 1 },
        });
        assert.deepEqual(keys, ['database.readers', 'broker.listen', 'broker.max_connections']);
        const content = 'x'.repeat(9000);
        await until('it was cut off', async () => {
            await writer.ask('send-message', { conversationId: id, content });
            return await stack.metric('slow_consumers_total') === 1;
        });
        stuck.terminate();
        const silent = await open();
        await once(silent, 'close');
        writer.close();
        await reload(stack, stack.broker, {});
    });

    test('the broker: an address has no more connections, counted with those that it had', async () => {
        const knock = async () =>
            (await stack.request({ path: '/socket.io/?EIO=4&transport=polling' })).status;
        // Those without a user, that is.
        const tab = await stack.openTab((await stack.salonAndClient()).salon);
        assert.equal(await knock(), 200);
        assert.deepEqual(await reload(stack, stack.broker,
            { broker: { max_connections_per_address: 1 } }), []);
        for (const status of [503, 503, 503, 200])
            assert.equal(await knock(), status);
        assert.deepEqual(await reload(stack, stack.broker,
            { broker: { max_connections_per_address: 2 } }), []);
        assert.equal(await knock(), 200);
        tab.close();
        await reload(stack, stack.broker, {});
    });

    test('a REST program: the log tells more; threads stay', async () => {
        const { conversations } = stack.programs;
        const salon = await stack.knownPerson('salon');
        assert.doesNotMatch(conversations.log, /level=debug/);
        const keys = await reload(stack, conversations,
            { log: { level: 'debug' }, fastcgi: { threads: 1, conversations_socket: '/nowhere' } });
        assert.deepEqual(keys, ['fastcgi.threads', 'fastcgi.conversations_socket']);
        bodyOf(await salon.get(CONVERSATIONS));
        await reload(stack, conversations, { log: { level: 'debug' }, fastcgi: { write_burst: 1,
            writes_per_second: 1 } });
        await until('one of two is refused', async () => {
            const answers = [await salon.post(CONVERSATIONS, {}), await salon.post(CONVERSATIONS, {})];
            return answers.some(({ status }) => status === 429);
        });
        await until('it is logged', () => /level=debug .*msg="answered"/.test(conversations.log));
        assert.deepEqual(await reload(stack, conversations, {}), []);
    });

    test('the spool: the next file is told of in other words; the bus stays', async () => {
        const { salon, client } = await stack.salonAndClient();
        const tab = await stack.openTab(client);
        const spool = new Spool(stack);
        await spool.start();
        const folder = join(stack.folder, 'other-templates');
        mkdirSync(folder);
        writeFileSync(join(folder, 'confirmed.txt'), 'En d\'autres mots, {prenom}');
        assert.deepEqual(await reload(stack, spool.program,
            { appointments: { templates: folder }, bus: { brokers: '' } }), ['bus.brokers']);
        spool.write(appointmentOf(salon, client, { status: 'CONFIRMED' }));
        const { lastMessage } = await tab.next('conversation-created');
        assert.equal(lastMessage.content, 'En d\'autres mots, Zoé');

        const before = spool.program.log.length;
        writeFileSync(join(folder, 'confirmed.txt'), '{nom}');
        spool.program.signal('SIGHUP');
        await until('it is refused', () => /keeping the old one" .*confirmed\.txt:1: unknown variable/
            .test(spool.program.log.slice(before)));
        spool.write(appointmentOf(salon, client, { status: 'CONFIRMED' }));
        await until('there are two', () => tab.all('conversation-created').length === 2);
        assert.equal(tab.all('conversation-created')[1].lastMessage.content, 'En d\'autres mots, Zoé');
        assert.deepEqual(await spool.program.stop(), { code: 0, signal: null });
        tab.close();
        stack.configure();
    });
});

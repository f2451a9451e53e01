// Socket.IO protocol 5: every case of the public test suite (its Engine.IO part again, at this
// path), and what that leaves out.

import assert from 'node:assert/strict';
import { describe as group, test as nodeTest } from 'node:test';

import { EngineIO } from './harness/engineio.mjs';
import { startCalmServer, startEchoServer, startPatientServer } from './harness/server.mjs';

const HANG_MS = 20_000;
const test = (name, run) => nodeTest(name, { timeout: HANG_MS }, run);

// Node 18 runs no hooks outside of groups: the servers start here, and end in the last test.
const server = await startCalmServer();
const engine = new EngineIO(server.port, '/socket.io/');
const quickServer = await startPatientServer();
const quick = new EngineIO(quickServer.port, '/socket.io/');
const suiteServer = await startEchoServer();
const suite = new EngineIO(suiteServer.port, '/socket.io/');

/** A session over WebSocket whose open packet has been read. */
async function opened(from = engine) {
    const socket = await from.connect();
    assert.equal((await socket.next())[0], '0');
    return socket;
}

/** The same, in the main namespace. */
async function connected(from = engine) {
    const socket = await opened(from);
    socket.send('40');
    assert.match(await socket.next(), /^40\{/);
    assert.match(await socket.next(), /^42\["auth"/);
    return socket;
}

async function assertClosed(socket) {
    assert.deepEqual(await socket.next(), ['close', undefined]);
    assert.deepEqual(await socket.next(), ['end']);
}

group('Engine.IO at /socket.io/', () => {
    test('opens a session over long-polling', async () => {
        const open = await suite.open();
        assert.deepEqual(Object.keys(open),
            ['sid', 'upgrades', 'pingInterval', 'pingTimeout', 'maxPayload']);
        assert.deepEqual(open.upgrades, ['websocket']);
        assert.deepEqual([open.pingInterval, open.pingTimeout, open.maxPayload],
            [300, 200, 1000000]);
    });

    for (const query of [{ transport: 'polling' }, { EIO: 'abc', transport: 'polling' },
        { EIO: 4 }, { EIO: 4, transport: 'abc' }]) {
        test(`refuses ${JSON.stringify(query)} over both transports`, async () => {
            assert.equal((await engine.request(query)).status, 400);
            const rest = { EIO: '', ...query, transport: query.transport && 'abc' };
            await assert.rejects(engine.connect(rest), { status: 400 });
        });
    }

    for (const method of ['POST', 'PUT']) {
        test(`refuses a handshake with ${method}`, async () => {
            const { status } = await engine.request({ EIO: 4, transport: 'polling' }, { method });
            assert.equal(status, 400);
        });
    }

    test('opens a session over WebSocket', async () => {
        const socket = await engine.connect();
        const open = JSON.parse((await socket.next()).slice(1));
        assert.deepEqual(open.upgrades, []);
        socket.destroy();
    });

    test('pings over long-polling, and ends without a pong', async () => {
        const { sid } = await quick.open();
        for (let i = 0; i < 3; i++) {
            assert.equal((await quick.get(sid)).text, '2');
            assert.equal((await quick.post(sid, '3')).status, 200);
        }
        assert.equal((await quick.get(sid)).text, '2');
        assert.equal((await quick.get(sid)).text, '1');
        assert.equal((await quick.get(sid)).status, 400);
    });

    test('pings over WebSocket, and ends without a pong', async () => {
        const socket = await opened(quick);
        socket.keepsPings = true;
        assert.equal(await socket.next(), '2');
        socket.send('3');
        assert.equal(await socket.next(), '2');
        await assertClosed(socket);
    });

    test('upgrades, and then refuses HTTP and another WebSocket', async () => {
        const { sid } = await engine.open();
        const socket = await engine.connect({ sid });
        socket.send('2probe', '5', '40');
        assert.equal(await socket.next(), '3probe');
        assert.match(await socket.next(), /^40\{/);
        assert.equal((await engine.get(sid)).status, 400);
        assert.deepEqual(await (await engine.connect({ sid })).next(), ['close', undefined]);
        socket.destroy();
    });
});

group('connect', () => {
    for (const [what, packet, answer, auth] of [
        ['the main namespace', '40', /^40(\{.*\})$/, '42["auth",{}]'],
        ['the main namespace with a payload', '40{"token":"123"}', /^40(\{.*\})$/,
            '42["auth",{"token":"123"}]'],
        ['a namespace', '40/custom,', /^40\/custom,(\{.*\})$/, '42/custom,["auth",{}]'],
        ['a namespace without the comma', '40/custom', /^40\/custom,(\{.*\})$/,
            '42/custom,["auth",{}]'],
        ['a namespace with a payload', '40/custom,{"token":"abc"}', /^40\/custom,(\{.*\})$/,
            '42/custom,["auth",{"token":"abc"}]'],
        ['a namespace with a query', '40/custom?a=b,{"token":"abc"}', /^40\/custom,(\{.*\})$/,
            '42/custom,["auth",{"token":"abc"}]'],
    ]) {
        test(`to ${what}`, async () => {
            const socket = await opened();
            socket.send(packet);
            const [, payload] = answer.exec(await socket.next());
            const handshake = JSON.parse(payload);
            assert.deepEqual(Object.keys(handshake), ['sid']);
            assert.match(handshake.sid, /^[A-Za-z0-9_-]{20}$/);
            assert.equal(await socket.next(), auth);
            socket.destroy();
        });
    }

    test('the socket\'s id is not the secret one of the session', async () => {
        const socket = await engine.connect();
        const { sid } = JSON.parse((await socket.next()).slice(1));
        socket.send('40');
        assert.notEqual(JSON.parse((await socket.next()).slice(2)).sid, sid);
        socket.destroy();
    });

    test('over long-polling', async () => {
        const { sid } = await engine.open();
        assert.equal((await engine.post(sid, '40\x1e40/custom,\x1e42["message",1]')).text, 'ok');
        let text = '';
        while (!text.includes('message-back'))
            text += `${(await engine.get(sid)).text}\x1e`;
        const packets = text.split('\x1e').filter((packet) => packet !== '' && packet !== '2');
        assert.match(packets.shift(), /^40\{"sid":"[^"]*"\}$/);
        assert.equal(packets.shift(), '42["auth",{}]');
        assert.match(packets.shift(), /^40\/custom,\{"sid":"[^"]*"\}$/);
        assert.deepEqual(packets, ['42/custom,["auth",{}]', '42["message-back",1]']);
    });

    test('to an unknown namespace, after which one may still connect to another', async () => {
        const socket = await opened();
        socket.send('40/random', '40/custom?,', '40/customs,');
        assert.equal(await socket.next(), '44/random,{"message":"Invalid namespace"}');
        assert.match(await socket.next(), /^40\/custom,\{/);
        assert.equal(await socket.next(), '42/custom,["auth",{}]');
        assert.equal(await socket.next(), '44/customs,{"message":"Invalid namespace"}');
        socket.destroy();
    });

    for (const packet of ['4abc', '4', '40[]', '40"text"', '40{"a":', '49', '4-1', '41',
        '42["message"]', '431[]', '44{"message":"x"}', `40/${'a'.repeat(300)},`]) {
        test(`${packet.slice(0, 20)} instead: closes the connection`, async () => {
            const socket = await opened();
            socket.send(packet);
            await assertClosed(socket);
        });
    }

    test('to the same namespace twice: closes the connection', async () => {
        const socket = await connected();
        socket.send('40');
        await assertClosed(socket);
    });

    test('never: closes the connection', async () => {
        await assertClosed(await opened());
    });
});

group('disconnect', () => {
    test('from the main namespace: the connection stays', async () => {
        const socket = await connected(quick);
        socket.keepsPings = true;
        socket.send('41');
        assert.equal(await socket.next(), '2');
        socket.send('3', '40');
        assert.match(await socket.next(), /^40\{/);
        socket.destroy();
    });

    test('without connecting again: the connection is closed', async () => {
        const socket = await connected();
        socket.send('41');
        await assertClosed(socket);
    });

    test('from another namespace: the main one goes on', async () => {
        const socket = await connected();
        socket.send('40/custom');
        assert.match(await socket.next(), /^40\/custom,\{/);
        assert.equal(await socket.next(), '42/custom,["auth",{}]');
        socket.send('41/custom', '42["message","message to main namespace"]');
        assert.equal(await socket.next(), '42["message-back","message to main namespace"]');
        socket.send('42/custom,["message",1]');
        await assertClosed(socket);
    });

    test('with a payload: closes the connection', async () => {
        const socket = await connected();
        socket.send('41{}');
        await assertClosed(socket);
    });
});

group('messages', () => {
    const placeholders = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';
    const buffers = [Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])];

    /** What comes back for packets sent, as many as `count`. */
    async function exchange(packets, count) {
        const socket = await connected();
        socket.send(...packets);
        const received = [];
        while (received.length < count)
            received.push(await socket.next());
        socket.destroy();
        return received;
    }

    for (const [what, sent, received] of [
        ['a plain text packet', ['42["message",1,"2",{"3":[true]}]'],
            ['42["message-back",1,"2",{"3":[true]}]']],
        ['a packet with attachments', [`452-["message",${placeholders}]`, ...buffers],
            [`452-["message-back",${placeholders}]`, ...buffers]],
        ['a packet with an ack', ['42456["message-with-ack",1,"2",{"3":[false]}]'],
            ['43456[1,"2",{"3":[false]}]']],
        ['a packet with attachments and an ack',
            [`452-789["message-with-ack",${placeholders}]`, ...buffers],
            [`462-789[${placeholders}]`, ...buffers]],
        ['no arguments', ['42["message"]', '420["message-with-ack"]'],
            ['42["message-back"]', '430[]']],
        ['null, numbers and texts of all kinds',
            ['42["message",null,-1.5,1e3,"é\\"\\\\/😀",[[]],{}]'],
            ['42["message-back",null,-1.5,1e3,"é\\"\\\\/😀",[[]],{}]']],
        ['an empty attachment', ['451-["message",{"_placeholder":true,"num":0}]', Buffer.alloc(0)],
            ['451-["message-back",{"_placeholder":true,"num":0}]', Buffer.alloc(0)]],
        ['the greatest ack id', ['429007199254740991["message-with-ack"]'],
            ['439007199254740991[]']],
        ['an event that nobody knows', ['42["unknown",1]', '42["message",2]'],
            ['42["message-back",2]']],
        ['a name that is a number', ['42[7,1]', '42["message",2]'], ['42["message-back",2]']],
        ['acknowledgements that nobody waits for', ['431[]', '43[]', '42["message",2]'],
            ['42["message-back",2]']],
    ]) {
        test(what, async () => {
            assert.deepEqual(await exchange(sent, received.length), received);
        });
    }

    test('an event that is JSON, but not such as we take, is refused alone', async () => {
        const socket = await connected();
        socket.send('42["message","\\u0000"]', '42["message","\\ud800"]',
            '42["message",{"a":1,"a":2}]', '42["message",2]');
        for (let i = 0; i < 3; i++)
            assert.equal(await socket.next(), '42["error"]');
        assert.equal(await socket.next(), '42["message-back",2]');
        socket.destroy();
    });

    test('an auth object that is JSON, but not such as we take', async () => {
        const socket = await opened();
        socket.send('40{"token":"\\u0000"}');
        assert.match(await socket.next(), /^44\{"message":".+"\}$/);
        socket.destroy();
    });

    for (const packet of ['4abc', '42{}', '42abc["message-with-ack",1,"2",{"3":[false]}]', '42',
        '42[]', '42[{}]', '42[null]', '42["message"', '42["message"]]', '42"message"',
        '42["connect"]', '42["disconnecting"]', '42["newListener"]', '43', '431', '431{}', '45-[]',
        '450-["message"]', '4511-["message"]', '45x-["message"]', '451["message"]', '46',
        '429007199254740992["message-with-ack"]', '42/custom,["message"]', '42/none,["message"]',
        Buffer.from([1, 2, 3])]) {
        test(`${JSON.stringify(packet)} closes the connection`, async () => {
            const socket = await connected();
            socket.send(packet);
            await assertClosed(socket);
        });
    }

    for (const [what, packets] of [
        ['text instead of an attachment',
            ['451-["message",{"_placeholder":true,"num":0}]', '42["message"]']],
        ['a placeholder without attachment',
            ['451-["message",{"_placeholder":true,"num":1}]', buffers[0]]],
        ['a placeholder that is no number',
            ['451-["message",{"_placeholder":true,"num":"0"}]', buffers[0]]],
        ['one attachment too many',
            ['451-["message",{"_placeholder":true,"num":0}]', ...buffers]],
    ]) {
        test(`${what} closes the connection`, async () => {
            const socket = await connected();
            socket.send(...packets);
            let last = await socket.next();
            while (!Array.isArray(last))
                last = await socket.next();
            assert.deepEqual(last, ['close', undefined]);
        });
    }

    test('attachments that are too much together are refused, and nothing is closed', async () => {
        const socket = await connected();
        socket.send('452-["message"]', Buffer.alloc(600_000), Buffer.alloc(600_000));
        assert.equal(await socket.next(), '42["error"]');
        socket.send('42["message","next"]');
        assert.equal(await socket.next(), '42["message-back","next"]');
        socket.destroy();
    });
});

test('the servers end well', async () => {
    await server.stop();
    await quickServer.stop();
    await suiteServer.stop();
});

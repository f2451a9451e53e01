// Engine.IO protocol 4: every case of the public test suite, and what that leaves out.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { describe as group, test as nodeTest } from 'node:test';

import { until } from '../e2e/harness/conditions.mjs';
import { EngineIO, SEPARATOR } from './harness/engineio.mjs';
import {
    startCalmServer, startEchoServer, startPatientServer,
} from './harness/server.mjs';
import { PING, frame } from './harness/websocket.mjs';

const HANG_MS = 20_000;
const test = (name, run) => nodeTest(name, { timeout: HANG_MS }, run);

// Node 18 runs no hooks outside of groups: the servers start here, and end in the last test.
const server = await startCalmServer();
const engine = new EngineIO(server.port, '/engine.io/');
const quickServer = await startPatientServer();
const quick = new EngineIO(quickServer.port, '/engine.io/');
const suiteServer = await startEchoServer();
const suite = new EngineIO(suiteServer.port, '/engine.io/');

const OPEN_KEYS = ['sid', 'upgrades', 'pingInterval', 'pingTimeout', 'maxPayload'];
const ERRORS = ['Transport unknown', 'Session ID unknown', 'Bad handshake method', 'Bad request',
    'Forbidden', 'Unsupported protocol version'];

/** The answer of the reference server to a faulty request. */
function assertRefused(response, code, status = 400) {
    assert.equal(response.status, status);
    assert.match(response.headers['content-type'], /^application\/json/);
    assert.deepEqual(response.body, { code, message: ERRORS[code] });
}

const assertGone = async (sid) => assertRefused(await engine.get(sid), 1);

/** A GET that waits at the server: {request, response}, the response a promise. */
async function beginGet(sid) {
    const request = http.get({ host: '127.0.0.1', port: server.port, agent: false,
        path: `/engine.io/?EIO=4&transport=polling&sid=${sid}` });
    const response = new Promise((resolve, reject) => {
        request.on('error', reject);
        request.on('response', async (incoming) => {
            let text = '';
            for await (const chunk of incoming)
                text += chunk;
            resolve({ status: incoming.statusCode, text });
        });
    });
    response.catch(() => {}); // a test may break it off
    await once(request, 'finish');
    // What is sent later is answered later: the GET has been read.
    assert.equal((await engine.post(sid, '6')).text, 'ok');
    return { request, response };
}

/** Resolves when the server knows that a connection has broken. */
async function untilGone(sid) {
    await until('the session is gone', async () => (await engine.get(sid)).status === 400);
}

group('handshake over long-polling', () => {
    test('opens a session', async () => {
        const response = await suite.get();
        assert.equal(response.status, 200);
        assert.equal(response.headers['content-type'], 'text/plain; charset=UTF-8');
        assert.equal(response.headers['cache-control'], 'no-store');
        assert.equal(response.text[0], '0');
        const open = JSON.parse(response.text.slice(1));
        assert.deepEqual(Object.keys(open), OPEN_KEYS);
        assert.match(open.sid, /^[A-Za-z0-9_-]{20}$/);
        assert.deepEqual(open.upgrades, ['websocket']);
        assert.equal(open.pingInterval, 300);
        assert.equal(open.pingTimeout, 200);
        assert.equal(open.maxPayload, 1000000);
    });

    test('no two sessions have the same id', async () => {
        const sids = new Set();
        for (let i = 0; i < 100; i++)
            sids.add((await engine.open()).sid);
        assert.equal(sids.size, 100);
    });

    for (const [what, query, code] of [
        ['without EIO', { transport: 'polling' }, 5],
        ['with EIO=abc', { EIO: 'abc', transport: 'polling' }, 5],
        ['with EIO=3', { EIO: 3, transport: 'polling' }, 5],
        ['without transport', { EIO: 4 }, 0],
        ['with transport=abc', { EIO: 4, transport: 'abc' }, 0],
        ['with an unknown sid', { EIO: 4, transport: 'polling', sid: 'abc' }, 1],
        ['with an unknown sid of the right form',
            { EIO: 4, transport: 'polling', sid: 'AAAAAAAAAAAAAAAAAAAA' }, 1],
        ['with transport=websocket but no upgrade', { EIO: 4, transport: 'websocket' }, 3],
    ]) {
        test(`fails ${what}`, async () => {
            assertRefused(await engine.request(query), code);
        });
    }

    for (const method of ['POST', 'PUT', 'DELETE']) {
        test(`fails with ${method}`, async () => {
            assertRefused(await engine.request({ EIO: 4, transport: 'polling' }, { method }), 2);
        });
    }

    test('an empty sid is none', async () => {
        const { status } = await engine.request({ EIO: 4, transport: 'polling', sid: '' });
        assert.equal(status, 200);
    });

    test('answers pages of other origins so that they can read it', async () => {
        const origin = 'https://salon.example';
        const preflight = await engine.request({ EIO: 4, transport: 'polling' }, {
            method: 'OPTIONS',
            headers: { origin, 'access-control-request-method': 'POST',
                'access-control-request-headers': 'content-type' },
        });
        assert.equal(preflight.status, 204);
        assert.equal(preflight.headers['access-control-allow-methods'], 'GET, POST');
        assert.equal(preflight.headers['access-control-allow-headers'], 'content-type');
        const open = await engine.get(undefined, { headers: { origin } });
        const error = await engine.request({ EIO: 4 }, { headers: { origin } });
        for (const { headers } of [preflight, open, error]) {
            assert.equal(headers['access-control-allow-origin'], origin);
            assert.equal(headers['access-control-allow-credentials'], 'true');
            assert.equal(headers.vary, 'Origin');
        }
        const same = await engine.get();
        assert.equal(same.headers['access-control-allow-origin'], undefined);
    });
});

group('handshake over WebSocket', () => {
    test('opens a session', async () => {
        const socket = await suite.connect();
        const packet = await socket.next();
        assert.equal(packet[0], '0');
        const open = JSON.parse(packet.slice(1));
        assert.deepEqual(Object.keys(open), OPEN_KEYS);
        assert.equal(typeof open.sid, 'string');
        assert.deepEqual(open.upgrades, []);
        assert.equal(open.pingInterval, 300);
        assert.equal(open.pingTimeout, 200);
        assert.equal(open.maxPayload, 1000000);
        socket.destroy();
    });

    for (const [what, query] of [
        ['without EIO', { EIO: '' }], ['with EIO=abc', { EIO: 'abc' }],
        ['without transport', { transport: '' }], ['with transport=abc', { transport: 'abc' }],
        ['with an unknown sid', { sid: 'abc' }],
    ]) {
        test(`fails ${what}`, async () => {
            await assert.rejects(engine.connect(query), { status: 400 });
        });
    }
});

group('messages over long-polling', () => {
    /** Sends a payload and gives the next one that comes back. */
    async function exchange(body) {
        const { sid } = await engine.open();
        const pushed = await engine.post(sid, body);
        assert.equal(pushed.status, 200);
        assert.equal(pushed.text, 'ok');
        const polled = await engine.get(sid);
        assert.equal(polled.status, 200);
        return polled.text;
    }

    for (const [what, payload] of [
        ['one plain text packet', '4hello'],
        ['several plain text packets', ['4test1', '4test2', '4test3'].join(SEPARATOR)],
        ['plain text and binary packets', ['4hello', 'bAQIDBA=='].join(SEPARATOR)],
        ['empty data', ['4', 'b'].join(SEPARATOR)],
        ['text that is not ASCII', '4Écrit à 7 h — ça va ? 😀'],
        ['1000 packets', Array.from({ length: 1000 }, (_, i) => `4${i}`).join(SEPARATOR)],
        ['a payload of the greatest length', `4${'a'.repeat(999_999)}`],
    ]) {
        test(`a payload of ${what}`, async () => {
            assert.equal(await exchange(payload), payload);
        });
    }

    test('a payload that is too long is refused, the session goes on', async () => {
        const { sid } = await engine.open();
        const { status } = await engine.post(sid, `4${'a'.repeat(1_000_000)}`);
        assert.equal(status, 413);
        assert.equal((await engine.post(sid, '4hello')).text, 'ok');
        assert.equal((await engine.get(sid)).text, '4hello');
    });

    test('a GET waits for the next message', async () => {
        const { sid } = await engine.open();
        const { response } = await beginGet(sid);
        assert.equal((await engine.post(sid, '4hello')).text, 'ok');
        assert.equal((await response).text, '4hello');
    });

    for (const [what, body] of [
        ['an unknown type', 'abc'], ['an empty payload', ''], ['an empty packet', `4a${SEPARATOR}`],
        ['bad base64', 'b*'], ['a ping, which is the server\'s to send', '2'],
        ['bytes that are no UTF-8', Buffer.from([0x34, 0xff])],
    ]) {
        test(`${what} closes the session`, async () => {
            const { sid } = await engine.open();
            assertRefused(await engine.post(sid, body), 3);
            await assertGone(sid);
        });
    }

    test('octet-stream, which version 4 does not know, closes the session', async () => {
        const { sid } = await engine.open();
        const headers = { 'content-type': 'application/octet-stream' };
        assertRefused(await engine.post(sid, '4hello', headers), 3);
        await assertGone(sid);
    });

    test('two GETs at once close the session', async () => {
        const { sid } = await engine.open();
        const { response } = await beginGet(sid);
        assert.equal((await engine.get(sid)).status, 400);
        const { status, text } = await response;
        assert.equal(status, 200);
        assert.equal(text, '1');
        await assertGone(sid);
    });

    test('a GET that is cancelled closes the session', async () => {
        const { sid } = await engine.open();
        const { request } = await beginGet(sid);
        request.destroy();
        await untilGone(sid);
    });

    test('other methods are refused', async () => {
        const { sid } = await engine.open();
        const query = { EIO: 4, transport: 'polling', sid };
        assertRefused(await engine.request(query, { method: 'PUT' }), 3);
        assertRefused(await engine.request({ ...query, EIO: 3 }), 3);
    });
});

group('messages over WebSocket', () => {
    async function connected() {
        const socket = await engine.connect();
        await socket.next();
        return socket;
    }

    test('a plain text packet', async () => {
        const socket = await connected();
        socket.send('4hello');
        assert.equal(await socket.next(), '4hello');
        socket.destroy();
    });

    test('a binary packet', async () => {
        const socket = await connected();
        socket.send(Buffer.from([1, 2, 3, 4]));
        assert.deepEqual(await socket.next(), Buffer.from([1, 2, 3, 4]));
        socket.destroy();
    });

    test('a WebSocket ping is answered by a pong', async () => {
        const socket = await connected();
        socket.client.send(frame(PING, 'hi'));
        assert.deepEqual(await socket.next(), ['pong', Buffer.from('hi').toString('hex')]);
        socket.destroy();
    });

    for (const [what, packet] of [
        ['an unknown type', 'abc'], ['an empty packet', ''], ['a ping of the client', '2']]) {
        test(`${what} closes the session`, async () => {
            const socket = await connected();
            socket.send(packet);
            assert.deepEqual(await socket.next(), ['close', undefined]);
            assert.deepEqual(await socket.next(), ['end']);
        });
    }

    test('a packet that is too long closes the session', async () => {
        const socket = await connected();
        socket.send(`4${'a'.repeat(1_000_000)}`);
        assert.deepEqual(await socket.next(), ['close', 1009]);
    });

    test('types that mean nothing here are ignored', async () => {
        const socket = await connected();
        socket.send('0', '5', '6', '4hello');
        assert.equal(await socket.next(), '4hello');
        socket.destroy();
    });
});

group('heartbeat', () => {
    test('pings and pongs over long-polling', async () => {
        const { sid } = await quick.open();
        for (let i = 0; i < 3; i++) {
            assert.equal((await quick.get(sid)).text, '2');
            assert.equal((await quick.post(sid, '3')).status, 200);
        }
    });

    test('a ping that is not answered ends a session over long-polling', async () => {
        const { sid } = await quick.open();
        assert.equal((await quick.get(sid)).text, '2');
        assert.equal((await quick.get(sid)).text, '1');
        assertRefused(await quick.get(sid), 1);
    });

    test('so does a client that never came back', async () => {
        const started = process.hrtime.bigint();
        const { sid } = await quick.open();
        // POSTs tell whether it is there, and do not count as pongs.
        await until('the session is gone',
            async () => (await quick.post(sid, '6')).status === 400);
        assert.ok(process.hrtime.bigint() - started > 1_700_000_000n, 'not before its time');
    });

    test('pings and pongs over WebSocket', async () => {
        const socket = await quick.connect();
        await socket.next();
        socket.keepsPings = true;
        for (let i = 0; i < 3; i++) {
            assert.equal(await socket.next(), '2');
            socket.send('3');
        }
        socket.destroy();
    });

    test('a ping that is not answered ends a session over WebSocket', async () => {
        const socket = await quick.connect();
        socket.keepsPings = true;
        await socket.next();
        assert.equal(await socket.next(), '2');
        assert.deepEqual(await socket.next(), ['close', undefined]);
        assert.deepEqual(await socket.next(), ['end']);
    });
});

group('closing by the client', () => {
    test('over long-polling', async () => {
        const { sid } = await engine.open();
        const { response } = await beginGet(sid);
        const closed = await engine.post(sid, '1');
        assert.equal(closed.text, 'ok');
        const { status, text } = await response;
        assert.equal(status, 200);
        assert.equal(text, '6');
        await assertGone(sid);
    });

    test('what stands behind a close packet is ignored', async () => {
        const { sid } = await engine.open();
        assert.equal((await engine.post(sid, `1${SEPARATOR}4hello`)).text, 'ok');
        await assertGone(sid);
    });

    test('over WebSocket', async () => {
        const socket = await engine.connect();
        await socket.next();
        socket.send('1');
        assert.deepEqual(await socket.next(), ['close', undefined]);
        assert.deepEqual(await socket.next(), ['end']);
    });
});

group('upgrade', () => {
    /** A polling session with a WebSocket that has probed. */
    async function probed(from = engine) {
        const { sid } = await from.open();
        const socket = await from.connect({ sid });
        socket.send('2probe');
        assert.equal(await socket.next(), '3probe');
        return { sid, socket };
    }

    async function upgraded(from = engine) {
        const { sid, socket } = await probed(from);
        socket.send('5', '4hello');
        assert.equal(await socket.next(), '4hello');
        return { sid, socket };
    }

    test('from long-polling to WebSocket', async () => {
        const { sid, socket } = await probed();
        const poll = await engine.get(sid);
        assert.equal(poll.status, 200);
        assert.equal(poll.text, '6');
        socket.send('5', '4hello');
        assert.equal(await socket.next(), '4hello');
        socket.destroy();
    });

    test('a GET that waits is answered at the probe', async () => {
        const { sid } = await engine.open();
        const { response } = await beginGet(sid);
        const socket = await engine.connect({ sid });
        socket.send('2probe');
        assert.equal(await socket.next(), '3probe');
        assert.equal((await response).text, '6');
        socket.destroy();
    });

    test('messages that long-polling has not fetched come over the WebSocket', async () => {
        const { sid, socket } = await probed();
        assert.equal((await engine.post(sid, ['4a', 'bAQID', '4b'].join(SEPARATOR))).text, 'ok');
        socket.send('5');
        assert.equal(await socket.next(), '4a');
        assert.deepEqual(await socket.next(), Buffer.from([1, 2, 3]));
        assert.equal(await socket.next(), '4b');
        socket.destroy();
    });

    test('HTTP requests of an upgraded session are refused, which goes on', async () => {
        const { sid, socket } = await upgraded();
        assertRefused(await engine.get(sid), 3);
        assertRefused(await engine.post(sid, '4hello'), 3);
        socket.send('4still here');
        assert.equal(await socket.next(), '4still here');
        socket.destroy();
    });

    test('an upgrade without waiting for the answer to the probe', async () => {
        const { sid } = await engine.open();
        const socket = await engine.connect({ sid });
        socket.send('2probe', '5', '4hello');
        assert.equal(await socket.next(), '3probe');
        assert.equal(await socket.next(), '4hello');
        assertRefused(await engine.get(sid), 3);
        socket.destroy();
    });

    test('an HTTP request sent right behind the upgrade packet comes after it', async () => {
        for (let i = 0; i < 50; i++) {
            const { sid } = await engine.open();
            const socket = await engine.connect({ sid });
            socket.send('2probe');
            socket.send('5');
            assertRefused(await engine.get(sid), 3);
            socket.destroy();
        }
    });

    test('another WebSocket for an upgraded session is closed, which goes on', async () => {
        const { sid, socket } = await upgraded();
        const second = await engine.connect({ sid });
        assert.deepEqual(await second.next(), ['close', undefined]);
        socket.send('4hello');
        assert.equal(await socket.next(), '4hello');
        socket.destroy();
    });

    test('so is another WebSocket while one is probing', async () => {
        const { sid, socket } = await probed();
        const second = await engine.connect({ sid });
        assert.deepEqual(await second.next(), ['close', undefined]);
        socket.send('5', '4hello');
        assert.equal(await socket.next(), '4hello');
        socket.destroy();
    });

    for (const [what, packet] of [
        ['a message', '4hello'], ['another ping', '2abc'], ['nonsense', 'abc'],
        ['binary data', Buffer.from([1])]]) {
        test(`${what} instead of the upgrade packet: the session goes on with polling`, async () => {
            const { sid, socket } = await probed();
            socket.send(packet);
            assert.deepEqual(await socket.next(), ['close', undefined]);
            assert.equal((await engine.post(sid, '4hello')).text, 'ok');
            assert.equal((await engine.get(sid)).text, '4hello');
        });
    }

    test('a probe that breaks off: the session goes on with polling', async () => {
        const { sid, socket } = await probed();
        socket.destroy();
        const again = await until('another one may try', async () => {
            const next = await engine.connect({ sid });
            next.send('2probe');
            return await next.next() === '3probe' && next;
        });
        again.send('5', '4hello');
        assert.equal(await again.next(), '4hello');
        again.destroy();
    });

    test('the heartbeat goes on over the WebSocket', async () => {
        const { socket } = await upgraded(quick);
        socket.keepsPings = true;
        for (let i = 0; i < 2; i++) {
            assert.equal(await socket.next(), '2');
            socket.send('3');
        }
        assert.equal(await socket.next(), '2');
        assert.deepEqual(await socket.next(), ['close', undefined]);
    });

    test('the end of the WebSocket is the end of the session', async () => {
        const { sid, socket } = await upgraded();
        socket.destroy();
        await until('the session is gone', async () => {
            const { status, body } = await engine.get(sid);
            return status === 400 && body.code === 1;
        });
    });
});

test('the servers end well', async () => {
    await server.stop();
    await quickServer.stop();
    await suiteServer.stop();
});

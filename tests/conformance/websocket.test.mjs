// The WebSocket layer against RFC 6455: every case of the public Autobahn suite's sections 1 to 7,
// 9 and 10 (there is no 8; 12 and 13 are about compression, which we do not speak), by its number,
// and what that suite leaves out.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe as group, test } from 'node:test';

import { startEchoServer } from './harness/server.mjs';
import {
    BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, WebSocketClient, closeFrame, closePayload,
    describe, fragments, frame,
} from './harness/websocket.mjs';

const HANG_MS = 60_000;

// Node 18 runs no hooks outside of groups: the server starts here, and ends in the last test.
const server = await startEchoServer();

const connect = (options = {}) =>
    WebSocketClient.connect({ port: server.port, path: '/echo', ...options });

const PROTOCOL_ERROR = ['close', 1002];
const INVALID_DATA = ['close', 1007];

/**
 * One case: what is sent (`send`: bytes, cut into writes of `chop` bytes if given, or a function of
 * the client), what must come back (`expect`) before the close frame `close`, and that the
 * server then ends the connection. With close 1000, and unless `closes`, it is the client that
 * begins the closing handshake.
 */
function testCase(name, { send, chop, expect = [], close = ['close', 1000], closes = false }) {
    test(name, { timeout: HANG_MS }, async () => {
        const client = await connect();
        if (typeof send === 'function')
            await send(client);
        else if (chop !== undefined)
            await client.sendChopped(Buffer.concat([send].flat()), chop);
        else
            client.send(Buffer.concat([send].flat()));
        for (const expected of expect)
            assert.deepEqual(describe(await client.nextFrame()), expected);
        if (close[1] === 1000 && !closes)
            client.send(closeFrame(1000));
        assert.deepEqual(describe(await client.nextFrame()), close);
        assert.equal(await client.nextFrame(), undefined, 'nothing behind the close frame');
        client.end();
    });
}

const text = (payload) => ['text', payload];
const hex = (payload) => Buffer.from(payload).toString('hex');
const binary = (payload) => ['binary', hex(payload)];
const pong = (payload) => ['pong', hex(payload)];

group('1 framing', () => {
    const sizes = [0, 125, 126, 127, 128, 65535, 65536];
    for (const [i, size] of sizes.entries()) {
        testCase(`1.1.${i + 1} text of ${size} bytes`,
            { send: frame(TEXT, '*'.repeat(size)), expect: [text('*'.repeat(size))] });
        testCase(`1.2.${i + 1} binary of ${size} bytes`,
            { send: frame(BINARY, Buffer.alloc(size, 0xfe)),
                expect: [binary(Buffer.alloc(size, 0xfe))] });
    }
    testCase('1.1.8 text of 65536 bytes in chops of 997',
        { send: frame(TEXT, '*'.repeat(65536)), chop: 997, expect: [text('*'.repeat(65536))] });
    testCase('1.2.8 binary of 65536 bytes in chops of 997',
        { send: frame(BINARY, Buffer.alloc(65536, 0xfe)), chop: 997,
            expect: [binary(Buffer.alloc(65536, 0xfe))] });
});

group('2 pings and pongs', () => {
    const bytes = Buffer.from('00fffefdfcfb00ff', 'hex');
    const longest = Buffer.alloc(125, 0xfe);
    const ten = Array.from({ length: 10 }, (_, i) => `payload-${i}`);
    const tenPings = ten.map((payload) => frame(PING, payload));

    testCase('2.1 empty ping', { send: frame(PING), expect: [pong('')] });
    testCase('2.2 ping with text',
        { send: frame(PING, 'Hello, world!'), expect: [pong('Hello, world!')] });
    testCase('2.3 ping with bytes', { send: frame(PING, bytes), expect: [pong(bytes)] });
    testCase('2.4 ping of 125 bytes', { send: frame(PING, longest), expect: [pong(longest)] });
    testCase('2.5 ping of 126 bytes',
        { send: frame(PING, Buffer.alloc(126, 0xfe)), close: PROTOCOL_ERROR });
    testCase('2.6 ping of 125 bytes, octet by octet',
        { send: frame(PING, longest), chop: 1, expect: [pong(longest)] });
    testCase('2.7 unsolicited pong', { send: frame(PONG) });
    testCase('2.8 unsolicited pong with payload',
        { send: frame(PONG, 'unsolicited pong payload') });
    testCase('2.9 unsolicited pong, then ping',
        { send: [frame(PONG, 'unsolicited pong payload'), frame(PING, 'ping payload')],
            expect: [pong('ping payload')] });
    testCase('2.10 ten pings', { send: tenPings, expect: ten.map(pong) });
    testCase('2.11 ten pings, octet by octet',
        { send: tenPings, chop: 1, expect: ten.map(pong) });
});

group('3 reserved bits', () => {
    const hello = frame(TEXT, 'Hello, world!');
    const reserved = (bits, opcode = TEXT, payload = 'Hello, world!') =>
        frame(opcode, payload, { reserved: bits });

    testCase('3.1 RSV 1', { send: reserved(1), close: PROTOCOL_ERROR });
    for (const [name, bits, chop] of [['3.2 RSV 2', 2], ['3.3 RSV 3, frame by frame', 3, 19],
        ['3.4 RSV 4, octet by octet', 4, 1]]) {
        testCase(name, { send: [hello, reserved(bits), frame(PING)], chop,
            expect: [text('Hello, world!')], close: PROTOCOL_ERROR });
    }
    testCase('3.5 RSV 5 on binary',
        { send: reserved(5, BINARY, bytesOf(8)), close: PROTOCOL_ERROR });
    testCase('3.6 RSV 6 on a ping', { send: reserved(6, PING), close: PROTOCOL_ERROR });
    testCase('3.7 RSV 7 on a close',
        { send: reserved(7, CLOSE, closePayload(1000)), close: PROTOCOL_ERROR });
});

function bytesOf(length) {
    return Buffer.from(Array.from({ length }, (_, i) => i & 0xff));
}

group('4 reserved opcodes', () => {
    for (const [section, first] of [['4.1', 3], ['4.2', 11]]) {
        testCase(`${section}.1 opcode ${first}`,
            { send: frame(first), close: PROTOCOL_ERROR });
        testCase(`${section}.2 opcode ${first + 1} with payload`,
            { send: frame(first + 1, 'reserved opcode payload'), close: PROTOCOL_ERROR });
        for (const [i, payload, chop] of [[2, ''], [3, 'reserved opcode payload'],
            [4, 'reserved opcode payload', 1]]) {
            testCase(`${section}.${i + 1} text, opcode ${first + i}, ping`,
                { send: [frame(TEXT, 'Hello, world!'), frame(first + i, payload), frame(PING)],
                    chop, expect: [text('Hello, world!')], close: PROTOCOL_ERROR });
        }
    }
});

group('5 fragmentation', () => {
    const start = (payload, opcode = TEXT) => frame(opcode, payload, { final: false });
    const middle = (payload) => frame(CONTINUATION, payload, { final: false });
    const last = (payload) => frame(CONTINUATION, payload);
    const two = [start('fragment1'), last('fragment2')];
    const withPing = [start('fragment1'), frame(PING, 'ping payload'), last('fragment2')];
    const joined = text('fragment1fragment2');
    const chops = [['in one write', undefined], ['frame by frame', 15], ['octet by octet', 1]];

    testCase('5.1 ping in two fragments',
        { send: [start('fragment1', PING), last('fragment2')], close: PROTOCOL_ERROR });
    testCase('5.2 pong in two fragments',
        { send: [start('fragment1', PONG), last('fragment2')], close: PROTOCOL_ERROR });
    for (const [i, [how, chop]] of chops.entries()) {
        testCase(`5.${3 + i} text in two fragments, ${how}`, { send: two, chop, expect: [joined] });
        testCase(`5.${6 + i} with a ping in between, ${how}`,
            { send: withPing, chop, expect: [pong('ping payload'), joined] });
        testCase(`5.${9 + i} final continuation of nothing, then text, ${how}`,
            { send: [last('non-continuation payload'), frame(TEXT, 'Hello, world!')], chop,
                close: PROTOCOL_ERROR });
        testCase(`5.${12 + i} continuation of nothing, then text, ${how}`,
            { send: [middle('non-continuation payload'), frame(TEXT, 'Hello, world!')], chop,
                close: PROTOCOL_ERROR });
    }
    testCase('5.15 text, then a continuation of nothing, then text',
        { send: [...two, middle('fragment3'), frame(TEXT, 'fragment4')], expect: [joined],
            close: PROTOCOL_ERROR });
    testCase('5.16 continuation, text begun and ended, twice',
        { send: [middle('fragment1'), start('fragment2'), last('fragment3'),
            middle('fragment4'), start('fragment5'), last('fragment6')], close: PROTOCOL_ERROR });
    testCase('5.17 final continuation, text begun and ended, twice',
        { send: [last('fragment1'), start('fragment2'), last('fragment3'),
            last('fragment4'), start('fragment5'), last('fragment6')], close: PROTOCOL_ERROR });
    testCase('5.18 a second text within a text',
        { send: [start('fragment1'), frame(TEXT, 'fragment2')], close: PROTOCOL_ERROR });
    for (const [name, chop] of [['5.19', undefined], ['5.20 (octet by octet)', 1]]) {
        testCase(`${name} five fragments with two pings, the first answered before the end`, {
            async send(client) {
                const send = async (...frames) => {
                    const bytes = Buffer.concat(frames);
                    await client.sendChopped(bytes, chop ?? bytes.length);
                };
                await send(start('fragment1'), middle('fragment2'), frame(PING, 'pongme 1!'));
                assert.deepEqual(describe(await client.nextFrame()), pong('pongme 1!'));
                await send(middle('fragment3'), middle('fragment4'), frame(PING, 'pongme 2!'),
                    last('fragment5'));
            },
            expect: [pong('pongme 2!'), text('fragment1fragment2fragment3fragment4fragment5')],
        });
    }
});

group('6 UTF-8', () => {
    const start = (payload) => frame(TEXT, payload, { final: false });
    const middle = (payload) => frame(CONTINUATION, payload, { final: false });
    const last = (payload) => frame(CONTINUATION, payload);
    const valid = 'Hello-µ@ßöäüàá-UTF-8!!';
    const kosme = Buffer.from('cebae1bdb9cf83cebcceb5', 'hex');

    testCase('6.1.1 empty text', { send: frame(TEXT), expect: [text('')] });
    testCase('6.1.2 three empty fragments',
        { send: [start(''), middle(''), last('')], expect: [text('')] });
    testCase('6.1.3 three fragments, the middle one not empty',
        { send: [start(''), middle('middle frame payload'), last('')],
            expect: [text('middle frame payload')] });
    testCase('6.2.1 valid text', { send: frame(TEXT, valid), expect: [text(valid)] });
    testCase('6.2.2 cut between characters',
        { send: [start('Hello-µ@ßöä'), last('üàá-UTF-8!!')], expect: [text(valid)] });
    testCase('6.2.3 cut after every octet',
        { send: fragments(TEXT, valid, 1), expect: [text(valid)] });
    testCase('6.2.4 cut after every octet, no ASCII',
        { send: fragments(TEXT, kosme, 1), expect: [text(kosme.toString())] });

    const invalid = Buffer.concat([kosme, Buffer.from('eda080', 'hex'), Buffer.from('edited')]);
    testCase('6.3.1 invalid text', { send: frame(TEXT, invalid), close: INVALID_DATA });
    testCase('6.3.2 invalid, cut after every octet',
        { send: fragments(TEXT, invalid, 1), close: INVALID_DATA });

    // Fail fast: the close frame comes although the message is not complete.
    const tooHigh = Buffer.from('f4908080', 'hex');
    testCase('6.4.1 fragments, the second invalid',
        { send: [start(kosme), middle(tooHigh)], close: INVALID_DATA });
    testCase('6.4.2 fragments, the second ends with the octet that makes it invalid',
        { send: [start(Buffer.concat([kosme, tooHigh.subarray(0, 1)])),
            middle(tooHigh.subarray(1, 2))], close: INVALID_DATA });
    const whole = frame(TEXT, Buffer.concat([kosme, tooHigh, Buffer.from('edited')]));
    const header = 2 + 4;
    testCase('6.4.3 one frame, sent up to the invalid character',
        { send: whole.subarray(0, header + kosme.length + tooHigh.length), close: INVALID_DATA });
    testCase('6.4.4 one frame, sent up to the invalid octet',
        { send: whole.subarray(0, header + kosme.length + 2), close: INVALID_DATA });

    for (const [section, sequences] of utf8Sections(kosme)) {
        for (const [i, [isValid, bytes]] of sequences.entries()) {
            const name = `6.${section}.${i + 1} ${bytes.toString('hex')}`;
            if (isValid)
                testCase(name, { send: frame(TEXT, bytes), expect: [text(bytes.toString())] });
            else
                testCase(name, { send: frame(TEXT, bytes), close: INVALID_DATA });
        }
    }
});

/** Sections 6.5 to 6.23: Markus Kuhn's UTF-8 stress test, section by section. */
function utf8Sections(kosme) {
    const good = (...texts) => texts.map((digits) => [true, Buffer.from(digits, 'hex')]);
    const bad = (...texts) => texts.map((digits) => [false, Buffer.from(digits, 'hex')]);
    const prefixes = Array.from({ length: kosme.length },
        (_, i) => [[2, 5, 7, 9, 11].includes(i + 1), kosme.subarray(0, i + 1)]);
    const lonely = (first, end) => Array.from({ length: end - first },
        (_, i) => `${(first + i).toString(16)}20`).join('');
    const allContinuations = Array.from({ length: 0x3f }, (_, i) => (0x80 + i).toString(16)).join('');
    const cut = ['c0', 'e080', 'f08080', 'f8808080', 'fc80808080',
        'df', 'efbf', 'f7bfbf', 'fbbfbfbf', 'fdbfbfbfbf'];
    const nonCharacters = ['efbfbe', 'efbfbf'];
    for (const plane of ['f0', 'f1', 'f2', 'f3', 'f4']) {
        for (const block of ['8f', '9f', 'af', 'bf']) {
            if ((plane === 'f0') ? block !== '8f' : plane !== 'f4' || block === '8f')
                nonCharacters.push(`${plane}${block}bfbe`, `${plane}${block}bfbf`);
        }
    }
    const hello = (digits) => hex('hello') + digits + hex('world');
    const sections = [
        good(hello('24'), hello('c2a2'), hello('e282ac'), hello('f0a4ada2'), kosme.toString('hex')),
        prefixes,
        good('00', 'c280', 'e0a080', 'f0908080'),
        bad('f888808080', 'fc8480808080'),
        good('7f', 'dfbf', 'efbfbf', 'f48fbfbf'),
        bad('f7bfbfbf', 'fbbfbfbfbf', 'fdbfbfbfbfbf'),
        [...good('ed9fbf', 'ee8080', 'efbfbd', 'f48fbfbf'), ...bad('f4908080')],
        bad('80', 'bf', '80bf', '80bf80', '80bf80bf', '80bf80bf80', '80bf80bf80bf', allContinuations),
        bad(lonely(0xc0, 0xdf), lonely(0xe0, 0xef), lonely(0xf0, 0xf7), lonely(0xf8, 0xfb),
            lonely(0xfc, 0xfd)),
        bad(...cut),
        bad(cut.join('')),
        bad('fe', 'ff', 'fefeffff'),
        bad('c0af', 'e080af', 'f08080af', 'f8808080af', 'fc80808080af'),
        bad('c1bf', 'e09fbf', 'f08fbfbf', 'f887bfbfbf', 'fc83bfbfbfbf'),
        bad('c080', 'e08080', 'f0808080', 'f880808080', 'fc8080808080'),
        bad('eda080', 'edadbf', 'edae80', 'edafbf', 'edb080', 'edbe80', 'edbfbf'),
        bad('eda080edb080', 'eda080edbfbf', 'edadbfedb080', 'edadbfedbfbf', 'edae80edb080',
            'edae80edbfbf', 'edafbfedb080', 'edafbfedbfbf'),
        good(...nonCharacters),
        good('efbfb9', 'efbfba', 'efbfbb', 'efbfbc', 'efbfbd', 'efbfbe', 'efbfbf'),
    ];
    return sections.map((sequences, i) => [5 + i, sequences]);
}

group('7 closing', () => {
    const normal = closeFrame(1000);
    const closed = { closes: true };

    testCase('7.1.1 text, then close',
        { send: frame(TEXT, 'Hello World!'), expect: [text('Hello World!')] });
    testCase('7.1.2 two closes', { send: [normal, normal], ...closed });
    testCase('7.1.3 ping after close', { send: [normal, frame(PING)], ...closed });
    testCase('7.1.4 text after close', { send: [normal, frame(TEXT, 'Hello World!')], ...closed });
    testCase('7.1.5 close within a message',
        { send: [frame(TEXT, 'fragment1', { final: false }), normal,
            frame(CONTINUATION, 'fragment2')], ...closed });
    testCase('7.1.6 256 KiB and a text, then close, then ping', {
        send: [frame(TEXT, 'BAsd7&jh23'.repeat(26215).slice(0, 262144)), frame(TEXT, 'Hello World!'),
            normal, frame(PING)],
        expect: [text('BAsd7&jh23'.repeat(26215).slice(0, 262144)), text('Hello World!')],
        ...closed,
    });

    testCase('7.3.1 close without payload',
        { send: frame(CLOSE), close: ['close', undefined] });
    testCase('7.3.2 close of one octet', { send: frame(CLOSE, 'a'), close: PROTOCOL_ERROR });
    testCase('7.3.3 close with a code', { send: normal, ...closed });
    testCase('7.3.4 close with a reason', { send: closeFrame(1000, 'Hello World!'), ...closed });
    testCase('7.3.5 close with the longest reason',
        { send: closeFrame(1000, '*'.repeat(123)), ...closed });
    testCase('7.3.6 close with a reason that is too long',
        { send: closeFrame(1000, '*'.repeat(124)), close: PROTOCOL_ERROR });
    testCase('7.5.1 close with a reason that is not UTF-8', {
        send: frame(CLOSE, Buffer.concat([closePayload(1000),
            Buffer.from('cebae1bdb9cf83cebcceb5eda080656469746564', 'hex')])),
        close: INVALID_DATA,
    });
    const codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    for (const [i, code] of codes.entries())
        testCase(`7.7.${i + 1} close code ${code}`,
            { send: closeFrame(code), close: ['close', code], ...closed });
    const wrong = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
    for (const [i, code] of wrong.entries())
        testCase(`7.9.${i + 1} invalid close code ${code}`,
            { send: closeFrame(code), close: PROTOCOL_ERROR });
    testCase('7.13.1 close code 5000', { send: closeFrame(5000), close: PROTOCOL_ERROR });
    testCase('7.13.2 close code 65535', { send: closeFrame(65535), close: PROTOCOL_ERROR });
});

group('9 limits', () => {
    const KIB = 1024;
    const MIB = 1024 * KIB;
    const payload = (size) => 'BAsd7&jh23'.repeat(Math.ceil(size / 10)).slice(0, size);
    const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');

    /** As testCase, with a payload that is too large to print. */
    function testLarge(name, opcode, size, makeBytes, chop) {
        test(name, { timeout: HANG_MS }, async () => {
            const client = await connect();
            const data = Buffer.from(payload(size));
            const bytes = makeBytes(data);
            await client.sendChopped(bytes, chop ?? bytes.length);
            const echo = await client.nextFrame();
            assert.equal(echo.opcode, opcode);
            assert.equal(echo.payload.length, size);
            assert.equal(digest(echo.payload), digest(data));
            client.send(closeFrame(1000));
            assert.deepEqual(describe(await client.nextFrame()), ['close', 1000]);
            client.end();
        });
    }

    for (const [section, opcode] of [[0, TEXT], [1, BINARY]]) {
        const kind = opcode === TEXT ? 'text' : 'binary';
        const sizes = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB];
        for (const [i, size] of sizes.entries())
            testLarge(`9.${1 + section}.${i + 1} ${kind} of ${size / KIB} KiB`, opcode, size,
                (data) => frame(opcode, data));
        for (let i = 0; i < 9; i++) {
            const size = 64 * 4 ** i;
            testLarge(`9.${3 + section}.${i + 1} ${kind} of 4 MiB in fragments of ${size}`, opcode,
                4 * MIB, (data) => fragments(opcode, data, size));
        }
        for (let i = 0; i < 6; i++) {
            const chop = 64 * 2 ** i;
            testLarge(`9.${5 + section}.${i + 1} ${kind} of 1 MiB in chops of ${chop}`, opcode, MIB,
                (data) => frame(opcode, data), chop);
        }
        for (const [i, size] of [0, 16, 64, 256, 1024, 4096].entries()) {
            testCase(`9.${7 + section}.${i + 1} 1000 times ${kind} of ${size}, one by one`, {
                async send(client) {
                    const data = Buffer.alloc(size, opcode === TEXT ? '*' : 0xfe);
                    for (let count = 0; count < 1000; count++) {
                        client.send(frame(opcode, data));
                        const echo = await client.nextFrame();
                        assert.equal(echo.opcode, opcode);
                        assert.deepEqual(echo.payload, data);
                    }
                },
            });
        }
    }
});

group('10 fragmentation by the sender', () => {
    testCase('10.1.1 64 KiB in fragments of 1300',
        { send: fragments(TEXT, '*'.repeat(65536), 1300), expect: [text('*'.repeat(65536))] });
});

group('what the suite leaves out', () => {
    const limit = 32 * 1024 * 1024;
    const header = (first, length) => {
        const bytes = Buffer.alloc(14);
        bytes[0] = first;
        bytes[1] = 0x80 | 127;
        bytes.writeBigUInt64BE(length, 2);
        return bytes;
    };

    testCase('a frame that is not masked',
        { send: frame(TEXT, 'Hello', { masked: false }), close: PROTOCOL_ERROR });
    testCase('a message that is too long is refused when its header arrives',
        { send: header(0x82, BigInt(limit) + 1n), close: ['close', 1009] });
    testCase('so is one that becomes too long with its second fragment',
        { send: [frame(TEXT, 'a', { final: false }), header(0x80, BigInt(limit))],
            close: ['close', 1009] });
    testCase('a length with its highest bit set',
        { send: header(0x82, 1n << 63n), close: PROTOCOL_ERROR });
    testCase('a length that is not in its shortest form',
        { send: header(0x82, 65535n), close: PROTOCOL_ERROR });
    testCase('codes that were registered later', { send: closeFrame(1014),
        close: ['close', 1014], closes: true });

    test('Sec-WebSocket-Accept is the digest of the key', async () => {
        const client = await connect();
        const expected = createHash('sha1')
            .update(`${client.key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
        assert.match(client.response, /^HTTP\/1\.1 101 /);
        assert.match(client.response, /^upgrade: websocket\r$/im);
        assert.match(client.response, /^connection: upgrade\r$/im);
        assert.ok(client.response.includes(`Sec-WebSocket-Accept: ${expected}\r\n`));
        client.destroy();
    });

    test('frames sent along with the handshake are not lost', async () => {
        const client = await connect(
            { early: Buffer.concat([frame(TEXT, 'early'), frame(PING, 'bird')]) });
        assert.deepEqual(describe(await client.nextFrame()), text('early'));
        assert.deepEqual(describe(await client.nextFrame()), pong('bird'));
        client.destroy();
    });

    for (const [name, headers] of [
        ['another version', { 'Sec-WebSocket-Version': '8' }],
        ['a key that is too short', { 'Sec-WebSocket-Key': 'YWJj' }],
        ['another protocol', { Upgrade: 'h2c' }],
        ['no Connection: Upgrade', { Connection: 'keep-alive' }],
    ]) {
        test(`a handshake with ${name} is refused`, async () => {
            await assert.rejects(connect({ headers }), { status: 400 });
        });
    }

    test('connections that break off leave nothing behind', { timeout: HANG_MS }, async () => {
        const pieces = [frame(TEXT, 'whole'), frame(TEXT, 'a'.repeat(1000)).subarray(0, 500),
            frame(PING, 'half').subarray(0, 3), frame(TEXT, 'begun', { final: false })];
        for (let round = 0; round < 50; round++) {
            const client = await connect();
            client.send(pieces[round % pieces.length]);
            client.destroy();
        }
        const client = await connect();
        client.send(frame(TEXT, 'still there'));
        assert.deepEqual(describe(await client.nextFrame()), text('still there'));
        client.destroy();
        assert.ok(server.isRunning);
    });
});

test('the server ends well', () => server.stop());

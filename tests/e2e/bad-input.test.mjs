// Promise 6 (docs/architecture.md, "Promises"): bad input of any kind gets a clear error, or a
// closed connection, never a 5xx, a crash or a changed row. Requests are generated; each test is
// one kind of them.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { beginRequest, encodeFastcgiRequest, FastcgiConnection, RECORD, record }
    from './harness/fastcgi.mjs';
import {
    archivePath, conversationPath, CONVERSATIONS, messagePath, messagesPath, readPath,
} from './harness/paths.mjs';
import { errorOf, openConversation, PICTURE, send } from './harness/people.mjs';
import { describeStack } from './harness/stack.mjs';

const REQUESTS_MIN = 300;
const MIB = 1024 * 1024;

const NO_TEXTS = [0, 1, -1, 1.5, 1e300, true, false, [], ['x'], {}, { a: 'x' }];
const ODD_BYTES = ['\x00', '\xff', '\xc0\xaf', '\xed\xa0\x80', '\xf5\x80\x80\x80'];
const nested = (open, close, depth) => open.repeat(depth) + close.repeat(depth);
const latin1 = (text) => Buffer.from(text, 'latin1');

/** JSON texts that are none, or that we don't take. */
function* malformedJson() {
    const valid = '{"content":"Bonjour","type":"TEXT"}';
    for (let length = 0; length < valid.length; length++)
        yield valid.slice(0, length);
    for (const bytes of ODD_BYTES)
        for (const at of [0, 1, 5, 12, 15, valid.length - 1])
            yield latin1(valid.slice(0, at) + bytes + valid.slice(at));
    for (const escape of ['\\u0000', '\\ud800', '\\udfff', '\\ud800\\ud800', '\\udc00\\ud800',
        '\\u12', '\\x41', '\\'])
        yield `{"content":"a${escape}"}`;
    for (const extra of ['x', '{}', ',', ']', '}', '\u0000', '\ufeff'])
        yield `${valid}${extra}`;
    for (const text of ["{'content':'x'}", '{content:"x"}', '{"content":"x",}', '{"content":x}',
        '{,}', '{"content"}',
        '{"content":"x" "type":"TEXT"}', '/* */{"content":"x"}', '{"content":"tab\there"}',
        '{"content":"a\nb"}',
        '\ufeff{"content":"x"}', '{"content":"x","content":"x"}',
        '{"content":"x","\\u0063ontent":"x"}',
        '{"content":"x","attachments":[{"fileSize":1,"fileSize":2}]}',
        '{"content":"x","a":NaN}',
        '{"content":"x","a":Infinity}',
        '{"content":"x","a":01}', '{"content":"x","a":+1}', '{"content":"x","a":.5}',
        '{"content":"x","a":0x10}',
        '{"content":"x","a":TRUE}', '{"content":"x","a":nul}', '{"content":"x","a":1.}',
        '{"content":"x","a":1e}'])
        yield text;
    for (const depth of [1_000, 40_000]) {
        yield `{"content":"x","a":${nested('[', ']', depth)}}`;
        yield nested('[', ']', depth);
        yield `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
        yield '['.repeat(depth);
    }
}

/** Bodies that are JSON but break a rule of a message. */
function* invalidMessages() {
    for (const body of [null, true, 0, 'text', [], [{ content: 'x' }], {}])
        yield body;
    for (const content of [...NO_TEXTS, '', ' ', '\u00a0', '\u2003\u200b', 'x'.repeat(10_001)])
        yield { content };
    for (const type of [...NO_TEXTS, '', 'text', 'SYSTEM', 'VIDEO', 'TEXT '])
        yield { content: 'x', type };
    for (const clientMessageId of [...NO_TEXTS, '', 'x'.repeat(65), 'x'.repeat(100_000)])
        yield { content: 'x', clientMessageId };
    for (const attachments of [...NO_TEXTS.filter((value) => !Array.isArray(value)),
        Array(6).fill(PICTURE),
        Array(100).fill(PICTURE), ...NO_TEXTS.map((value) => [value]), [null], [PICTURE, {}]])
        yield { content: 'x', attachments };
    for (const [field, values] of Object.entries({
        fileName: [...NO_TEXTS, null, '', 'x'.repeat(256)],
        fileUrl: [...NO_TEXTS, null, '', 'x', 'javascript:alert(1)', 'JavaScript:alert(1)',
            'data:,x', 'file:///etc/passwd',
            'http://', 'https:///x', 'http:x', ' http://x/', 'http://x y/', 'http://x/\u0001',
            `http://x/${'y'.repeat(9_000)}`],
        fileType: [...NO_TEXTS, null, '', 'image/', 'image/svg+xml', 'image/bmp', 'text/html'],
        fileSize: [null, 0, -1, 1.5, 10_485_761, 2 ** 53, 1e300, '1', true, [], {}],
        uploadThingKey: [...NO_TEXTS, 'x'.repeat(10_000)],
    }))
        for (const value of values)
            yield { content: 'x', attachments: [{ ...PICTURE, [field]: value }] };
}

/** Numbers that only a text can carry. */
function* invalidNumbers() {
    for (const number of ['1e999', '-1e999', '1e-999', '9'.repeat(400), '-9223372036854775809',
        '9223372036854775808', '18446744073709551616', '0.1e1000', '-0', '1e10000000000'])
        yield `{"content":"x","attachments":[${JSON.stringify(PICTURE).replace('20480', number)}]}`;
}

function* invalidConversations(clientId) {
    const fine = { clientUserId: clientId };
    for (const clientUserId of [...NO_TEXTS, null, '', 'x'.repeat(65), 'a\u0001b', 'a\nb'])
        yield { clientUserId };
    for (const subject of [...NO_TEXTS, '', 'ab', ' '.repeat(5), 'x'.repeat(201)])
        yield { ...fine, subject };
    for (const firstMessage of [...NO_TEXTS, '', '  ', 'x'.repeat(10_001)])
        yield { ...fine, firstMessage };
    for (const appointmentId of [...NO_TEXTS, '', 'x'.repeat(65), '\u007f'])
        yield { ...fine, appointmentId };
}

function* invalidChanges() {
    for (const subject of [...NO_TEXTS, '', 'ab', 'x'.repeat(201)])
        yield { subject };
    for (const status of [...NO_TEXTS, '', 'active', 'DELETED', 'ACTIVE\u0000'])
        yield { status };
}

function* oddQueries() {
    for (const name of ['page', 'limit', 'before'])
        for (const value of ['0', '-1', '+1', '1.0', '1e1', '0x1', ' 1', '1%20', '%31%00',
            'abc', '١', '%D9%A1', 'NaN',
            '9'.repeat(30), '1,2', '1;2', 'null', '%', '%zz', '%ff', 'x'.repeat(2_000)])
            yield [`${name}=${value}`, 400];
    for (const query of ['page=1&page=2', 'limit=1&limit=x', 'page=%', 'page=1&limit=1000'])
        yield [query, 400];
    for (const query of ['page=&limit=&before=', 'page&limit', '%', '%00=1', '&&&', '=', '?', 'a=%ff', `${'a&'.repeat(2_000)}`])
        yield [query, 200];
}

function* oddPaths(id) {
    const oddIds = ['%00', `${id}%00`, '%ff', '%c0%af', '%', '%2', '%zz', '%2e', '%2e%2e', '..',
        '.', '%2f', `${id}%2f`, `${id}%2farchive`,
        ' ', '%20', `%20${id}`, `${id}%20`, '%0a', '%0d%0aX:%20y', "'", '"', ';', '--',
        '%27%20OR%201=1--', '*', '\\', '%5c',
        '{}', '<script>', 'é', '%C3%A9', '%F0%9F%98%80', '0', '-1', 'null', 'undefined',
        `${id}.json`, id.toUpperCase(),
        `${id}x`, id.slice(1), 'x'.repeat(65), 'x'.repeat(1_000), 'x'.repeat(5_000)];
    for (const oddId of oddIds) {
        yield ['PATCH', archivePath(oddId)];
        yield ['POST', messagesPath(oddId)];
        yield ['DELETE', messagePath(oddId)];
    }
    for (const path of ['//messaging/conversations', '/messaging//conversations',
        '/messaging/./conversations/../x',
        '/messaging/%63onversations/x', '/%6dessaging/conversations/x',
        '/messaging/conversations/..%2f..%2fetc/passwd',
        '/messaging/..', '/messaging/conversations;x=1', '/messaging/conversations#x',
        '/messaging/conversations%3fpage=1',
        'http://elsewhere.example/messaging/conversations/x', `/messaging/${'a/'.repeat(2_000)}`])
        yield ['DELETE', path];
}

const ODD_METHODS = ['PUT', 'TRACE', 'PROPFIND', 'MKCOL', 'get', 'X', 'A'.repeat(500)];

/** Whole requests, none of them with a length that is right and a body that is valid. */
function* rawRequests(token, target) {
    const head = (lines) => [`POST ${target} HTTP/1.1`, 'Host: localhost', 'Connection: close',
        `Authorization: Bearer ${token}`, ...lines, '', ''].join('\r\n');
    const body = '{"content":"x"}';
    for (const length of [body.length + 1, 1_000, 2 * MIB - 1, '9'.repeat(10)])
        yield head([`Content-Length: ${length}`]) + body;
    for (const length of [body.length - 1, 1, 0])
        yield head([`Content-Length: ${length}`]) + body;
    for (const length of ['-1', 'x', '', '1e1', '0x10', '9'.repeat(40), '15, 15', '15 15'])
        yield head([`Content-Length: ${length}`]) + body;
    yield head(['Content-Length: 15', 'Content-Length: 16']) + body;
    yield head(['Content-Length: 15', 'Transfer-Encoding: chunked']) + body;
    for (const chunks of ['x\r\n', '-1\r\n', '5\r\nabc', 'ffffffffffffffff\r\nx',
        'ffffffffffffffffff\r\nx', '2\r\n{}\r\n', '2\r\n{}0\r\n\r\n'])
        yield head(['Transfer-Encoding: chunked']) + chunks;
    for (const line of ['Authorization: Bearer x', ': x', 'no colon', ' folded', 'X\x00Y: z',
        'X: \x00', `X: ${'y'.repeat(9_000)}`,
        'Host: localhost', 'Content-Type: \xff', 'Content-Encoding: gzip', 'Expect: 100-continue'])
        yield head([line, 'Content-Length: 2']) + '{}';
}

function* rawGarbage() {
    for (const length of [1, 10, 100, 1_000, 10_000])
        yield randomBytes(length);
    for (const text of ['\r\n', '\n', '\x00', 'GET', 'GET \r\n\r\n', 'GET /\r\n\r\n',
        'GET / HTTP/1.1\r\n', ' / HTTP/1.1\r\n\r\n',
        'GET / HTTP/1.1\r\n\r\n', 'GET / HTTP/1.x\r\n\r\n',
        '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
        'GET /messaging/conversations HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 'x'.repeat(100_000),
        'GET /messaging/\x00 HTTP/1.1\r\nHost: a\r\n\r\n',
        'GET /messaging/\xff\xfe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
        'GET messaging HTTP/1.1\r\nHost: a\r\n\r\n',
        'GET /messaging/conversations HTTP/1.1\r\nHost: \x00\r\n\r\n'])
        yield latin1(text);
}

/** What nginx would never send to a program's socket. */
function* fastcgiGarbage(token, target) {
    const post = { method: 'POST', path: target, token, body: '{"content":"x"' };
    const bytesOf = (request) => Buffer.concat(Object.values(encodeFastcgiRequest(request)));
    const whole = bytesOf(post);
    const startLength = encodeFastcgiRequest(post).start.length;
    const noParams = record(RECORD.PARAMS);
    const noInput = record(RECORD.STDIN);
    for (const length of [1, 8, 100, 70_000])
        yield randomBytes(length);
    for (const length of [0, 1, 7, 8, 12, 16, 20, 40, startLength - 1, startLength,
        whole.length - 9, whole.length - 1])
        yield whole.subarray(0, length);
    for (const version of [0, 2, 255])
        yield Buffer.concat([Buffer.from([version]), whole.subarray(1)]);
    for (const role of [0, 2, 3, 65_535])
        yield Buffer.concat([beginRequest(role), noParams, noInput]);
    for (const type of [0, 12, 200, 255])
        yield Buffer.concat([record(type, randomBytes(50)), whole]);
    yield record(RECORD.GET_VALUES, Buffer.alloc(0), 0);
    yield Buffer.concat([beginRequest(), record(RECORD.ABORT_REQUEST)]);
    yield Buffer.concat([beginRequest(), beginRequest(), beginRequest()]);
    yield Buffer.concat([beginRequest(), noParams, noInput]);
    for (const pairs of [[0xff, 0xff, 0xff, 0xff], [0x80, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 65],
        [5, 5, 65],
        [0, 0, 0, 0], [127, 0]])
        yield Buffer.concat([beginRequest(), record(RECORD.PARAMS, Buffer.from(pairs)), noParams,
            noInput]);
    for (const length of ['1', '0', '1000', '-1', 'x', '9'.repeat(40)])
        yield bytesOf({ ...post, headers: { 'content-length': length } });
    for (const variables of [{ REQUEST_METHOD: '' }, { REQUEST_METHOD: 'X'.repeat(5_000) },
        { REQUEST_URI: '' },
        { REQUEST_URI: '\x01\xff' }, { HTTP_AUTHORIZATION: 'x'.repeat(60_000) },
        { HTTP_ORIGIN: '\r\nX: y' },
        { HTTP_X_REQUEST_ID: '\n\x00' }])
        yield bytesOf({ path: '/messaging/x', token, variables });
}

describeStack('bad input', { front: 'nginx' }, ({ stack, test }) => {
    let sent = 0;
    let world;

    /** A conversation in which nothing is unread, so that no reading marks anything. */
    async function makeWorld() {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const message = await send(salon, id);
        await client.patch(readPath(message.id));
        return { salon, client, id, pids: pidsOfPrograms() };
    }

    const pidsOfPrograms = () =>
        Object.values(stack.programs).map(({ pid, isRunning }) => isRunning && pid);
    const errorsLogged = () => stack.log.split('level=error').length - 1;

    /** A test after which nothing is changed, no program has ended, and none has logged an error
     * of its own. */
    const badTest = (name, body) => test(name, async () => {
        world ??= await makeWorld();
        const errors = errorsLogged();
        await stack.assertUnchanged(() => body(world));
        assert.deepEqual(pidsOfPrograms(), world.pids);
        assert.equal(errorsLogged(), errors);
    });

    const shown = (bytes) => JSON.stringify(bytes.toString('latin1')).slice(0, 300);

    function assertNoServerError(what, status) {
        sent++;
        assert.ok(status === undefined || status < 500, `${status} for ${shown(what)}`);
    }

    /** Sends each body as JSON text, which must be refused. */
    async function assertRefusedBodies(method, path, bodies) {
        for (const body of bodies) {
            sent++;
            const response = await world.salon.request(method, path, { body });
            assert.equal(response.status, 400, `${response.text} for ${shown(body)}`);
            errorOf(response, 400);
        }
    }

    /** Sends a request whose target nothing on the way may repair; gives the status. */
    async function sendTarget(method, target) {
        const head = [`${method} ${target} HTTP/1.1`, 'Host: localhost', 'Connection: close',
            `Authorization: Bearer ${world.salon.token}`, 'Content-Length: 2', '', '{}'];
        const { status } = await stack.sendBytes(head.join('\r\n'));
        assertNoServerError(target, status);
        return status;
    }

    function* asJson(values) {
        for (const value of values)
            yield JSON.stringify(value);
    }

    badTest('malformed JSON is 400', ({ id }) =>
        assertRefusedBodies('POST', messagesPath(id), malformedJson()));

    badTest('a message that breaks a rule is 400', ({ id }) =>
        assertRefusedBodies('POST', messagesPath(id), asJson(invalidMessages())));

    badTest('a number that cannot be one of ours is 400', ({ id }) =>
        assertRefusedBodies('POST', messagesPath(id), invalidNumbers()));

    badTest('a conversation that breaks a rule is 400', ({ client }) =>
        assertRefusedBodies('POST', CONVERSATIONS, asJson(invalidConversations(client.id))));

    badTest('a change that breaks a rule is 400', ({ id }) =>
        assertRefusedBodies('PATCH', conversationPath(id), asJson(invalidChanges())));

    badTest('an odd query is 400, or does not matter', async ({ id }) => {
        for (const [query, expected] of oddQueries())
            assert.equal(await sendTarget('GET', `${messagesPath(id)}?${query}`), expected, query);
    });

    badTest('an odd path finds nothing', async ({ id }) => {
        for (const [method, path] of oddPaths(id))
            assert.ok(await sendTarget(method, path) >= 400, `${method} ${path}`);
    });

    badTest('an odd method does nothing', async ({ id }) => {
        for (const method of ODD_METHODS)
            assert.ok(await sendTarget(method, conversationPath(id)) >= 400, method);
    });

    badTest('a wrong head or a wrong length is refused', async ({ id, salon }) => {
        for (const bytes of rawRequests(salon.token, messagesPath(id))) {
            const { status } = await stack.sendBytes(latin1(bytes), { halfClose: true });
            assertNoServerError(bytes.slice(-200), status);
        }
    });

    badTest('garbage instead of HTTP is refused', async () => {
        for (const bytes of rawGarbage()) {
            const { status } = await stack.sendBytes(bytes, { halfClose: true });
            assertNoServerError(bytes, status);
        }
    });

    badTest('garbage instead of FastCGI is refused', async ({ id, salon }) => {
        for (const program of Object.values(stack.programs))
            for (const bytes of fastcgiGarbage(salon.token, messagesPath(id))) {
                const connection = await FastcgiConnection.open(stack.socketOf(program));
                connection.write(bytes);
                connection.end();
                // No answer is fine: that is no request.
                const response = await connection.answer().catch(() => undefined);
                await connection.closed;
                assertNoServerError(bytes, response?.status);
            }
    });

    test(`these were ${REQUESTS_MIN} requests or more, and all is well`, async () => {
        assert.ok(sent >= REQUESTS_MIN, `${sent} requests`);
        await send(world.client, world.id);
        assert.deepEqual(await stack.database.findings(), []);
    });
});

// What nginx adds: errors of its own in the contract's shape, large and chunked bodies, request
// ids, connections that are kept.

import assert from 'node:assert/strict';

import { until } from './harness/conditions.mjs';
import { conversationPath, CONVERSATIONS, messagesPath, UNREAD_TOTAL } from './harness/paths.mjs';
import { bodyOf, errorOf, openConversation } from './harness/people.mjs';
import { describeStack, ORIGINS } from './harness/stack.mjs';

const MIB = 1024 * 1024;

const options = { front: 'nginx', config: { log: { level: 'debug' } } };

describeStack('nginx', options, ({ stack, test }) => {
    /** Sends the lines of a request's head and gives the answer, its JSON body parsed. */
    async function sendHead(lines) {
        const answer = await stack.sendBytes(
            [...lines, 'Host: localhost', 'Connection: close', '', ''].join('\r\n'));
        const [head, ...body] = answer.text.split('\r\n\r\n');
        return { ...answer, head, body: JSON.parse(body.join('')) };
    }

    function assertShape(body, statusCode) {
        assert.equal(body.statusCode, statusCode);
        assert.deepEqual(Object.keys(body), ['statusCode', 'message', 'error']);
        assert.ok(body.message.length > 0 && body.error.length > 0);
    }

    test('a body above 2 MiB is refused by nginx, in JSON', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const response = await salon.post(messagesPath(id), 'x'.repeat(2 * MIB + 1),
            { headers: { origin: ORIGINS[0] } });
        errorOf(response, 413);
        assert.equal(response.headers['access-control-allow-origin'], ORIGINS[0]);
        assert.match(response.headers['content-type'], /^application\/json/);
    });

    test('a body without a length arrives', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        const json = JSON.stringify({ content: 'en morceaux' });
        const chunks = [...json].map((c) => `1\r\n${c}\r\n`).join('');
        const { status } = await stack.sendBytes(
            `POST ${messagesPath(id)} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n`
            + `Authorization: Bearer ${salon.token}\r\nTransfer-Encoding: chunked\r\n\r\n`
            + `${chunks}0\r\n\r\n`);
        assert.equal(status, 201);
        assert.equal(bodyOf(await salon.get(messagesPath(id))).data[0].content, 'en morceaux');
    });

    for (const [what, status, lines] of [
        ['a path that is not ours', 404, ['GET / HTTP/1.1']],
        ['/messaging without its slash', 404, ['GET /messaging HTTP/1.1']],
        ['a request line that is none', 400, ['GET', '']],
        ['an address that is too long', 414,
        [`GET ${CONVERSATIONS}?${'x'.repeat(40_000)} HTTP/1.1`]],
        ['a header that is too long', 431,
        [`GET ${CONVERSATIONS} HTTP/1.1`, `X-Long: ${'x'.repeat(40_000)}`]],
        ['a transfer encoding that is unknown', 501,
            [`POST ${CONVERSATIONS} HTTP/1.1`, 'Transfer-Encoding: brotli']],
        ['a version of HTTP that is unknown', 505, [`GET ${CONVERSATIONS} HTTP/3.0`]],
    ])
        test(`${what} is ${status}, in JSON`, async () => {
            const answer = await sendHead(lines);
            assert.equal(answer.status, status);
            assertShape(answer.body, status);
            assert.match(answer.head, /^content-type: application\/json/im);
        });

    test('while a program is away the answer is 503 with Retry-After', async () => {
        const salon = await stack.knownPerson('salon');
        const { messages } = stack.programs;
        await messages.stop();
        const response = await salon.get(messagesPath('any'), { headers: { origin: ORIGINS[0] } });
        errorOf(response, 503);
        assert.ok(Number(response.headers['retry-after']) > 0);
        assert.equal(response.headers['access-control-allow-origin'], ORIGINS[0]);
        assert.equal(response.headers['access-control-allow-credentials'], 'true');
        bodyOf(await salon.get(CONVERSATIONS));
        await stack.startProgram(messages);
        errorOf(await until('nginx tries it again', async () => {
            const answer = await salon.get(messagesPath('any'));
            return answer.status !== 503 && answer;
        }), 404);
    });

    test('a request id goes from nginx into the log and back to the client', async () => {
        const salon = await stack.knownPerson('salon');
        const logged = stack.log.length;
        const responses = [
            await salon.get(UNREAD_TOTAL),
            await salon.get(UNREAD_TOTAL, { headers: { 'x-request-id': 'chosen-by-the-client' } }),
            await salon.get(conversationPath('unknown')),
            await stack.request({ path: CONVERSATIONS }),
        ];
        const ids = responses.map(({ headers }) => headers['x-request-id']);
        assert.equal(new Set(ids).size, ids.length);
        for (const id of ids) {
            assert.match(id, /^[0-9a-f]{32}$/);
            await until('the log names the request', () => stack.log.slice(logged).includes(id));
        }
        assert.ok(!stack.log.includes('chosen-by-the-client'));
    });

    test('the log never holds a token, a text or an e-mail address', async () => {
        const salon = await stack.knownPerson('salon', { email: 'secret@salon.example' });
        const client = await stack.knownPerson('client');
        const { id } = await openConversation(salon, client, { firstMessage: 'very private text' });
        await salon.post(messagesPath(id), { content: 'very private text' });
        await salon.post(messagesPath(id), { content: 'very private text', type: 'SYSTEM' });
        await salon.post(messagesPath(id), '{"very private text');
        for (const secret of ['very private', 'secret@salon', salon.token.split('.')[2]])
            assert.ok(!stack.log.includes(secret), secret);
    });

    test('several requests at once on one connection are answered in order', async () => {
        const salon = await stack.knownPerson('salon');
        const ask = (path, connection) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n`
            + `Authorization: Bearer ${salon.token}\r\nConnection: ${connection}\r\n\r\n`;
        const { text } = await stack.sendBytes([
            ask(UNREAD_TOTAL, 'keep-alive'), ask(conversationPath('x'), 'keep-alive'),
            ask(CONVERSATIONS, 'close')].join(''));
        assert.deepEqual([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
            ['200', '404', '200']);
    });
});

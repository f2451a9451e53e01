// What concerns HTTP itself (docs/protocol.md, "HTTP" and docs/protocol.md, "Errors"): tokens' scheme,
// HEAD, preflight and CORS, entity tags, methods, the order of checks, errors. Holds behind every
// web server.

import assert from 'node:assert/strict';

import { until } from './harness/conditions.mjs';
import {
    archivePath, conversationPath, CONVERSATIONS, markReadPath, messagePath, messagesPath, MUTE,
    mutePath, PEOPLE, PREFERENCES, readPath, searchPath, UNKNOWN_ID, UNREAD, UNREAD_TOTAL,
} from './harness/paths.mjs';
import { bodyOf, errorOf, openConversation, send, sendMany } from './harness/people.mjs';
import { describeStack, ORIGINS } from './harness/stack.mjs';

const FOREIGN_ORIGIN = 'https://elsewhere.example';

/** Entries of a comma-separated header, in lower case, sorted. */
const entries = (header) => (header ?? '').toLowerCase().split(/\s*,\s*/).sort();

describeStack('http', {
    config: {
        http: {
            frontend_url: [...ORIGINS, 'https://Café.example:443/page', 'capacitor://localhost'].join(', '),
            public_url: 'https://Chat.example:8443/messagerie/',
        },
    },
}, ({ stack, test }) => {
    async function talk() {
        const people = await stack.salonAndClient();
        const { id } = await openConversation(people.salon, people.client);
        return { ...people, id };
    }

    const getPaths = (id) =>
        [CONVERSATIONS, UNREAD, UNREAD_TOTAL, conversationPath(id), messagesPath(id)];

    test('answers are JSON in UTF-8', async () => {
        const { salon, id } = await talk();
        for (const path of getPaths(id)) {
            const { headers } = await salon.get(path);
            assert.equal(headers['content-type'].toLowerCase(), 'application/json; charset=utf-8');
        }
        const { headers } = await stack.request({ path: CONVERSATIONS });
        assert.equal(headers['content-type'].toLowerCase(), 'application/json; charset=utf-8');
    });

    test('the token\'s scheme is Bearer in any case', async () => {
        const { token } = await stack.knownPerson('client');
        const statusWith = async (authorization) =>
            (await stack.request({ path: CONVERSATIONS, headers: { authorization } })).status;
        for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR'])
            assert.equal(await statusWith(`${scheme} ${token}`), 200, scheme);
        for (const value of [token, `Basic ${token}`, `Bearer${token}`, 'Bearer', 'Bearer ',
            `Token ${token}`])
            assert.equal(await statusWith(value), 401, value);
    });

    test('HEAD answers as GET, without the body, wherever there is a GET', async () => {
        const { salon, id } = await talk();
        await send(salon, id);
        for (const path of getPaths(id)) {
            const get = await salon.get(path);
            const head = await salon.head(path);
            assert.equal(head.status, 200, path);
            assert.equal(head.text, '');
            assert.equal(head.headers.etag, get.headers.etag);
            assert.equal(head.headers['content-type'], get.headers['content-type']);
        }
        assert.equal((await salon.head(conversationPath(UNKNOWN_ID))).status, 404);
        assert.equal((await stack.request({ method: 'HEAD', path: CONVERSATIONS })).status, 401);
    });

    test('HEAD marks nothing read', async () => {
        const { salon, client, id } = await talk();
        await send(salon, id);
        await stack.assertUnchanged(async () => {
            for (const path of getPaths(id))
                assert.equal((await client.head(path)).status, 200);
        });
    });

    test('a preflight is answered before any token check', async () => {
        for (const origin of ORIGINS)
            for (const path of [CONVERSATIONS, messagesPath(UNKNOWN_ID),
                '/messaging/no-such-route']) {
                const { status, text, headers } = await stack.request({
                    method: 'OPTIONS', path, headers: {
                        origin,
                        'access-control-request-method': 'PATCH',
                        'access-control-request-headers': 'authorization,content-type',
                    },
                });
                assert.equal(status, 204);
                assert.equal(text, '');
                assert.equal(headers['access-control-allow-origin'], origin);
                assert.equal(headers['access-control-allow-credentials'], 'true');
                const methods = entries(headers['access-control-allow-methods']);
                for (const method of ['get', 'post', 'patch', 'delete'])
                    assert.ok(methods.includes(method), method);
                const allowed = entries(headers['access-control-allow-headers']);
                for (const header of ['authorization', 'content-type'])
                    assert.ok(allowed.includes(header), header);
                assert.ok(entries(headers.vary).includes('origin'));
            }
    });

    test('a preflight of another origin is told nothing', async () => {
        const [allowed] = ORIGINS;
        for (const origin of [FOREIGN_ORIGIN, 'null', `${allowed}.elsewhere.example`,
            'https://salon', allowed.replace('https', 'http'), `${allowed}:444`, `${allowed}/`,
            `${allowed}.`, ORIGINS.join(',')]) {
            const response = await stack.request({
                method: 'OPTIONS', path: CONVERSATIONS,
                headers: { origin, 'access-control-request-method': 'GET' },
            });
            const { headers } = response;
            assert.match(errorOf(response, 403), /FRONTEND_URL/);
            assert.ok(!('access-control-allow-origin' in headers), origin);
            assert.ok(!('access-control-allow-credentials' in headers), origin);
        }
    });

    test('an origin is the same however it is written', async () => {
        const [allowed] = ORIGINS;
        for (const origin of [allowed.toUpperCase(), `${allowed}:443`, 'https://xn--caf-dma.example',
            'https://CAFÉ.example', 'capacitor://localhost', 'https://chat.example:8443']) {
            const { status, headers } = await stack.request({
                method: 'OPTIONS', path: CONVERSATIONS,
                headers: { origin: Buffer.from(origin).toString('latin1') },
            });
            assert.equal(status, 204, origin);
            assert.equal(Buffer.from(headers['access-control-allow-origin'], 'latin1').toString(),
                origin);
        }
    });

    test('a page of the own host may ask, and is told no header', async () => {
        for (const [host, origin] of [['chat.example', 'https://chat.example'],
            ['chat.example:443', 'https://chat.example'], ['[::1]:80', 'http://[::1]']]) {
            const { status, headers } = await stack.request({
                method: 'OPTIONS', path: CONVERSATIONS, headers: { host, origin },
            });
            assert.equal(status, 204, origin);
            assert.ok(!('access-control-allow-origin' in headers), origin);
        }
    });

    test('a refused origin is a line in the log, once a second, with the key to set', async () => {
        const logged = stack.log.length;
        const ask = () => stack.request({
            path: CONVERSATIONS, headers: { origin: FOREIGN_ORIGIN, host: 'chat.example' },
        });
        const line = await until('it is told', async () => {
            await ask();
            return stack.log.slice(logged).split('\n').find((text) =>
                text.includes('origin refused') && text.includes(FOREIGN_ORIGIN));
        });
        assert.match(line, / host=chat\.example .*FRONTEND_URL .*public_url/);
    });

    test('every answer, errors and 401 included, carries the CORS headers', async () => {
        const { salon, client, id } = await talk();
        const stranger = await stack.knownPerson('client');
        const path = conversationPath(id);
        const { etag } = (await salon.get(path)).headers;
        const ask = (method, target, options) => ({ method, path: target, ...options });
        for (const [status, request] of [
            [200, ask('GET', path, { token: salon.token })],
            [200, ask('HEAD', path, { token: salon.token })],
            [304, ask('GET', path, { token: salon.token, headers: { 'if-none-match': etag } })],
            [201, ask('POST', messagesPath(id), { token: salon.token, body: { content: 'x' } })],
            [204, ask('PATCH', markReadPath(id), { token: salon.token })],
            [400, ask('POST', messagesPath(id), { token: salon.token, body: {} })],
            [401, ask('GET', path)],
            [403, ask('GET', path, { token: stranger.token })],
            [404, ask('GET', conversationPath(UNKNOWN_ID), { token: client.token })],
            [405, ask('PUT', path, { token: client.token })],
        ])
            for (const origin of [ORIGINS[1], FOREIGN_ORIGIN, undefined]) {
                const headers = { ...request.headers, ...(origin && { origin }) };
                const response = await stack.request({ ...request, headers });
                assert.equal(response.status, status);
                assert.ok(entries(response.headers.vary).includes('origin'), `${status}`);
                const isAllowed = origin === ORIGINS[1];
                assert.equal(response.headers['access-control-allow-origin'],
                    isAllowed ? origin : undefined);
                assert.equal(response.headers['access-control-allow-credentials'],
                    isAllowed ? 'true' : undefined);
            }
    });

    test('every GET has an ETag, and answers 304 to it', async () => {
        const { salon, id } = await talk();
        await send(salon, id);
        for (const path of getPaths(id)) {
            const { etag } = (await salon.get(path)).headers;
            assert.match(etag, /^(W\/)?"[^"]+"$/);
            for (const method of ['GET', 'HEAD'])
                for (const value of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
                    const response = await salon.request(method, path,
                        { headers: { 'if-none-match': value } });
                    assert.equal(response.status, 304, value);
                    assert.equal(response.text, '');
                    assert.equal(response.headers.etag, etag);
                }
            for (const value of ['"other"', etag.slice(0, -1), etag.replaceAll('"', '')])
                bodyOf(await salon.get(path, { headers: { 'if-none-match': value } }));
        }
    });

    test('the ETag changes when the body does', async () => {
        const { salon, client, id } = await talk();
        const tags = async () => {
            const responses = await Promise.all(getPaths(id).map((path) => salon.head(path)));
            return responses.map(({ headers }) => headers.etag);
        };
        const before = await tags();
        await send(client, id);
        for (const [index, tag] of (await tags()).entries())
            assert.notEqual(tag, before[index], getPaths(id)[index]);
    });

    test('GET marks before it computes the ETag, so a 304 has nothing left to mark', async () => {
        const { salon, client, id } = await talk();
        await sendMany(salon, id, 3);
        for (const path of [messagesPath(id), conversationPath(id)]) {
            await send(salon, id);
            const unmarked = (await client.head(path)).headers.etag;
            const first = await client.get(path, { headers: { 'if-none-match': unmarked } });
            assert.equal(first.status, 200, 'marking has changed the body');
            assert.deepEqual(bodyOf(await client.get(UNREAD_TOTAL)), { totalUnread: 0 });
            const again = await stack.assertUnchanged(() =>
                client.get(path, { headers: { 'if-none-match': first.headers.etag } }));
            assert.equal(again.status, 304);
        }
    });

    test('nothing may be kept by shared caches or used without asking', async () => {
        const { salon, id } = await talk();
        for (const path of getPaths(id)) {
            const { headers } = await salon.get(path);
            assert.deepEqual(entries(headers['cache-control']), ['no-cache', 'private']);
        }
    });

    test('a wrong method is 405 with Allow', async () => {
        const { salon, client, id } = await talk();
        const { id: messageId } = await send(client, id);
        const cases = [
            [CONVERSATIONS, ['GET', 'HEAD', 'POST'], ['PUT', 'PATCH', 'DELETE']],
            [conversationPath(id), ['DELETE', 'GET', 'HEAD', 'PATCH'], ['PUT', 'POST']],
            [archivePath(id), ['PATCH'], ['GET', 'HEAD', 'POST', 'PUT', 'DELETE']],
            [markReadPath(id), ['PATCH'], ['GET', 'POST', 'DELETE']],
            [`${conversationPath(id)}/mark-as-read`, ['PATCH'], ['GET', 'POST']],
            [messagesPath(id), ['GET', 'HEAD', 'POST'], ['PUT', 'PATCH', 'DELETE']],
            [messagePath(messageId), ['DELETE'], ['GET', 'HEAD', 'POST', 'PUT', 'PATCH']],
            [readPath(messageId), ['PATCH'], ['GET', 'POST', 'PUT', 'DELETE']],
            [PEOPLE, ['DELETE', 'GET', 'HEAD', 'PATCH'], ['POST', 'PUT']],
            [PREFERENCES, ['GET', 'HEAD', 'PATCH'], ['POST', 'PUT', 'DELETE']],
            [MUTE, ['POST'], ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE']],
            [mutePath(id), ['DELETE'], ['GET', 'POST', 'PUT', 'PATCH']],
            [UNREAD_TOTAL, ['GET', 'HEAD'], ['POST', 'PUT', 'PATCH', 'DELETE']],
            [searchPath('x'), ['GET', 'HEAD'], ['POST', 'PUT', 'PATCH', 'DELETE']],
        ];
        await stack.assertUnchanged(async () => {
            for (const [path, allowed, refused] of cases)
                for (const method of refused) {
                    const response = await salon.request(method, path);
                    assert.equal(response.status, 405, `${method} ${path}`);
                    const listed = entries(response.headers.allow);
                    assert.deepEqual(listed.filter((entry) => entry !== 'options'),
                        allowed.map((entry) => entry.toLowerCase()));
                    if (method !== 'HEAD')
                        errorOf(response, 405);
                }
        });
    });

    test('an unknown route is 404', async () => {
        const { salon, id } = await talk();
        for (const path of ['/messaging/', '/messaging/other', `${conversationPath(id)}/other`,
            `${messagesPath(id)}/other`, `${messagePath(UNKNOWN_ID)}/read/other`,
            '/messaging/messages',
            '/messaging/Conversations', `${UNREAD_TOTAL}/x`, '/messaging//conversations'])
            errorOf(await salon.get(path), 404);
    });

    test('the order is token, route and method, existence, participant, body', async () => {
        const { salon, id } = await talk();
        const stranger = await stack.knownPerson('salon');
        const ask = (person, method, path, body = 'no JSON') => (person
            ? person.request(method, path, { body }) : stack.request({ method, path, body }));
        const unknown = messagesPath(UNKNOWN_ID);
        for (const path of [unknown, '/messaging/other', messagesPath(id)])
            for (const method of ['POST', 'PUT'])
                errorOf(await ask(undefined, method, path), 401);
        errorOf(await ask(stranger, 'POST', '/messaging/other'), 404);
        errorOf(await ask(stranger, 'PUT', unknown), 405);
        errorOf(await ask(stranger, 'POST', unknown), 404);
        errorOf(await ask(stranger, 'POST', messagesPath(id)), 403);
        errorOf(await ask(salon, 'POST', messagesPath(id)), 400);
        errorOf(await ask(stranger, 'PATCH', conversationPath(UNKNOWN_ID)), 404);
        errorOf(await ask(stranger, 'PATCH', conversationPath(id)), 403);
        errorOf(await ask(salon, 'PATCH', conversationPath(id)), 400);
        errorOf(await salon.get(`${messagesPath(UNKNOWN_ID)}?page=0`), 404);
        errorOf(await stranger.get(`${messagesPath(id)}?page=0`), 403);
    });

    test('errors tell their status, a message and its name', async () => {
        const { salon, id } = await talk();
        const stranger = await stack.knownPerson('client');
        const cases = [
            [await salon.post(messagesPath(id), {}), 400, 'Bad Request'],
            [await stranger.get(conversationPath(id)), 403, 'Forbidden'],
            [await salon.get(conversationPath(UNKNOWN_ID)), 404, 'Not Found'],
            [await salon.request('PUT', CONVERSATIONS), 405, 'Method Not Allowed'],
        ];
        for (const [response, statusCode, name] of cases) {
            assert.equal(response.status, statusCode);
            const { message, ...rest } = response.body;
            assert.deepEqual(rest, { statusCode, error: name });
            assert.ok([message].flat().every((line) => line !== ''));
        }
        errorOf(await stack.request({ path: CONVERSATIONS }), 401);
    });

    test('malformed JSON, NUL, lone surrogates and invalid UTF-8 are 400', async () => {
        const { salon, id } = await talk();
        const bodies = [
            '', '{', 'null', '[]', '"text"', '7', '{"content":"x"', '{"content":"x"}}',
            "{'content':'x'}",
            '{"content":"x",}', '{"content":"\\u0000"}', '{"content":"a\u0000b"}',
            '{"content":"\\ud800"}', '{"content":"\\udc00\\ud800"}', '{"content":"\\x"}',
            '{"content":"x","content":"y"}',
            ...['\xff', '\xc0\xaf', '\xed\xa0\x80', '\xf4\x90\x80\x80'].map((bytes) =>
                Buffer.from(`{"content":"${bytes}"}`, 'latin1')),
        ];
        await stack.assertUnchanged(async () => {
            for (const body of bodies)
                errorOf(await salon.post(messagesPath(id), body), 400);
        });
    });

    test('a form is 415, and JSON that is said to be one is taken', async () => {
        const { salon, id } = await talk();
        const send = (body, type) =>
            salon.post(messagesPath(id), body, { headers: { 'content-type': type } });
        const form = 'application/x-www-form-urlencoded';
        await stack.assertUnchanged(async () => {
            for (const type of [form, `${form.toUpperCase()}; charset=utf-8`,
                'multipart/form-data; boundary=x'])
                assert.match(errorOf(await send('content=Bonjour', type), 415), /JSON/);
            errorOf(await send('content=Bonjour', 'text/plain'), 400);
            assert.match(errorOf(await salon.patch(conversationPath(id), 'subject=Autre',
                { headers: { 'content-type': form } }), 415), /JSON/);
        });
        // curl says so of whatever it is given.
        bodyOf(await send('{"content":"Bonjour"}', form), 201);
    });

    test('an id may be percent-encoded in the path', async () => {
        const { salon, id } = await talk();
        const encoded = [...id].map((c) => `%${c.charCodeAt(0).toString(16)}`).join('');
        assert.equal(bodyOf(await salon.get(conversationPath(encoded))).id, id);
    });
});

// The same binaries as plain CGI programs, and under Apache as CGI (mod_cgid) and FastCGI
// (mod_fcgid). In a long run the tests of the whole contract run on each of them too.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { runCgi } from './harness/cgi.mjs';
import { CONVERSATIONS, messagesPath } from './harness/paths.mjs';
import { bodyOf, errorOf, openConversation } from './harness/people.mjs';
import { BUILD, isLong } from './harness/project.mjs';
import { checkSmokeRequest, SMOKE_REQUESTS } from './harness/smoke.mjs';
import { describeStack } from './harness/stack.mjs';

const FRONTS = ['cgi', 'apache-cgid', 'apache-fcgid'];
// What does not need the programs' processes or nginx.
const CONTRACT_TESTS = ['conversations', 'messages', 'unread', 'http', 'retry', 'directory',
    'events', 'appointments', 'appointments-refusals', 'people'];
const LONG_LIMIT_MS = 20 * 60_000;

for (const front of FRONTS)
    describeStack(`behind ${front}`, { front }, ({ stack, test }) => {
        const known = {};
        let people;

        for (const request of SMOKE_REQUESTS)
            test(`${request.method}: ${request.name} is ${request.status}`, async () => {
                people ??= {
                    salon: stack.person('salon', { salonName: 'Salon des Lilas' }),
                    client: stack.person('client', { firstName: 'Zoé' }),
                    outsider: stack.person('client'),
                };
                known.clientId = people.client.id;
                await checkSmokeRequest(stack, people, known, request);
            });

        test('many requests at once', async () => {
            const { salon, client } = await stack.salonAndClient();
            const { id } = await openConversation(salon, client);
            const responses = await Promise.all(Array.from({ length: 16 }, () =>
                client.post(messagesPath(id), { content: 'x' })));
            for (const response of responses)
                bodyOf(response, 201);
            assert.equal(bodyOf(await salon.get(messagesPath(id))).total, 16);
            assert.deepEqual(await stack.database.findings(), []);
        });
    });

describeStack('plain CGI', { front: 'cgi' }, ({ stack, test }) => {
    const program = join(BUILD, 'conversations.fcgi');

    test('the program is done after one answer', async () => {
        const { token } = await stack.knownPerson('salon');
        const response = await runCgi(program, { path: CONVERSATIONS, token },
            { MESSAGERIE_CONFIG: stack.configuration });
        assert.equal(bodyOf(response).total, 0);
        assert.equal(response.exitCode, 0);
    });

    test('the token is also taken from where Apache puts it', async () => {
        const { token } = await stack.knownPerson('salon');
        const response = await runCgi(program, { path: CONVERSATIONS }, {
            MESSAGERIE_CONFIG: stack.configuration,
            REDIRECT_HTTP_AUTHORIZATION: `Bearer ${token}`,
        });
        bodyOf(response);
    });

    test('the route is that of REQUEST_URI, whatever the other variables say', async () => {
        const { token } = await stack.knownPerson('salon');
        const response = await runCgi(program, { path: `${CONVERSATIONS}?limit=7`, token }, {
            MESSAGERIE_CONFIG: stack.configuration,
            SCRIPT_NAME: '/cgi-bin/conversations.fcgi',
            PATH_INFO: '/messaging/other',
            QUERY_STRING: 'limit=9',
        });
        assert.equal(bodyOf(response).limit, 7);
    });

    test('a body that ends early is 400', async () => {
        const { salon, client } = await stack.salonAndClient();
        const response = await stack.assertUnchanged(() => runCgi(program, {
            method: 'POST', path: CONVERSATIONS, token: salon.token,
            body: JSON.stringify({ clientUserId: client.id }), headers: { 'content-length': 1000 },
        }, { MESSAGERIE_CONFIG: stack.configuration }));
        errorOf(response, 400);
    });

    test('without a usable configuration the answer is 500, and the log says why', async () => {
        const response = await runCgi(program, { path: CONVERSATIONS },
            { MESSAGERIE_CONFIG: join(stack.folder, 'no-such-file.conf') });
        errorOf(response, 500);
        assert.match(response.stderr, /no-such-file\.conf/);
    });
});

describe('the whole contract', { skip: isLong ? false : 'MESSAGERIE_TEST_LONG=1 runs it' }, () => {
    for (const front of FRONTS)
        for (const name of CONTRACT_TESTS)
            it(`${name}, behind ${front}`, () => new Promise((resolve, reject) => {
                const file = fileURLToPath(new URL(`${name}.test.mjs`, import.meta.url));
                const { NODE_TEST_CONTEXT, ...environment } = process.env;
                execFile(process.execPath, ['--test', file], {
                    env: { ...environment, MESSAGERIE_TEST_FRONT: front },
                    timeout: LONG_LIMIT_MS,
                    maxBuffer: 64 * 1024 * 1024,
                }, (error, stdout, stderr) =>
                    (error ? reject(new Error(`${stdout}\n${stderr}`)) : resolve()));
            }));
});

// What one person may ask for: so much at once, whichever connection it comes by, and nobody else pays.

import assert from 'node:assert/strict';

import { CONVERSATIONS, messagesPath, UNREAD_TOTAL } from './harness/paths.mjs';
import { bodyOf, errorOf, openConversation } from './harness/people.mjs';
import { describeStack, ORIGINS } from './harness/stack.mjs';

// The defaults; but reads come again so seldom that no machine is too slow to ask for more.
const WRITES = { burst: 1000, perSecond: 20 };
const READS = { burst: 5000, perSecond: 20 };

const burst = (count, ask) => Promise.all(Array.from({ length: count }, ask));

const refused = (answers) => answers.filter(({ status }) => status === 429);

/** Asks 300 times more than may come at once; gives one of the refusals. */
async function assertLimited(limit, ask) {
    const begin = performance.now();
    const answers = await burst(limit.burst + 300 + limit.perSecond, ask);
    const seconds = Math.ceil((performance.now() - begin) / 1000);
    const passed = answers.length - refused(answers).length;
    assert.ok(passed >= limit.burst, `${passed} passed`);
    assert.ok(passed <= limit.burst + limit.perSecond * seconds, `${passed} in ${seconds} s`);
    return refused(answers)[0];
}

describeStack('one person', { front: 'nginx', limitsUsers: true,
    config: { fastcgi: { reads_per_second: READS.perSecond } } }, ({ stack, test }) => {
    test('writes 200 messages at once', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        for (const answer of await burst(200, () => salon.post(messagesPath(id), { content: 'x' })))
            bodyOf(answer, 201);
    });

    test('is refused beyond the limit, with the time to wait, also what is no JSON', async () => {
        const { salon, client } = await stack.salonAndClient();
        const { id } = await openConversation(salon, client);
        let count = 0;
        const ask = () => stack.request({ method: 'POST', path: messagesPath(id), token: client.token,
            headers: { origin: ORIGINS[0] }, body: ++count % 2 ? { content: 'x' } : 'no JSON' });
        const refusal = await assertLimited(WRITES, ask);
        errorOf(refusal, 429);
        assert.deepEqual(refusal.body, { statusCode: 429,
            message: 'Trop de requêtes, réessayez dans quelques secondes', error: 'Too Many Requests' });
        assert.ok(Number(refusal.headers['retry-after']) >= 1);
        assert.equal(refusal.headers['access-control-allow-origin'], ORIGINS[0]);

        bodyOf(await client.get(UNREAD_TOTAL));
        bodyOf(await salon.post(messagesPath(id), { content: 'et moi' }), 201);
        assert.match(stack.log, /a user asks for more than they may.*user=/);
    });

    test('reads so much that no page meets the limit', async () => {
        const { client } = await stack.salonAndClient();
        errorOf(await assertLimited(READS, () => client.get(UNREAD_TOTAL)), 429);
    });

    test('may be the booking back-end, which asks for everybody', async () => {
        const service = stack.person('service');
        const answers = await burst(1.5 * WRITES.burst, () =>
            service.patch('/messaging/appointments/none', {}));
        assert.deepEqual(refused(answers), []);
    });
});

describeStack('plain CGI', { front: 'cgi', limitsUsers: true,
    config: { fastcgi: { write_burst: 1, read_burst: 1 } } }, ({ stack, test }) => {
    test('counts nobody: each request is a process', async () => {
        const { salon } = await stack.salonAndClient();
        for (let i = 0; i < 3; i++) {
            bodyOf(await salon.get(CONVERSATIONS));
            errorOf(await salon.post(CONVERSATIONS, {}), 400);
        }
    });
});

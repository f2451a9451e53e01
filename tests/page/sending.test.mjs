// The queue of what is being sent, and the token that it is sent with.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Credentials, NoToken, readClaims } from '../../page/src/credentials.js';
import { Outbox } from '../../page/src/outbox.js';

const temporary = (retryAfterMs) => Object.assign(new Error('later'), { isTemporary: true, retryAfterMs });

/** An outbox whose deliveries answer as `answers` say, one after the other, and what it did. */
function makeOutbox(answers) {
    const log = [];
    const queue = [...answers];
    let done;
    const finished = new Promise((resolve) => {
        done = resolve;
    });
    const outbox = new Outbox({
        deliver: async ({ clientMessageId }) => {
            log.push(`try ${clientMessageId}`);
            const answer = queue.shift();
            if (answer instanceof Error)
                throw answer;
            return answer;
        },
        onSent: ({ clientMessageId }, message) => {
            log.push(`sent ${clientMessageId} ${message}`);
            if (queue.length === 0)
                done();
        },
        onRefused: ({ clientMessageId }, error) => {
            log.push(`refused ${clientMessageId} ${error.message}`);
            if (queue.length === 0)
                done();
        },
    });
    return { outbox, log, finished };
}

test('messages go one after the other, and the next waits for the one before', async () => {
    const { outbox, log, finished } = makeOutbox(['A', temporary(1), temporary(1), 'B', 'C']);
    for (const clientMessageId of ['a', 'b', 'c'])
        outbox.add({ conversationId: 'x', clientMessageId, content: '' });
    await finished;
    assert.deepEqual(log, ['try a', 'sent a A', 'try b', 'try b', 'try b', 'sent b B',
        'try c', 'sent c C']);
});

test('what is refused does not hold up the next', async () => {
    const { outbox, log, finished } = makeOutbox([new Error('no'), 'B']);
    for (const clientMessageId of ['a', 'b'])
        outbox.add({ conversationId: 'x', clientMessageId, content: '' });
    await finished;
    assert.deepEqual(log, ['try a', 'refused a no', 'try b', 'sent b B']);
});

test('a connection that is back ends the wait', async () => {
    const { outbox, log, finished } = makeOutbox([temporary(3600000), 'A']);
    outbox.add({ conversationId: 'x', clientMessageId: 'a', content: '' });
    await new Promise(setImmediate);
    assert.deepEqual(log, ['try a']);
    outbox.hurry();
    await finished;
    assert.deepEqual(log, ['try a', 'try a', 'sent a A']);
});

test('a closed outbox tries nothing more', async () => {
    const { outbox, log } = makeOutbox([temporary(3600000), 'A']);
    outbox.add({ conversationId: 'x', clientMessageId: 'a', content: '' });
    await new Promise(setImmediate);
    outbox.close();
    await new Promise(setImmediate);
    assert.deepEqual(log, ['try a']);
});

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const makeToken = (claims) => `${part({ alg: 'HS256' })}.${part(claims)}.signature`;
const inSeconds = (seconds) => Math.floor(Date.now() / 1000) + seconds;

test('claims are read, letters beyond ASCII too', () => {
    assert.equal(readClaims(makeToken({ userId: 'léa😀' })).userId, 'léa😀');
    assert.equal(readClaims(`Bearer ${makeToken({ userId: 'a' })}`).userId, 'a');
    for (const wrong of ['', 'a.b', 'a.b.c', makeToken({}), makeToken(null), makeToken({ userId: 1 })])
        assert.equal(readClaims(wrong), undefined, wrong);
});

test('a token is used until it ends, then a new one is asked for once', async () => {
    const first = makeToken({ userId: 'a', exp: inSeconds(60) });
    const old = makeToken({ userId: 'a', exp: inSeconds(-1) });
    let asked = 0;
    const getToken = async () => {
        asked++;
        return first;
    };
    assert.equal(await new Credentials({ token: first, getToken }).token(), first);
    assert.equal(asked, 0);
    const credentials = new Credentials({ token: old, getToken });
    assert.deepEqual(await Promise.all([credentials.token(), credentials.token()]), [first, first]);
    assert.equal(asked, 1);
});

test('how long a token lasts counts from when it came: the clock here may be wrong', async () => {
    let asked = 0;
    const getToken = async () => {
        asked++;
        return makeToken({ userId: 'a', iat: inSeconds(-3600), exp: inSeconds(-3000) });
    };
    const credentials = new Credentials({ getToken });
    assert.equal(await credentials.token(), await credentials.token());
    assert.equal(asked, 1);
});

test('a token that is given anew is used; one of somebody else that is asked for is told', async () => {
    const others = [];
    const credentials = new Credentials({ token: makeToken({ userId: 'a' }) },
        (token) => others.push(readClaims(token).userId));
    credentials.userId = 'a';
    const next = makeToken({ userId: 'a', exp: inSeconds(60) });
    assert.equal(credentials.use({ token: next }), true);
    assert.equal(await credentials.token(), next);
    assert.equal(credentials.use({ token: 'no token' }), false);
    assert.equal(await credentials.token(), next);
    credentials.use({ token: next, getToken: () => makeToken({ userId: 'b' }) });
    await assert.rejects(credentials.renew(), NoToken);
    assert.deepEqual(others, ['b']);
    assert.equal(await credentials.token(), next);
    credentials.close();
});

test('a callback that fails can be asked again, and so can one that is exchanged meanwhile', async () => {
    const token = makeToken({ userId: 'a' });
    const answers = [() => { throw new Error('502'); }, () => token];
    const credentials = new Credentials({ getToken: () => answers.shift()() });
    await assert.rejects(credentials.token(), /502/);
    assert.equal(await credentials.token(), token);
    let answer;
    const slow = new Credentials({ getToken: () => new Promise((resolve) => { answer = resolve; }) });
    const waiting = slow.token();
    await new Promise(setImmediate);
    slow.use({ getToken: () => makeToken({ userId: 'b' }) });
    answer(token);
    assert.equal(readClaims(await waiting).userId, 'b');
    slow.close();
});

test('without a source there is no new token; a token alone is used as long as it is let', async () => {
    const old = makeToken({ userId: 'a', exp: inSeconds(-1) });
    const credentials = new Credentials({ token: old });
    assert.equal(await credentials.token(), old);
    await assert.rejects(credentials.renew(), NoToken);
    await assert.rejects(new Credentials({}).token(), NoToken);
    await assert.rejects(new Credentials({ getToken: () => 'no token' }).token(), NoToken);
});

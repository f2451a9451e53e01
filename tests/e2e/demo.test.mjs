// What `./bootstrap run --demo` serves and keeps, without a browser; what it looks like in one is
// tests/e2e/page.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Demo, SALON } from './harness/demo.mjs';
import { SOURCE } from './harness/project.mjs';

const PICTURES = join(SOURCE, 'page/demo/pictures');
const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const DAY_S = 86_400;
const WEEKS_MS = 60 * DAY_S * 1000;

const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

describe('bootstrap run --demo', () => {
    const demo = new Demo();
    before(() => demo.start());
    after(() => demo.stop());

    test('two salons and four clients, each with a token for a day', async () => {
        assert.equal(demo.people.filter(({ role }) => role === 'salon').length, 2);
        assert.equal(demo.people.filter(({ role }) => role === 'client').length, 4);
        for (const { id, name, token } of demo.people) {
            const { exp, iat, userId } = claimsOf(token);
            assert.equal(exp - iat, DAY_S);
            assert.equal(userId, id);
            assert.ok(name);
            assert.ok((await demo.conversations(id)).length > 0, id);
        }
        const answer = await demo.request({ path: '/demo/people.json' });
        assert.equal(answer.headers['cache-control'], 'no-store');
    });

    test('the database is as if the service had been used: counters, times, states', async () => {
        const stats = JSON.parse(await demo.tool('stats', '--json'));
        assert.ok(stats.conversations >= 12, `${stats.conversations} conversations`);
        assert.ok(stats.messages >= 200, `${stats.messages} messages`);
        assert.ok(stats.unread > 0);
        const database = join(demo.data, 'messagerie.db');
        assert.equal(await demo.tool('verify', database), 'ok');
        assert.deepEqual(JSON.parse(await demo.tool('--json', 'verify', database)),
            { ok: true, findings: [] });

        const conversations = [];
        for (const { id } of demo.people.filter(({ role }) => role === 'salon'))
            conversations.push(...await demo.conversations(id));
        assert.equal(conversations.length, stats.conversations);
        assert.ok(conversations.some(({ status }) => status === 'ARCHIVED'));
        const now = Date.now();
        for (const { id, salonId, appointmentId } of conversations) {
            assert.ok(appointmentId);
            const messages = await demo.messages(salonId, id);
            assert.equal(messages[0].type, 'SYSTEM');
            const times = messages.map(({ createdAt }) => Date.parse(createdAt));
            assert.deepEqual(times, [...times].sort((a, b) => a - b));
            assert.ok(times[0] > now - WEEKS_MS && times.at(-1) <= now);
        }
    });

    test('each picture is what its attachment says, and is served to everybody', async () => {
        const story = JSON.parse(readFileSync(join(SOURCE, 'page/demo/story.json'), 'utf8'));
        const attachments = story.conversations.flatMap(({ events }) => events)
            .flatMap((event) => event.attachments ?? []);
        const avatars = story.people.map(({ image }) => image.split('/').at(-1));
        assert.ok(attachments.length > 0);
        for (const { fileName, fileUrl, fileSize, fileType } of attachments) {
            const path = fileUrl.replace('{origin}', '');
            const answer = await demo.request({ path });
            assert.equal(answer.status, 200, path);
            assert.equal(answer.headers['content-type'], fileType);
            assert.equal(Number(answer.headers['content-length']), fileSize, path);
            assert.deepEqual(readFileSync(join(PICTURES, fileName)).subarray(0, 8), PNG_SIGNATURE);
        }
        for (const name of avatars) {
            const answer = await demo.request({ path: `/demo/pictures/${name}` });
            assert.equal(answer.status, 200, name);
            assert.match(answer.headers['content-type'], /^image\/svg\+xml/);
        }
        assert.deepEqual(readdirSync(PICTURES).sort(),
            [...attachments.map(({ fileName }) => fileName), ...avatars].sort());
    });

    test('nothing else of the data directory is served', async () => {
        for (const path of ['/demo', '/demo/', '/demo/pictures/', '/demo/people.json/x',
            '/demo/../jwt-secret', '/demo/%2e%2e/jwt-secret', '/demo//../messagerie.db'])
            assert.ok([400, 403, 404].includes((await demo.request({ path })).status), path);
        assert.equal(statSync(join(demo.data, 'jwt-secret')).mode & 0o777, 0o600);
    });

    test('a second start keeps what was written and hands out new tokens', async () => {
        const [{ id }] = await demo.conversations(SALON);
        await demo.say(SALON, id, 'avant le second départ');
        const before = await demo.messages(SALON, id);
        const { token } = demo.person(SALON);
        assert.deepEqual(await demo.bootstrap.stop(), { code: 0, signal: null });
        assert.ok(!existsSync(join(demo.data, 'demo')), 'tokens were left behind');

        await demo.start();
        assert.deepEqual(await demo.messages(SALON, id), before);
        assert.ok(claimsOf(demo.person(SALON).token).iat >= claimsOf(token).iat);
    });

    test('started without --demo, on the same data, nothing is handed out', async () => {
        await demo.bootstrap.stop();
        demo.args = [];
        await demo.start();
        assert.deepEqual(demo.people, []);
        for (const path of ['/demo/people.json', '/demo/pictures/lea.svg', '/demo/'])
            assert.equal((await demo.request({ path })).status, 404, path);
        assert.equal((await demo.request({ path: '/' })).status, 200);
    });
});

describe('bootstrap run --demo on data of one\'s own', () => {
    const demo = new Demo({ args: [] });
    before(() => demo.start());
    after(() => demo.stop());

    test('is refused in a sentence, and changes nothing', async () => {
        await demo.tool('user', 'set', 'studio', '--role', 'salon', '--salon-name', 'Studio');
        await demo.bootstrap.stop();
        demo.args = ['--demo'];
        await assert.rejects(demo.start(), /ended at start/);
        assert.equal(demo.bootstrap.exit.code, 1);
        assert.match(demo.bootstrap.log, /the database holds other data than the demo's/);
        assert.match(demo.bootstrap.log, /--data with a directory of its own/);
        demo.args = [];
        await demo.start();
        assert.match(await demo.tool('user', 'list'), /^studio\tsalon\tStudio\t*$/);
    });
});

// Who may tell us of appointments and people: the booking back-end alone. Every endpoint, called by
// everybody, with an id that exists and one that doesn't, and with every kind of bad input; where a
// call is refused, nothing in the database may have changed.

import assert from 'node:assert/strict';

import { appointmentOf, BookingSite } from './harness/booking.mjs';
import { FORGERIES, KEYS } from './harness/forgeries.mjs';
import { publicKeyConfig } from './harness/keys.mjs';
import { APPOINTMENTS, appointmentPath, userPath } from './harness/paths.mjs';
import { bodyOf, errorOf, Person } from './harness/people.mjs';
import { describeStack } from './harness/stack.mjs';
import { signClaims, usualClaims } from './harness/token.mjs';

const MIB = 1024 * 1024;

/** Everybody with a valid token who is not the booking back-end. */
const ROLES = ['salon', 'user', 'user_salon', 'user_tatoueur', 'client', 'admin', 'Service', 'service ', '', undefined];

/** [name, request(ids), what the service gets with ids that exist, with unknown ones]. */
const ENDPOINTS = [
    ['POST appointment', ({ appointment, salon, client }) =>
        ['POST', APPOINTMENTS, appointmentOf(salon, client, { appointmentId: appointment })], 200, 201],
    ['PATCH appointment', ({ appointment }) =>
        ['PATCH', appointmentPath(appointment), { status: 'CANCELLED' }], 200, 202],
    ['PUT user', ({ user }) => ['PUT', userPath(user), { role: 'client', firstName: 'Autre' }], 200, 200],
    ['GET user', ({ user }) => ['GET', userPath(user)], 200, 404],
    ['HEAD user', ({ user }) => ['HEAD', userPath(user)], 200, 404],
    ['DELETE user', ({ user }) => ['DELETE', userPath(user)], 204, 404],
];

// The key's file is readable for the user of the tests alone, which Apache is not.
describeStack('authorization of the booking endpoints', {
    front: 'nginx', config: { auth: publicKeyConfig(KEYS, 'RS256') },
}, ({ stack, test }) => {
    let worlds = 0;

    async function makeWorld() {
        const { salon, client } = await stack.salonAndClient();
        const body = appointmentOf(salon, client);
        bodyOf(await new BookingSite(stack.person('service')).book(body), 201);
        worlds++;
        return {
            salon,
            client,
            existing: { salon, client, appointment: body.appointmentId, user: client.id },
            unknown: { salon, client, appointment: `unknown-${worlds}`, user: `nobody-${worlds}` },
        };
    }

    for (const [name, makeRequest, ...expected] of ENDPOINTS)
        test(name, async () => {
            const world = await makeWorld();
            const others = [world.salon, world.client];
            for (const role of ROLES) {
                const person = new Person(stack, `role-${role}-${name}`, role);
                await person.get('/messaging/conversations'); // its row is made here, if there is one
                others.push(person);
            }
            const before = await stack.database.digest();

            async function assertRefused(cell, token, [method, path, body], status) {
                const response = await stack.request({ method, path, body, token });
                assert.equal(response.status, status, `${cell}: ${response.text}`);
                if (method !== 'HEAD')
                    errorOf(response, status);
                assert.equal(await stack.database.digest(), before, `${cell} changed the database`);
            }

            for (const kind of ['existing', 'unknown']) {
                const request = makeRequest(world[kind]);
                for (const [forgery, forge] of Object.entries(FORGERIES))
                    await assertRefused(`${kind}, ${forgery}`, forge(usualClaims('booking', 'service')), request, 401);
                for (const person of others)
                    await assertRefused(`${kind}, ${person.role}`, person.token, request, 403);
            }
            for (const [index, kind] of ['existing', 'unknown'].entries()) {
                const [method, path, body] = makeRequest(world[kind]);
                const response = await stack.person('service').request(method, path, { body });
                assert.equal(response.status, expected[index], `${kind}: ${response.text}`);
            }
        });

    test('a token with a public key\'s algorithm is taken as well', async () => {
        const token = signClaims(usualClaims('booking', 'service'), KEYS.RS256.privateKey, 'RS256');
        errorOf(await stack.request({ path: userPath('nobody'), token }), 404);
    });

    test('other methods and paths are none', async () => {
        const service = stack.person('service');
        for (const [method, path, allowed] of [
            ['GET', APPOINTMENTS, 'POST'], ['DELETE', APPOINTMENTS, 'POST'], ['PUT', appointmentPath('a'), 'PATCH'],
            ['GET', appointmentPath('a'), 'PATCH'], ['POST', userPath('u'), 'PUT'], ['PATCH', userPath('u'), 'DELETE']]) {
            const response = await service.request(method, path);
            errorOf(response, 405);
            assert.ok(response.headers.allow.includes(allowed), response.headers.allow);
        }
        for (const path of ['/messaging/users', '/messaging/users/', `${userPath('u')}/x`, `${appointmentPath('a')}/x`,
            '/messaging/appointmentsx', '/messaging/usersx/u'])
            errorOf(await service.get(path), 404);
    });

    test('a page of an allowed origin may ask before', async () => {
        const response = await stack.request({
            method: 'OPTIONS', path: userPath('u'),
            headers: { origin: stack.origins[0], 'access-control-request-method': 'PUT' },
        });
        assert.equal(response.status, 204);
        assert.match(response.headers['access-control-allow-methods'], /PUT/);
    });
});

// ---- bad input ----

const NO_TEXTS = [0, -1, 1.5, true, false, [], ['x'], {}];
const latin1 = (text) => Buffer.from(text, 'latin1');

/** JSON texts that are none, or that we don't take. */
function* malformedBodies(valid) {
    for (let length = 0; length < valid.length; length += 7)
        yield valid.slice(0, length);
    for (const bytes of ['\x00', '\xff', '\xc0\xaf', '\xed\xa0\x80', '\xf5\x80\x80\x80'])
        for (const at of [0, 2, valid.length - 3])
            yield latin1(valid.slice(0, at) + bytes + valid.slice(at));
    for (const escape of ['\\u0000', '\\ud800', '\\udfff', '\\x41'])
        yield `{"prestation":"${escape}","firstName":"${escape}"}`;
    for (const body of ['null', 'true', '0', '"text"', '[]', `[${valid}]`, `${valid}x`, `\ufeff${valid}`, '{"start":1,"start":2}',
        '['.repeat(100_000), `${'{"a":'.repeat(1_000)}1${'}'.repeat(1_000)}`])
        yield body;
}

const ID_RULES = [...NO_TEXTS, null, '', 'x'.repeat(65), 'é'.repeat(33), 'a\u0001', 'a\n', 'a\u007f'];
const PERSON_RULES = {
    role: [...NO_TEXTS, '', 'service', 'x'.repeat(33), 'a\tb'],
    firstName: [...NO_TEXTS, 'x'.repeat(201), 'a\nb', 'a\u0085b'],
    lastName: [...NO_TEXTS, 'x'.repeat(201), 'a\nb'],
    salonName: [...NO_TEXTS, 'x'.repeat(201), 'a\nb'],
    image: [...NO_TEXTS, 'x', 'javascript:alert(1)', 'data:,x', 'http://', 'https://u@h/', 'http://x y/', `https://x/${'y'.repeat(2_048)}`],
    email: [...NO_TEXTS, 'x', '@x', 'x@', 'a b@c', `${'x'.repeat(250)}@e.org`],
};
const STARTS = [...NO_TEXTS, '', '2026-03-12', '2026-03-12T14:30:00', '2026-13-01T00:00:00Z', '2026-02-30T00:00:00Z',
    '12/03/2026', '2026-03-12T14:30:00+25:00', 'x'.repeat(10_000)];
const VERSIONS = [-1, 1.5, 2 ** 53, 1e300, '1', true, [], {}];
const APPOINTMENT_RULES = {
    appointmentId: ID_RULES,
    salonId: ID_RULES,
    clientUserId: ID_RULES,
    prestation: [...NO_TEXTS, null, '', '  ', '\u00a0', 'x'.repeat(201)],
    start: [...STARTS, null],
    status: [...NO_TEXTS, null, '', 'CANCELLED', 'RESCHEDULED', 'COMPLETED', 'confirmed', 'X'],
    version: VERSIONS,
    createdBy: [...NO_TEXTS, '', 'SALON', 'service'],
    salon: [0, 'x', true, [], [{}]],
    client: [0, 'x', true, [], [{}]],
};
const CHANGE_RULES = {
    start: STARTS,
    status: [...NO_TEXTS, '', 'PENDING', 'cancelled', 'X'],
    version: VERSIONS,
};

/** [path of the field, body] for every value that breaks a rule of a field. */
function* broken(valid, rules) {
    for (const [field, values] of Object.entries(rules))
        for (const value of values)
            yield [field, { ...valid, [field]: value }];
}

describeStack('bad input for the booking endpoints', {}, ({ stack, test }) => {
    /** Sends each and asserts that it is refused, that nothing changed and nothing ended. */
    async function assertAllRefused(requests) {
        const service = stack.person('service');
        await stack.assertUnchanged(async () => {
            for (const [method, path, body, field] of requests) {
                const response = await service.request(method, path, { body });
                const told = `${method} ${path} ${JSON.stringify(body)?.slice(0, 200)}: ${response.text.slice(0, 300)}`;
                assert.ok(response.status >= 400 && response.status < 500, told);
                if (field !== undefined) {
                    assert.equal(response.status, 400, told);
                    assert.deepEqual([...new Set(response.body.message.map((text) => text.split(':')[0]))], [field], told);
                }
            }
        });
        assert.doesNotMatch(stack.log, /level=error/);
    }

    async function makeValid() {
        const { salon, client } = await stack.salonAndClient();
        const known = appointmentOf(salon, client);
        bodyOf(await new BookingSite(stack.person('service')).book(known), 201);
        return { fresh: appointmentOf(salon, client), known, client };
    }

    test('bodies that are no JSON', async () => {
        const { fresh, known, client } = await makeValid();
        const requests = [];
        for (const [method, path, valid] of [['POST', APPOINTMENTS, fresh],
            ['PATCH', appointmentPath(known.appointmentId), { status: 'CANCELLED' }],
            ['PUT', userPath(client.id), { role: 'client', firstName: 'X' }]])
            for (const body of malformedBodies(JSON.stringify(valid)))
                requests.push([method, path, body]);
        await assertAllRefused(requests);
    });

    test('bodies that are too large', async () => {
        const { fresh, known, client } = await makeValid();
        const service = stack.person('service');
        await stack.assertUnchanged(async () => {
            for (const [method, path, valid] of [['POST', APPOINTMENTS, fresh],
                ['PATCH', appointmentPath(known.appointmentId), { status: 'CANCELLED' }],
                ['PUT', userPath(client.id), { role: 'client', firstName: 'X' }]])
                // What is far too large for the web server, Apache answers in HTML.
                for (const size of stack.frontName === 'nginx' ? [MIB, 3 * MIB] : [MIB])
                    errorOf(await service.request(method, path, { body: { ...valid, padding: 'x'.repeat(size) } }), 413);
        });
    });

    test('fields of an appointment', async () => {
        const { fresh } = await makeValid();
        await assertAllRefused([...broken(fresh, APPOINTMENT_RULES)]
            .map(([field, body]) => ['POST', APPOINTMENTS, body, field]));
    });

    test('people beside an appointment', async () => {
        const { fresh } = await makeValid();
        for (const side of ['salon', 'client'])
            await assertAllRefused([...broken({}, PERSON_RULES)]
                .map(([field, person]) => ['POST', APPOINTMENTS, { ...fresh, [side]: person }, `${side}.${field}`]));
    });

    test('fields of a change, of a known and of an unknown appointment', async () => {
        const { known } = await makeValid();
        for (const id of [known.appointmentId, 'unknown'])
            await assertAllRefused([...broken({}, CHANGE_RULES)]
                .map(([field, body]) => ['PATCH', appointmentPath(id), body, field]));
    });

    test('fields of a person', async () => {
        const { client } = await makeValid();
        for (const id of [client.id, 'unknown'])
            await assertAllRefused([...broken({ role: 'client' }, PERSON_RULES)]
                .map(([field, body]) => ['PUT', userPath(id), body, field]));
        await assertAllRefused([['PUT', userPath('unknown'), { firstName: 'X' }, 'role'],
            ['PUT', userPath('unknown'), { role: null }, 'role']]);
    });

    test('ids in the path', async () => {
        const requests = [];
        for (const id of ['%00', 'a%00', '%ff', '%c0%af', '%', '%2', '%zz', '%ed%a0%80', '%0a', '%7f', '%C2%85', 'x'.repeat(65),
            '%C3%A9'.repeat(33), 'x'.repeat(5_000)])
            requests.push(['PATCH', `${APPOINTMENTS}/${id}`, { status: 'CANCELLED' }],
                ['PUT', `/messaging/users/${id}`, { role: 'client' }],
                ['GET', `/messaging/users/${id}`], ['DELETE', `/messaging/users/${id}`]);
        await assertAllRefused(requests);
    });

    test('several broken rules are all told', async () => {
        const response = await stack.person('service').post(APPOINTMENTS, { version: 'x', client: { email: 'x' } });
        assert.deepEqual(errorOf(response, 400).map((text) => text.split(':')[0]).sort(),
            ['appointmentId', 'client.email', 'clientUserId', 'prestation', 'salonId', 'start', 'status', 'version']);
    });
});

// Which tokens are accepted (docs/protocol.md, "Tokens").

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { until } from './harness/conditions.mjs';
import { makeKeyFiles, publicKeyConfig } from './harness/keys.mjs';
import { CONVERSATIONS } from './harness/paths.mjs';
import { bodyOf, errorOf } from './harness/people.mjs';
import { Program } from './harness/program.mjs';
import { BUILD } from './harness/project.mjs';
import { describeStack, SECRET } from './harness/stack.mjs';
import { encodePart, generateKeys, seconds, signClaims, usualClaims } from './harness/token.mjs';

const KEYS = makeKeyFiles();

/** Asserts in a stack's suite that a token is accepted, or refused without a trace. */
function makeChecks(stack) {
    const call = (token) => stack.request({ path: CONVERSATIONS, token });
    return {
        accepted: async (token) => bodyOf(await call(token)),
        refused: async (token) => errorOf(await stack.assertUnchanged(() => call(token)), 401),
    };
}

const hs256 = (claims, algorithm) => signClaims(claims, SECRET, algorithm);
const usual = (extra) => usualClaims('caller', 'client', extra);

describeStack('tokens with a secret', {}, ({ stack, test }) => {
    const { accepted, refused } = makeChecks(stack);

    test('HS256 with the secret is accepted, with no more than userId, role and exp', async () => {
        await accepted(hs256(usual()));
        await accepted(hs256({ userId: 'caller', role: 'client', exp: seconds(60) }));
    });

    test('exp is required and honoured', async () => {
        for (const exp of [undefined, null, seconds(-60), 0, -1, 'soon', `${seconds(60)}`])
            await refused(hs256(usual({ exp })));
    });

    test('nbf is honoured', async () => {
        await accepted(hs256(usual({ nbf: seconds(-60) })));
        // By a clock that is ahead.
        await accepted(hs256(usual({ nbf: seconds(20), iat: seconds(20) })));
        await refused(hs256(usual({ nbf: seconds(600) })));
    });

    test('userId is required, a text of 1 to 64 bytes', async () => {
        for (const userId of ['x', 'é'.repeat(32), 'a/b?c', 'x'.repeat(64)])
            await accepted(hs256(usual({ userId })));
        for (const userId of [undefined, null, '', 7, {}, ['caller'], true, 'x'.repeat(65),
            'é'.repeat(33), 'a\nb'])
            await refused(hs256(usual({ userId })));
    });

    test('only the configured algorithm is accepted', async () => {
        for (const algorithm of ['none', 'HS384', 'HS512'])
            await refused(hs256(usual(), algorithm));
        for (const algorithm of ['RS256', 'ES256'])
            await refused(signClaims(usual(), KEYS[algorithm].privateKey, algorithm));
        const [, claims, signature] = hs256(usual()).split('.');
        for (const header of [{}, { alg: null }, { alg: 'hs256' }, { alg: 'None' },
            { alg: 'HS512' }, 7])
            await refused([encodePart(header), claims, signature].join('.'));
    });

    test('a signature of another key, of other claims or none is refused', async () => {
        await refused(signClaims(usual(), `${SECRET}!`));
        await refused(signClaims(usual(), ''));
        const [header, claims, signature] = hs256(usual()).split('.');
        const others = encodePart(usual({ role: 'salon' }));
        for (const token of [`${header}.${others}.${signature}`, `${header}.${claims}.`,
            `${header}.${claims}`,
            `${header}.${claims}.${signature.slice(0, -2)}`,
            `${header}.${claims}.${signature}.${signature}`])
            await refused(token);
    });

    test('what is no token is refused', async () => {
        for (const token of ['', '.', '..', '...', 'null', 'undefined', 'a.b.c', '=.=.=', 'é',
            '%00',
            'x'.repeat(7000), `${'x.'.repeat(3000)}x`,
            [encodePart({ alg: 'HS256' }), Buffer.from('{"userId":').toString('base64url'),
            'x'].join('.')])
            await refused(token);
    });

    test('a role is a text of reasonable length', async () => {
        for (const role of [7, {}, 'x'.repeat(100)])
            await refused(hs256(usual({ role })));
        for (const role of [undefined, null, 'something-else'])
            await accepted(hs256(usual({ userId: `role-${role}`, role })));
    });
});

for (const [algorithm, other] of [['RS256', 'ES256'], ['ES256', 'RS256']])
    describeStack(`tokens with a public key for ${algorithm}`, {
        config: {
            auth: { jwt_secret: '', ...publicKeyConfig(KEYS, algorithm) },
        },
    }, ({ stack, test }) => {
        const { accepted, refused } = makeChecks(stack);

        test(`${algorithm} with the private key is accepted`, async () => {
            await accepted(signClaims(usual(), KEYS[algorithm].privateKey, algorithm));
        });

        test('everything else is refused', async () => {
            await refused(signClaims(usual({ exp: seconds(-60) }), KEYS[algorithm].privateKey,
                algorithm));
            await refused(signClaims(usual(), generateKeys(algorithm).privateKey, algorithm));
            await refused(signClaims(usual(), KEYS[other].privateKey, other));
            await refused(signClaims(usual(), '', 'none'));
            for (const key of [SECRET, '', KEYS[algorithm].publicKey,
                KEYS[algorithm].publicKey.trim()])
                await refused(signClaims(usual(), key, 'HS256'));
        });
    });

describeStack('tokens with a secret and a public key', {
    config: { auth: publicKeyConfig(KEYS, 'RS256') },
}, ({ stack, test }) => {
    const { accepted, refused } = makeChecks(stack);

    test('each algorithm is accepted with its own key only', async () => {
        await accepted(hs256(usual()));
        await accepted(signClaims(usual(), KEYS.RS256.privateKey, 'RS256'));
        await refused(signClaims(usual(), KEYS.RS256.publicKey, 'HS256'));
        await refused(hs256(usual(), 'HS512'));
    });
});

describeStack('tokens as configured', {
    config: {
        auth: { require_expiry: 'false', salon_roles: 'barber, surgeon', client_roles: 'patient' },
    },
}, ({ stack, test }) => {
    const { accepted, refused } = makeChecks(stack);

    test('without require_expiry a token may live for ever, but not after its end', async () => {
        await accepted(hs256(usual({ exp: undefined })));
        await refused(hs256(usual({ exp: seconds(-60) })));
    });

    test('roles are those of the lists', async () => {
        const surgeon = await stack.knownPerson('surgeon');
        const patient = await stack.knownPerson('patient');
        const body = { clientUserId: patient.id };
        bodyOf(await surgeon.post(CONVERSATIONS, body), 201);
        errorOf(await (await stack.knownPerson('salon')).post(CONVERSATIONS, body), 403);
        const client = await stack.knownPerson('client');
        errorOf(await surgeon.post(CONVERSATIONS, { clientUserId: client.id }), 400);
    });
});

describeStack('why a token is refused', { front: 'nginx' }, ({ stack, test }) => {
    const REASONS = [
        ['expired', hs256(usual({ exp: seconds(-60) }))],
        ['not_yet_valid', hs256(usual({ nbf: seconds(600) }))],
        ['exp', hs256(usual({ exp: undefined }))],
        ['userId', hs256(usual({ userId: undefined }))],
        ['userId', hs256(usual({ userId: 7 }))],
        ['claim', hs256(usual({ role: 7 }))],
        ['signature', signClaims(usual(), `${SECRET}!`)],
        ['algorithm', hs256(usual(), 'HS512')],
        ['algorithm', signClaims(usual(), '', 'none').concat('x')],
        ['malformed', 'no-token'],
    ];
    const ask = (token) => stack.request({
        path: CONVERSATIONS, token, headers: { origin: stack.origins[0] },
    });

    test('the answer tells, and pages may read it', async () => {
        for (const [reason, token] of REASONS) {
            const { status, body, headers } = await ask(token);
            assert.equal(status, 401);
            assert.deepEqual(body, { statusCode: 401, message: 'Unauthorized', reason });
            assert.match(headers['www-authenticate'],
                /^Bearer error="invalid_token", error_description="[^"\\]+"$/);
            assert.match(headers['access-control-expose-headers'], /WWW-Authenticate/);
        }
        const { body, headers } = await ask(undefined);
        assert.equal(body.reason, 'missing');
        assert.equal(headers['www-authenticate'], 'Bearer');
    });

    test('the log tells each cause once a second, and nothing of the token', async () => {
        const begin = performance.now();
        const logged = stack.log.length;
        const lines = () => stack.log.slice(logged).split('\n')
            .filter((line) => line.includes('reason=expired'));
        const askExpired = () => ask(hs256(usual({ exp: seconds(-60), email: 'a@b.example' })));
        for (let i = 0; i < 20; i++)
            await askExpired();
        await until('what was left out is told', async () => {
            await askExpired();
            return lines().some((line) => / left_out=\d+ /.test(line));
        });
        for (const line of lines())
            assert.match(line, /level=warning .*msg="token refused" .*request=\S+ reason=expired /);
        assert.ok(lines().length <= 2 + (performance.now() - begin) / 1000, lines().join('\n'));
        assert.doesNotMatch(stack.log, /a@b\.example|eyJ|caller/);
    });
});

describe('without a secret', () => {
    for (const name of ['conversations', 'messages'])
        it(`${name} does not start, and says what to set`, async () => {
            const program = new Program({
                name,
                command: [join(BUILD, `${name}.fcgi`)],
                environment: { MESSAGERIE_CONFIG: '/dev/null' },
            });
            await assert.rejects(program.start(() => false), /ended at start/);
            assert.equal(program.exit.code, 1);
            assert.match(program.log, /JWT_SECRET/);
        });
});

// Changing secrets and keys logs nobody out.

import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { messagerie } from './harness/admin.mjs';
import { until } from './harness/conditions.mjs';
import { CONVERSATIONS } from './harness/paths.mjs';
import { bodyOf, errorOf } from './harness/people.mjs';
import { describeStack, SECRET } from './harness/stack.mjs';
import { decodeHeader, generateKeys, signClaims, usualClaims } from './harness/token.mjs';

const NEW_SECRET = 'the secret of the next year, long enough for HS256';
const usual = () => usualClaims('caller', 'client');

describeStack('changing keys', { front: 'nginx' }, ({ stack, test }) => {
    const ask = (token) => stack.request({ path: CONVERSATIONS, token });
    const accepted = async (token) => bodyOf(await ask(token));
    const refused = async (token) => errorOf(await ask(token), 401);

    /** Takes this section [auth] over, while `tokens` must be accepted all the time. */
    async function change(auth, tokens = []) {
        stack.configure({ auth });
        const marks = Object.values(stack.programs).map((program) => {
            const logged = program.log.length;
            program.signal('SIGHUP');
            return () => program.log.slice(logged);
        });
        await until('all have read it', async () => {
            for (const token of tokens)
                await accepted(token);
            assert.ok(!marks.some((log) => /keeping the old one/.test(log())), stack.log);
            return marks.every((log) => /configuration read again/.test(log()));
        });
    }

    function writeKeys(name, text) {
        const path = join(stack.accountFolder, name);
        writeFileSync(path, text);
        chmodSync(path, 0o600);
        return path;
    }

    test('a new secret, while the old one is jwt_secret_previous', async () => {
        const old = signClaims(usual(), SECRET);
        const next = signClaims(usual(), NEW_SECRET);
        await accepted(old);
        await refused(next);
        await change({ jwt_secret: NEW_SECRET, jwt_secret_previous: SECRET }, [old]);
        await accepted(next);
        await accepted(old);
        await change({ jwt_secret: NEW_SECRET }, [next]);
        await refused(old);
        await change({});
        await refused(next);
    });

    test('the tool signs with the new one', async () => {
        stack.configure({ auth: { jwt_secret: NEW_SECRET, jwt_secret_previous: SECRET } });
        const { stdout, code } = await messagerie(stack, 'token', 'caller');
        stack.configure();
        assert.equal(code, 0);
        await refused(stdout.trim());
        await change({ jwt_secret: NEW_SECRET });
        await accepted(stdout.trim());
        await change({});
    });

    test('several public keys in one file', async () => {
        const keys = ['a', 'b'].map(() => generateKeys('ES256'));
        const [old, next] = keys.map(({ privateKey }) =>
            signClaims(usual(), privateKey, 'ES256'));
        const auth = (...used) => ({
            jwt_public_key_algorithm: 'ES256',
            jwt_public_key_file: writeKeys('public.pem',
                used.map(({ publicKey }) => publicKey).join('\n')),
        });
        await change(auth(keys[0]));
        await accepted(old);
        await refused(next);
        await change(auth(keys[1], keys[0]), [old]);
        await accepted(next);
        await change(auth(keys[1]), [next]);
        await refused(old);
        await change({});
    });

    test('a set of keys with names: a token that names one is tried with that one', async () => {
        const { privateKey, jwk } = generateKeys('RS256');
        const secret = Buffer.from('a secret that stands in the set of keys');
        const file = (keys) => ({
            jwt_keys_file: writeKeys('keys.json', JSON.stringify({ keys })),
        });
        const oct = { kty: 'oct', alg: 'HS256', kid: '2027', k: secret.toString('base64url') };
        const rsa = { ...jwk, alg: 'RS256', use: 'sig', kid: 'site' };
        const other = { ...jwk, kid: 'encryption', use: 'enc' };
        await change(file([oct, other, rsa]));
        await accepted(signClaims(usual(), SECRET));
        for (const kid of [undefined, '2027'])
            await accepted(signClaims(usual(), secret, 'HS256', { kid }));
        for (const kid of [undefined, 'site'])
            await accepted(signClaims(usual(), privateKey, 'RS256', { kid }));
        for (const kid of ['2026', 'site', 'encryption', ''])
            await refused(signClaims(usual(), secret, 'HS256', { kid }));
        await refused(signClaims(usual(), privateKey, 'RS256', { kid: '2027' }));
        // A secret without a name may be meant by any.
        await accepted(signClaims(usual(), SECRET, 'HS256', { kid: '2026' }));
        await change(file([oct]));
        await refused(signClaims(usual(), privateKey, 'RS256', { kid: 'site' }));

        stack.configure({ auth: { jwt_secret: '', ...file([oct]) } });
        const { stdout } = await messagerie(stack, 'token', 'caller');
        assert.equal(decodeHeader(stdout.trim()).kid, '2027');
        await accepted(stdout.trim());
        await change({});
    });

    test('a set that is none is told, and the old keys stay', async () => {
        const { conversations } = stack.programs;
        const token = signClaims(usual(), SECRET);
        for (const [text, reason] of [
            ['{"keys":[]}', /no set of keys/],
            ['[]', /no set of keys/],
            ['{"keys":[{"kty":"oct"}]}', /keys\.0: needs k/],
            ['{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}', /keys\.0: is an RSA key of fewer/],
        ]) {
            const auth = { jwt_secret: '', jwt_keys_file: writeKeys('bad.json', text) };
            stack.configure({ auth });
            assert.match((await messagerie(stack, 'check-config')).stderr, reason);
            const logged = conversations.log.length;
            conversations.signal('SIGHUP');
            await until('it is told', () => reason.test(conversations.log.slice(logged)));
            await accepted(token);
        }
        stack.configure();
    });
});

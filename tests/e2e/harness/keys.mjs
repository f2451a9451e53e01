// Key pairs for tests, their public half in a file for the configuration.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { generateKeys } from './token.mjs';

/** {RS256, ES256}, each with publicKey and privateKey as PEM, and `file` with the public one. */
export function makeKeyFiles() {
    const folder = mkdtempSync(join(tmpdir(), 'messagerie-keys-'));
    process.on('exit', () => rmSync(folder, { recursive: true }));
    return Object.fromEntries(['RS256', 'ES256'].map((algorithm) => {
        const keys = { ...generateKeys(algorithm), file: join(folder, `${algorithm}.pem`) };
        writeFileSync(keys.file, keys.publicKey);
        return [algorithm, keys];
    }));
}

/** The section [auth] keys that configure a public key. */
export function publicKeyConfig(keys, algorithm) {
    return {
        jwt_public_key_file: keys[algorithm].file,
        jwt_public_key_algorithm: algorithm,
    };
}

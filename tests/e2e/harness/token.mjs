// Signs the JSON Web Tokens that the booking back-end would sign, and those that it never would.

import { createHmac, createSign, generateKeyPairSync } from 'node:crypto';

/** A part of a token: a value as JSON in the URL alphabet of base64. */
export const encodePart = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

const SIGNERS = {
    none: () => '',
    HS256: (text, key) => createHmac('sha256', key).update(text).digest('base64url'),
    HS384: (text, key) => createHmac('sha384', key).update(text).digest('base64url'),
    HS512: (text, key) => createHmac('sha512', key).update(text).digest('base64url'),
    RS256: (text, key) => createSign('sha256').update(text).sign(key, 'base64url'),
    ES256: (text, key) =>
        createSign('sha256').update(text).sign({ key, dsaEncoding: 'ieee-p1363' }, 'base64url'),
};

export const seconds = (offset = 0) => Math.floor(Date.now() / 1000) + offset;

/** Signs exactly these claims; `header` adds to the header. */
export function signClaims(claims, key, algorithm = 'HS256', header = {}) {
    const text = `${encodePart({ alg: algorithm, typ: 'JWT', ...header })}.${encodePart(claims)}`;
    return `${text}.${SIGNERS[algorithm](text, key)}`;
}

/** Claims as real tokens carry them; `extra` adds to them, undefined removes one. */
export function usualClaims(userId, role, extra = {}) {
    return { userId, role, iat: seconds(), exp: seconds(3600), ...extra };
}

export const decodeHeader = (token) =>
    JSON.parse(Buffer.from(token.split('.')[0], 'base64url').toString());

/** A key pair in PEM form, and the public one as JSON (`jwk`). */
export function generateKeys(algorithm) {
    const { publicKey, privateKey } = algorithm === 'RS256'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    return {
        publicKey: publicKey.export({ type: 'spki', format: 'pem' }),
        privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }),
        jwk: publicKey.export({ format: 'jwk' }),
    };
}

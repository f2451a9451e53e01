// Tokens in somebody's name that must not be accepted.

import { makeKeyFiles } from './keys.mjs';
import { SECRET } from './stack.mjs';
import { seconds, signClaims } from './token.mjs';

/** The key that the service may know of, while its secret signs nothing with it. */
export const KEYS = makeKeyFiles();

/** How each is made of the claims; undefined: none is sent. */
export const FORGERIES = {
    'no token': () => undefined,
    'bad signature': (claims) => signClaims(claims, `${SECRET}!`),
    'expired': (claims) => signClaims({ ...claims, exp: seconds(-1) }, SECRET),
    'alg=none': (claims) => signClaims(claims, '', 'none'),
    'HS512': (claims) => signClaims(claims, SECRET, 'HS512'),
    'RS/HS confusion': (claims) => signClaims(claims, KEYS.RS256.publicKey, 'HS256'),
    'no userId': ({ userId, ...claims }) => signClaims(claims, SECRET),
};

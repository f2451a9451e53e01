/** The token: who one is, and where a new one comes from when it has expired. */

/** A token that ends within this time is not used any more. */
const LEEWAY_MS = 5000;

export class NoToken extends Error {}

/** The claims of a JWT, unchecked: the server alone decides. Undefined when it is none.
 * @param {string} token
 * @returns {{userId: string, role?: string, exp?: number}|undefined} */
export function readClaims(token) {
    try {
        const part = token.replace(/^Bearer /i, '').split('.')[1];
        const bytes = atob(part.replace(/-/g, '+').replace(/_/g, '/'));
        const claims = JSON.parse(new TextDecoder().decode(
            Uint8Array.from(bytes, (character) => character.charCodeAt(0))));
        return typeof claims.userId === 'string' ? claims : undefined;
    } catch {
        return undefined;
    }
}

export class Credentials {
    #token;
    #getToken;
    #renewal;

    /** @param {{token?: string, getToken?: () => Promise<string>|string}} source */
    constructor({ token, getToken }) {
        this.#token = token;
        this.#getToken = getToken;
    }

    /** The token to use now; a new one when there is none or it has ended. */
    async token() {
        if (this.#token && !hasEnded(this.#token))
            return this.#token;
        return this.#getToken ? this.renew() : this.#token ?? fail();
    }

    /** A new token, asked for once however many want one. */
    renew() {
        this.#renewal ??= this.#fetch().finally(() => {
            this.#renewal = undefined;
        });
        return this.#renewal;
    }

    async #fetch() {
        const token = this.#getToken && await this.#getToken();
        if (typeof token !== 'string' || !readClaims(token))
            fail();
        this.#token = token;
        return token;
    }
}

/** @returns {never} */
function fail() {
    throw new NoToken('no token');
}

function hasEnded(token) {
    const end = readClaims(token)?.exp;
    return end !== undefined && end * 1000 < Date.now() + LEEWAY_MS;
}

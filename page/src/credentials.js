/** The token: who one is, and where a new one comes from when it has expired. */

/** A token that ends within this time is not used any more. */
const LEEWAY_MS = 5000;
/** The site is not waited for any longer. */
const TIMEOUT_MS = 20000;
/** A site that gives another getToken at every turn is asked at most this often. */
const CHECK_MS = 10000;

/** Nothing gives a token: the site has answered, with nothing or with something else. */
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
        return typeof claims.userId === 'string' && claims.userId ? claims : undefined;
    } catch {
        return undefined;
    }
}

export class Credentials {
    /** Whose tokens are wanted, once that is known. */
    userId = '';
    #token;
    /** The last one that was not asked for. */
    #given;
    #getToken;
    #endsAt = Infinity;
    #renewal;
    #checkedAt = -Infinity;
    #checkTimer;
    #onOther;

    /** @param {{token?: string, getToken?: () => Promise<string>|string}} source
     * @param {(token: string) => void} [onOther] the site has given the token of somebody else */
    constructor(source, onOther = () => {}) {
        this.#onOther = onOther;
        this.#given = source.token;
        this.#setToken(source.token);
        this.#getToken = source.getToken;
    }

    /** Where tokens come from, from now on. Without a token, that of now is used on, and getToken asked
     * before long whose it gives.
     * @param {{token?: string, getToken?: () => Promise<string>|string}} source
     * @returns {boolean} whether it holds a token that is new */
    use({ token, getToken }) {
        const isNew = getToken !== this.#getToken;
        this.#getToken = getToken;
        if (readClaims(token) && token !== this.#given) {
            this.#renewal = undefined;
            this.#given = token;
            this.#setToken(token);
            return true;
        }
        if (isNew && getToken) {
            this.#renewal = undefined;
            this.#check();
        }
        return false;
    }

    close() {
        clearTimeout(this.#checkTimer);
    }

    /** Whether the site can be asked for another. */
    get canRenew() {
        return Boolean(this.#getToken);
    }

    /** The token to use now; a new one when there is none or it has ended. */
    async token() {
        if (this.#token && Date.now() + LEEWAY_MS < this.#endsAt)
            return this.#token;
        return this.#getToken ? this.renew() : this.#token ?? fail();
    }

    /** A new token, asked for once however many want one. */
    renew() {
        if (!this.#renewal) {
            const renewal = this.#fetch(() => renewal === this.#renewal).finally(() => {
                if (renewal === this.#renewal)
                    this.#renewal = undefined;
            });
            this.#renewal = renewal;
        }
        return this.#renewal;
    }

    async #fetch(isCurrent) {
        // Not before it is known as the renewal.
        await undefined;
        this.#checkedAt = Date.now();
        const token = this.#getToken && await answerOf(this.#getToken);
        if (!isCurrent())
            return this.token();
        const claims = readClaims(token);
        if (!claims)
            fail();
        if (this.userId && claims.userId !== this.userId) {
            this.#onOther(token);
            fail();
        }
        this.#setToken(token);
        return token;
    }

    #check() {
        clearTimeout(this.#checkTimer);
        this.#checkTimer = setTimeout(() => this.renew().catch(() => {}),
            this.#checkedAt + CHECK_MS - Date.now());
    }

    #setToken(token) {
        const claims = readClaims(token);
        const { iat, exp = Infinity } = claims ?? {};
        this.#token = claims && token;
        // The clock here may be wrong; how long a token lasts is not.
        this.#endsAt = iat === undefined ? exp * 1000 : Date.now() + (exp - iat) * 1000;
    }
}

/** @returns {never} */
function fail() {
    throw new NoToken('no token');
}

/** What the site gives; an error when it takes too long. */
function answerOf(getToken) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('getToken does not answer')), TIMEOUT_MS);
        Promise.resolve().then(() => getToken()).then(resolve, reject).finally(() => clearTimeout(timer));
    });
}

/** What the two custom elements share: a shadow root, a token, and one person's messaging in it. */

import { NoToken, readClaims } from './credentials.js';
import { Messenger } from './messenger.js';
import { styles } from './styles.js';
import { texts } from './texts.js';
import { makeMessage } from './view/start.js';

const scriptOrigin = new URL(import.meta.url).origin;

export class MessagingElement extends HTMLElement {
    /** @type {Messenger|undefined} */
    messenger;
    /** @type {import('./view/workspace.js').Workspace|undefined} */
    workspace;
    #token;
    #getToken;
    #isStarting = false;

    constructor() {
        super();
        this.root = this.attachShadow({ mode: 'open' });
        this.root.adoptedStyleSheets = styles();
    }

    connectedCallback() {
        // Set on the element before this script had come.
        for (const name of ['token', 'getToken']) {
            if (Object.hasOwn(this, name)) {
                const value = this[name];
                delete this[name];
                this[name] = value;
            }
        }
        this.restart();
    }

    disconnectedCallback() {
        this.stop();
    }

    /** The origin that serves messagerie. */
    get server() {
        return new URL(this.getAttribute('server') || scriptOrigin, document.baseURI).origin;
    }

    /** From where pictures are shown besides https. */
    get origins() {
        return [this.server, location.origin];
    }

    /** The person's token. */
    get token() {
        return this.#token;
    }

    set token(token) {
        if ((token || undefined) === this.#token)
            return;
        this.#token = token || undefined;
        this.restart();
    }

    /** A function that gives a token, or a promise of one: at the beginning, and whenever the last
     * one has ended. */
    get getToken() {
        return this.#getToken;
    }

    set getToken(getToken) {
        if ((getToken || undefined) === this.#getToken)
            return;
        this.#getToken = getToken || undefined;
        this.restart();
    }

    /** Begins anew when what it depends on has changed; several changes at once begin once. */
    restart() {
        if (!this.isConnected || this.#isStarting)
            return;
        this.#isStarting = true;
        queueMicrotask(() => {
            this.#isStarting = false;
            if (this.isConnected)
                this.#start();
        });
    }

    stop() {
        this.messenger?.close();
        this.messenger = undefined;
        this.workspace?.close();
        this.workspace = undefined;
    }

    show(...nodes) {
        this.root.replaceChildren(...nodes);
    }

    /** What is shown while there is no token. */
    showWithoutToken() {
        this.show(makeMessage(texts.loading));
    }

    /** Makes the views; `messenger` has started.
     * @param {Messenger} messenger */
    showMessenger(messenger) {
        throw new Error(`no view for ${messenger.userId}`);
    }

    async #start() {
        this.stop();
        this.setState('connecting');
        if (!readClaims(this.#token ?? '') && !this.#getToken) {
            this.showWithoutToken();
            return;
        }
        const messenger = new Messenger(this.server,
            { token: this.#token, getToken: this.#getToken });
        this.messenger = messenger;
        this.show(makeMessage(texts.loading));
        messenger.addEventListener('change', ({ detail }) => this.#changed(messenger, detail));
        messenger.addEventListener('token-needed', () => this.#tokenNeeded());
        try {
            await messenger.identify();
        } catch (error) {
            if (messenger === this.messenger)
                this.#failed(error);
            return;
        }
        if (messenger !== this.messenger)
            return;
        this.showMessenger(messenger);
        messenger.start();
    }

    #failed(error) {
        this.show(makeMessage(error instanceof NoToken ? texts.sessionEnded : texts.unreachable));
        if (error instanceof NoToken)
            this.#tokenNeeded();
    }

    #changed(messenger, topic) {
        if (messenger !== this.messenger)
            return;
        if (topic === 'connection')
            this.setState(messenger.connectionState);
        if (topic === 'unread')
            this.showUnread(messenger.totalUnread);
    }

    /** @param {number} total */
    showUnread(total) {
        this.dispatchEvent(new CustomEvent('messagerie-unread', { detail: { total } }));
    }

    setState(state) {
        this.setAttribute('data-connection', state);
    }

    #tokenNeeded() {
        this.setState('offline');
        this.dispatchEvent(new CustomEvent('messagerie-token-needed'));
    }
}

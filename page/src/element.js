/** What the two custom elements share: a shadow root, a token, and one person's messaging in it. */

import { readClaims } from './credentials.js';
import { element } from './dom.js';
import { keepInside } from './events.js';
import { kit } from './kit.js';
import { Messenger } from './messenger.js';
import { styles } from './styles.js';
import { texts } from './texts.js';
import { makePlea } from './view/plea.js';

const scriptOrigin = new URL(import.meta.url).origin;

/** An element that is moved is out of the document for a moment; gone for longer, it is over. */
const GONE_MS = 3000;
/** What is not needed at once is loaded when a thread is shown, at the latest after this time. */
const REST_MS = 3000;
const KEEPS = ['session', 'local', 'none'];

export class MessagingElement extends HTMLElement {
    static observedAttributes = ['server', 'keep'];

    /** Whether it is all of the page. */
    isPage = false;
    /** @type {Messenger|undefined} */
    messenger;
    /** @type {import('./view/workspace.js').Workspace|undefined} */
    workspace;
    root = this.attachShadow({ mode: 'open' });
    frame = element('div', { class: 'frame', lang: 'fr', dir: 'ltr' });
    #token;
    #getToken;
    #isDue = false;
    #goneTimer;
    #restTimer;
    /** Ends it. @type {AbortController|undefined} */
    #rest;

    constructor() {
        super();
        this.root.append(this.frame);
        this.root.adoptedStyleSheets = styles();
        keepInside(this.root);
    }

    connectedCallback() {
        clearTimeout(this.#goneTimer);
        // Set on the element before this script had come.
        for (const name of ['token', 'getToken']) {
            if (Object.hasOwn(this, name)) {
                const value = this[name];
                delete this[name];
                this[name] = value;
            }
        }
        this.#update();
    }

    disconnectedCallback() {
        this.#goneTimer = setTimeout(() => this.stop(), GONE_MS);
    }

    attributeChangedCallback(name, before, after) {
        if (before === after)
            return;
        if (name === 'keep')
            this.messenger?.keepIn(this.#keep);
        this.#update();
    }

    /** Handlers of the site that see an event before it comes to us ask what it is meant for. */
    get isContentEditable() {
        return Boolean(this.root.activeElement?.matches('textarea, input'));
    }

    /** The origin that serves messagerie. */
    get server() {
        try {
            return new URL(this.getAttribute('server') || scriptOrigin, document.baseURI).origin;
        } catch {
            return scriptOrigin;
        }
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
        this.#update();
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
        this.#update();
    }

    stop() {
        this.messenger?.close();
        this.messenger = undefined;
        clearTimeout(this.#restTimer);
        this.#rest?.abort();
        this.#rest = undefined;
        this.stopShowing();
    }

    /** Ends the views. */
    stopShowing() {
        this.workspace?.close();
        this.workspace = undefined;
    }

    show(...nodes) {
        this.frame.replaceChildren(...nodes);
    }

    /** What is shown while there is no token. */
    showWithoutToken() {
        this.show(makePlea(texts.loading));
    }

    /** Makes the views; `messenger` has started.
     * @param {Messenger} messenger */
    showMessenger(messenger) {
        throw new Error(`no view for ${messenger.userId}`);
    }

    get #keep() {
        const keep = this.getAttribute('keep');
        return KEEPS.includes(keep) ? keep : KEEPS[0];
    }

    /** Looks at what it depends on; several changes at once are one. */
    #update() {
        if (this.#isDue)
            return;
        this.#isDue = true;
        queueMicrotask(() => {
            this.#isDue = false;
            if (this.isConnected)
                this.#follow({ token: this.#token, getToken: this.#getToken });
        });
    }

    /** What is under way goes on, with the new token: only another person or server begins anew. */
    #follow(source) {
        const { messenger, server } = this;
        if (!source.token && !source.getToken) {
            messenger?.logOut();
            this.stop();
            this.setState('connecting');
            this.showWithoutToken();
        } else if (messenger?.isOf(server, readClaims(source.token)?.userId)) {
            messenger.use(source);
        } else {
            this.#begin(source);
        }
    }

    async #begin(source) {
        this.stop();
        this.setState('connecting');
        const messenger = new Messenger(this.server, source, this.#keep);
        const isCurrent = () => messenger === this.messenger;
        this.messenger = messenger;
        messenger.addEventListener('change', ({ detail }) => isCurrent() && this.#changed(detail));
        messenger.addEventListener('shown', () => this.#loadRest());
        messenger.addEventListener('token-needed', () => isCurrent() &&
            this.dispatchEvent(new CustomEvent('messagerie-token-needed')));
        messenger.addEventListener('other-person', ({ detail }) => {
            if (isCurrent())
                this.token = detail;
        });
        this.#showWaiting();
        if (!await messenger.identify() || !isCurrent())
            return;
        messenger.start();
        this.showMessenger(messenger);
        const isUrgent = matchMedia('(forced-colors: active)').matches;
        this.#restTimer = setTimeout(() => this.#loadRest(), isUrgent ? 0 : REST_MS);
    }

    /** What is not needed for what one sees first. */
    async #loadRest() {
        clearTimeout(this.#restTimer);
        const { messenger, root, isPage } = this;
        const { addRest } = await import('./later/rest.js');
        if (messenger === this.messenger && !this.#rest)
            addRest(kit, {
                root, messenger, isPage, open: (id) => this.workspace?.open(id),
                signal: (this.#rest = new AbortController()).signal,
            });
    }

    /** Until it is known who one is. */
    #showWaiting() {
        const { session } = this.messenger;
        this.show(makePlea(session.ending || texts.loading,
            session.canRetry && (() => session.retry())));
    }

    #changed(topic) {
        const { messenger } = this;
        if (topic === 'connection')
            this.setState(messenger.connectionState);
        if (topic === 'connection' && !this.workspace)
            this.#showWaiting();
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
}

/** <messagerie-app>: the whole page, with a choice of people where there is a demonstration. */

import { conversationOf, goToPerson, readAddress, showInAddress } from './address.js';
import { element, icon } from './dom.js';
import { MessagingElement } from './element.js';
import { kit } from './kit.js';
import { texts } from './texts.js';
import { avatar } from './view/avatar.js';
import { Workspace } from './view/workspace.js';

export class AppElement extends MessagingElement {
    isPage = true;
    /** @type {Array<object>|undefined} of the demonstration */
    #people;
    #person;
    #onAddress = () => this.#addressChanged();

    connectedCallback() {
        window.addEventListener('popstate', this.#onAddress);
        super.connectedCallback();
    }

    disconnectedCallback() {
        window.removeEventListener('popstate', this.#onAddress);
        super.disconnectedCallback();
    }

    async showWithoutToken() {
        this.showUnread(0);
        this.#people ??= await fetchPeople(this.server);
        if (this.isConnected && !this.token)
            this.#askWho();
    }

    constructor() {
        super();
        this.frame.addEventListener('click', (event) => this.#clicked(event));
        this.frame.addEventListener('keydown', (event) => this.#pressed(event));
    }

    showMessenger(messenger) {
        this.workspace = new Workspace(messenger,
            { root: this.frame, origins: this.origins, head: this.#makeHead(), isPage: true });
        this.show(this.workspace.node);
        messenger.open(readAddress().conversation);
        messenger.addEventListener('change', ({ detail }) => {
            if (detail === 'open' && messenger === this.messenger)
                showInAddress(messenger.openId);
        });
    }

    showUnread(total) {
        document.title = texts.unreadTitle(total);
        super.showUnread(total);
    }

    /** A link to a conversation opens it here. */
    #clicked(event) {
        const address = event.target.closest('.text a')?.href;
        const id = address && conversationOf(address);
        if (!id || event.ctrlKey || event.metaKey || event.shiftKey)
            return;
        event.preventDefault();
        this.workspace.open(id);
    }

    /** What one prints is the whole conversation. */
    async #pressed(event) {
        const isPrint = (event.ctrlKey || event.metaKey) && event.key === 'p';
        if (!isPrint || !this.messenger?.openThread?.cursor)
            return;
        event.preventDefault();
        const { printAll } = await import('./later/head-menu.js');
        printAll(this.messenger);
    }

    async #askWho() {
        if (this.#people.length > 0 && this.#become(readAddress().person))
            return;
        const { makeChooser, makeTokenForm } = await import('./later/start.js');
        if (this.token)
            return;
        if (this.#people.length === 0)
            this.show(makeTokenForm(kit, this.root, (token) => {
                this.token = token;
            }));
        else
            this.show(makeChooser(kit, this.root, this.#people, this.origins, (id) => {
                goToPerson(id);
                this.#become(id);
            }));
    }

    #makeHead() {
        const person = this.#person;
        return element('header', { class: 'brand' },
            person ? avatar({ ...person, salonName: person.name }, this.origins) : icon('chat'),
            element('p', { class: 'me' }, element('bdi', { text: person?.name ?? texts.title })),
            this.#bell(),
            person && element('button', {
                type: 'button', class: 'tool', 'aria-label': texts.changePerson,
                title: texts.changePerson, onclick: () => {
                    goToPerson('');
                    this.#become('');
                },
            }, icon('leave')));
    }

    #bell() {
        const button = element('button', {
            type: 'button', class: 'tool', 'aria-label': texts.notifications, title: texts.notifications,
            'aria-haspopup': 'dialog', 'aria-expanded': 'false', onclick: async () => {
                const { openNotifications } = await import('./later/notifications.js');
                openNotifications(kit, button);
            },
        }, icon('bell'));
        return button;
    }

    #addressChanged() {
        const { person, conversation } = readAddress();
        if (this.#people?.length && person !== (this.#person?.id ?? ''))
            this.#become(person);
        else
            this.messenger?.open(conversation);
    }

    /** Takes the place of somebody of the demonstration, or of nobody; tells whether they exist.
     * @param {string} id */
    #become(id) {
        const person = this.#people.find((one) => one.id === id);
        this.#person = person;
        // Tokens of the demonstration last a day: a page that is left open gets a new one.
        this.getToken = person && (async () => {
            const people = await fetchPeople(this.server);
            return people.find((one) => one.id === id)?.token;
        });
        this.token = person?.token;
        return Boolean(person);
    }
}

/** Nobody, where there is no demonstration. */
async function fetchPeople(server) {
    try {
        const response = await fetch(new URL('/demo/people.json', server), { cache: 'no-store' });
        const { people } = response.ok ? await response.json() : {};
        return Array.isArray(people) ? people : [];
    } catch {
        return [];
    }
}

/** <messagerie-conversation>: the widget for a salon's own pages. */

import { readAddress } from './address.js';
import { MessagingElement } from './element.js';
import { Step } from './step.js';
import { Workspace } from './view/workspace.js';

export class ConversationElement extends MessagingElement {
    static observedAttributes = [...MessagingElement.observedAttributes, 'conversation'];

    /** What is opened now, is not by the person. */
    #isAutomatic = false;
    /** @type {Step|undefined} */
    #step;

    attributeChangedCallback(name, before, after) {
        super.attributeChangedCallback(name, before, after);
        if (name === 'conversation' && before !== after && this.workspace)
            this.showMessenger(this.messenger);
    }

    showMessenger(messenger) {
        const id = this.getAttribute('conversation');
        this.stopShowing();
        this.workspace = new Workspace(messenger,
            { root: this.frame, origins: this.origins, isSingle: Boolean(id) });
        this.show(this.workspace.node);
        if (id)
            messenger.open(id);
        else
            this.#showAll(messenger);
    }

    stopShowing() {
        super.stopShowing();
        this.#step?.close();
        this.#step = undefined;
    }

    #showAll(messenger) {
        const { workspace } = this;
        let isFirst = true;
        this.#step = new Step((id) => this.#openAlone(id));
        // As a link says; or what was open, perhaps on another page of the site.
        this.#openAlone(readAddress().conversation || messenger.keep.openId);
        const onChange = ({ detail }) => {
            if (workspace !== this.workspace) {
                messenger.removeEventListener('change', onChange);
            } else if (detail === 'open') {
                this.#opened(messenger);
            } else if (detail === 'list' && messenger.list.isLoaded && isFirst) {
                isFirst = false;
                this.#openOnlyOne(messenger);
            }
        };
        messenger.addEventListener('change', onChange);
    }

    /** With one conversation there is nothing to choose. */
    #openOnlyOne(messenger) {
        const all = messenger.list.conversations.list();
        if (all.length === 1 && !messenger.openId)
            this.#openAlone(all[0].id);
    }

    /** Opens a conversation, or none, without a step of the history.
     * @param {string} id */
    #openAlone(id) {
        this.#isAutomatic = true;
        this.messenger?.open(id);
        this.#isAutomatic = false;
    }

    #opened(messenger) {
        messenger.keep.openId = messenger.openId;
        if (!this.#isAutomatic && this.getAttribute('history') !== 'none')
            this.#step.take(messenger.openId);
    }
}

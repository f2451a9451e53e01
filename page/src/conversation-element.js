/** <messagerie-conversation>: the widget for a salon's own pages. */

import { MessagingElement } from './element.js';
import { Workspace } from './view/workspace.js';

export class ConversationElement extends MessagingElement {
    static observedAttributes = [...MessagingElement.observedAttributes, 'conversation'];

    attributeChangedCallback(name, before, after) {
        super.attributeChangedCallback(name, before, after);
        if (name === 'conversation' && before !== after && this.workspace)
            this.showMessenger(this.messenger);
    }

    showMessenger(messenger) {
        const id = this.getAttribute('conversation');
        this.workspace?.close();
        this.workspace = new Workspace(messenger,
            { root: this.root, origins: this.origins, isSingle: Boolean(id) });
        this.show(this.workspace.node);
        messenger.open(id ?? '');
        if (!id)
            this.#openLast(messenger);
    }

    /** The one that was open, perhaps on another page of the site; with one alone there is nothing to
     * choose. */
    #openLast(messenger) {
        const { workspace } = this;
        let isFirst = true;
        messenger.open(messenger.keep.openId);
        const look = ({ detail }) => {
            if (workspace !== this.workspace) {
                messenger.removeEventListener('change', look);
            } else if (detail === 'open') {
                messenger.keep.openId = messenger.openId;
            } else if (detail === 'list' && messenger.list.isLoaded && isFirst) {
                isFirst = false;
                openOnlyOne(messenger);
            }
        };
        messenger.addEventListener('change', look);
    }
}

function openOnlyOne(messenger) {
    const all = messenger.list.conversations.list();
    if (all.length === 1 && !messenger.openId)
        messenger.open(all[0].id);
}

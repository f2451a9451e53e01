/** <messagerie-conversation>: the widget for a salon's own pages. */

import { MessagingElement } from './element.js';
import { Workspace } from './view/workspace.js';

export class ConversationElement extends MessagingElement {
    static observedAttributes = ['server', 'conversation'];

    attributeChangedCallback(name, before, after) {
        if (before !== after)
            this.restart();
    }

    showMessenger(messenger) {
        const id = this.getAttribute('conversation');
        this.workspace = new Workspace(messenger,
            { root: this.root, origins: this.origins, isSingle: Boolean(id) });
        this.show(this.workspace.node);
        if (id)
            messenger.open(id);
        else
            openOnlyOne(messenger);
    }
}

/** With one conversation there is nothing to choose. */
function openOnlyOne(messenger) {
    const look = ({ detail }) => {
        if (detail !== 'list' || !messenger.list.isLoaded)
            return;
        messenger.removeEventListener('change', look);
        const all = messenger.list.conversations.list();
        if (all.length === 1 && !messenger.openId)
            messenger.open(all[0].id);
    };
    messenger.addEventListener('change', look);
}

/** The module that a page loads. */

import { AppElement } from './app-element.js';
import { ConversationElement } from './conversation-element.js';

// A page may load it twice, from two places.
if (!customElements.get('messagerie-app')) {
    customElements.define('messagerie-app', AppElement);
    customElements.define('messagerie-conversation', ConversationElement);
}

export { AppElement, ConversationElement };

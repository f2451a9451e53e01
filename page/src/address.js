/** What the address says after its `#`: who one is in the demonstration, and what is open. */

/** @typedef {{person: string, conversation: string}} Address empty: not said */

/** @returns {Address} */
export function readAddress() {
    const parameters = new URLSearchParams(location.hash.slice(1));
    return {
        person: parameters.get('personne') ?? '',
        conversation: parameters.get('conversation') ?? '',
    };
}

/** The conversation that an address of this page names, if it is one.
 * @param {string} address */
export function conversationOf(address) {
    const { origin, pathname, hash } = new URL(address);
    const isHere = origin === location.origin && [location.pathname, '/', '/messagerie/'].includes(pathname);
    return isHere ? new URLSearchParams(hash.slice(1)).get('conversation') ?? '' : '';
}

/** @param {Partial<Address>} address */
function format({ person, conversation }) {
    const parameters = new URLSearchParams();
    if (person)
        parameters.set('personne', person);
    if (conversation)
        parameters.set('conversation', conversation);
    const text = parameters.toString();
    return location.pathname + (text && `#${text}`);
}

/** Goes to another person, or to none.
 * @param {string} person */
export function goToPerson(person) {
    history.pushState(null, '', format({ person }));
}

/** Says which conversation is open. Opening the first one is a step that the browser's back button
 * takes back, as on a phone one expects; closing it takes that step back itself.
 * @param {string} conversation */
export function showInAddress(conversation) {
    const { person, conversation: before } = readAddress();
    if (conversation === before)
        return;
    if (!conversation && history.state?.isStep)
        history.back();
    else if (conversation && !before)
        history.pushState({ isStep: true }, '', format({ person, conversation }));
    else
        history.replaceState(history.state, '', format({ person, conversation }));
}

/** How one wants to be told of new messages: in this browser, for whoever uses it. */

const KEY = 'messagerie notifications';

/** @typedef {{isOn: boolean, hasSound: boolean}} Settings */

/** What has been chosen; before that, what the browser has been allowed.
 * @returns {Settings} */
export function readSettings() {
    let chosen;
    try {
        chosen = JSON.parse(localStorage.getItem(KEY));
    } catch {
        // There is no storage, or something else in it.
    }
    return {
        isOn: isAllowed() && chosen?.isOn !== false,
        hasSound: chosen?.hasSound === true,
    };
}

/** @param {Settings} settings */
export function writeSettings(settings) {
    try {
        localStorage.setItem(KEY, JSON.stringify(settings));
    } catch {
        // They last as long as the page then.
    }
}

/** Whether the browser shows notifications of ours. */
export function isAllowed() {
    return globalThis.Notification?.permission === 'granted';
}

/** Being connected is not being there: a page that has long been behind others says so. */

const AWAY_MS = 5 * 60 * 1000;

/** @param {import('../messenger.js').Messenger} messenger
 * @param {AbortSignal} signal until when */
export function watchPresence(messenger, signal) {
    let isAway = false;
    let timer;
    const set = (isNowAway) => {
        if (isNowAway === isAway)
            return;
        isAway = isNowAway;
        messenger.tellPresence(isAway ? 'away' : 'here');
    };
    const look = () => {
        clearTimeout(timer);
        if (document.hidden)
            timer = setTimeout(() => set(true), AWAY_MS);
        else
            set(false);
    };
    // To a new connection one is there.
    const tellAgain = ({ detail }) => {
        if (detail === 'connection' && isAway && messenger.connectionState === 'connected')
            messenger.tellPresence('away');
    };
    document.addEventListener('visibilitychange', look, { signal });
    messenger.addEventListener('change', tellAgain, { signal });
    signal.addEventListener('abort', () => clearTimeout(timer));
    look();
}

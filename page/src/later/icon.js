/** The number of unread messages where the browser shows the page's icon. */

/** @param {import('../messenger.js').Messenger} messenger
 * @param {AbortSignal} signal until when */
export function watchIcon(messenger, signal) {
    const link = document.querySelector('link[rel="icon"][data-unread]');
    const read = link?.href;
    const show = (total) => {
        if (link)
            link.href = total > 0 ? link.dataset.unread : read;
        const shown = total > 0 ? navigator.setAppBadge?.(total) : navigator.clearAppBadge?.();
        shown?.catch(() => {});
    };
    messenger.addEventListener('change', ({ detail }) => {
        if (detail === 'unread')
            show(messenger.totalUnread);
    }, { signal });
    signal.addEventListener('abort', () => show(0));
    show(messenger.totalUnread);
}

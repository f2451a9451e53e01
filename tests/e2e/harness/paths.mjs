// The addresses of the endpoints, each written once.

export const CONVERSATIONS = '/messaging/conversations';
export const PEOPLE = `${CONVERSATIONS}/people`;
export const UNREAD = `${CONVERSATIONS}/unread`;
export const UNREAD_TOTAL = `${UNREAD}/total`;

export const searchPath = (q, rest = {}) =>
    `/messaging/search?${new URLSearchParams({ q, ...rest })}`;

export const conversationPath = (id) => `${CONVERSATIONS}/${id}`;
export const messagesPath = (conversationId) => `${conversationPath(conversationId)}/messages`;
export const markReadPath = (conversationId) => `${conversationPath(conversationId)}/mark-read`;
export const archivePath = (conversationId) => `${conversationPath(conversationId)}/archive`;
export const messagePath = (id) => `/messaging/messages/${id}`;
export const readPath = (messageId) => `${messagePath(messageId)}/read`;

export const APPOINTMENTS = '/messaging/appointments';
export const appointmentPath = (id) => `${APPOINTMENTS}/${encodeURIComponent(id)}`;
export const userPath = (id) => `/messaging/users/${encodeURIComponent(id)}`;

export const PREFERENCES = '/notification-preferences';
export const MUTE = `${PREFERENCES}/mute`;
export const mutePath = (conversationId) => `${MUTE}/${conversationId}`;

// Well-formed, and of nothing that exists.
export const UNKNOWN_ID = '01890000-0000-7000-8000-000000000000';

/** The FastCGI programs. */
export const PROGRAMS = ['appointments', 'conversations', 'messages'];

function decodeIfPossible(path) {
    try {
        return decodeURI(path);
    } catch {
        return path;
    }
}

/** Which program answers a path, as the web servers' configurations decide it. */
export function programOf(path) {
    const route = decodeIfPossible(path.split('?')[0]);
    if (/^\/messaging\/(appointments|users)(\/|$)/.test(route))
        return 'appointments';
    return /^\/messaging\/(messages|conversations\/.+\/messages\/?$)/.test(route)
        ? 'messages' : 'conversations';
}

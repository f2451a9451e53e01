/**
 * One person's messaging: what is known, kept up to date by the socket, by REST where there is no
 * socket, and by what the person does. Views read it and are told by `change` events what changed.
 */

import { Api } from './api.js';
import { Connection } from './connection.js';
import { Credentials, NoToken, readClaims } from './credentials.js';
import { Keep } from './keep.js';
import { List } from './list.js';
import { dayOf } from './model/days.js';
import { Presence } from './presence.js';
import { Room } from './room.js';
import { Sending } from './sending.js';
import { Session } from './session.js';
import { texts } from './texts.js';
import { Threads } from './threads.js';
import { Typing } from './typing.js';

/** More than that nobody prints, or goes back. */
const ALL_MESSAGES_MAX = 10000;
/** The socket waits for what one sees first: a thread, if one opens it at once. */
const SOCKET_DELAY_MS = 400;
const SOCKET_DELAY_MAX_MS = 2000;
/** Of those with whom one may open a conversation. */
const PEOPLE_PER_PAGE = 100;
const PEOPLE_PAGES_MAX = 50;
/** Without a socket (broken, or a host that cannot run the broker) REST is asked this often … */
const POLL_MS = 5000;
/** … and this often while nobody sees it, for the number of unread messages. */
const UNSEEN_POLL_MS = 20000;

/** @typedef {{type: 'message'|'conversation', conversationId: string, messageId?: string, senderId?: string,
 *   other: object, createdAt: string, excerpt: string, highlights: {start: number, end: number}[]}} Hit */
/** @typedef {'list'|'thread'|'open'|'presence'|'typing'|'connection'|'unread'|'notice'} Topic */

export class Messenger extends EventTarget {
    userId = '';
    isSalon = false;
    /** Whether one may open conversations, as far as that is known. */
    mayOpen = false;
    /** @type {List} */
    list;
    totalUnread = 0;
    openId = '';
    /** A sentence for the person, until it is dismissed. */
    notice = '';
    /** What one has written and the server does not have yet. @type {Keep} */
    keep;
    /** @type {Session} */
    session;
    presence = new Presence(() => this.#changed('presence'));
    typing = new Typing({
        tell: (event, conversationId) => this.#connection.tell(event, { conversationId }),
        onChange: () => this.#changed('typing'),
    });

    #threads;
    #hasConnected = false;
    #credentials;
    #api;
    #connection;
    #room;
    #sending;
    #server;
    #where;
    #isErased = false;
    #isClosed = false;
    /** What is seen: the messaging, the frame of the open conversation, and its end, where new messages
     * come. */
    #sight = { whole: false, frame: false, end: false };
    /** Messages of the open conversation have been shown since it was opened. */
    #isShown = false;
    /** What comes in the open conversation is being seen, and read. */
    #isReading = false;
    #firstList;
    #pollTimer;
    #socketTimer;
    #isSettled = false;
    #hasShown = false;
    #polledAt = 0;
    #isPolling = false;
    /** Whether REST has answered the last time. */
    #isServed = false;
    #isTotalKnown = false;
    /** The day and the time zone, as they were looked at last. */
    #clock = '';
    #onVisibility = () => this.#visibilityChanged();
    #onOnline = () => this.#hurry();

    /**
     * @param {string} server origin
     * @param {{token?: string, getToken?: () => Promise<string>|string}} source
     * @param {import('./keep.js').Where} where what has not been sent yet is kept
     */
    constructor(server, source, where) {
        super();
        this.#server = server;
        this.#where = where;
        this.#credentials = new Credentials(source, (token) =>
            this.dispatchEvent(new CustomEvent('other-person', { detail: token })));
        this.session = new Session(this.#credentials, () => this.#sessionChanged());
        this.#api = new Api(server, this.#credentials, (isServed) => this.#answered(isServed));
        this.#threads = new Threads(this.#api);
        this.list = new List(this.#api, {
            onChange: () => this.#changed('list'),
            onDue: () => this.refreshList(),
        });
        this.#connection = new Connection(server, this.#credentials, {
            onState: () => this.#changed('connection'),
            onConnect: (recovered) => this.#connected(recovered),
            onNoToken: () => this.session.lost(),
            onErased: () => this.#erased(),
            mayRecover: () => this.#room.mayRecover,
            events: this.#events(),
        });
        this.#room = new Room(this.#connection);
        this.#sending = new Sending({
            threads: this.#threads, api: this.#api, connection: this.#connection,
            session: this.session,
            onChange: () => this.#changed('thread'),
            onSent: (message) => {
                this.list.conversations.showMessage(message);
                this.#changed('list');
            },
        });
    }

    /** Finds out who one is, as soon as something gives a token.
     * @returns {Promise<boolean>} false when it was closed meanwhile */
    async identify() {
        let claims;
        while (!claims && !this.#isClosed) {
            await this.session.whenLive();
            claims = await this.#credentials.token().then(readClaims, (error) => {
                this.session.lost(error instanceof NoToken ? undefined : texts.unreachable);
            });
        }
        if (this.#isClosed)
            return false;
        this.userId = claims.userId;
        this.#credentials.userId = claims.userId;
        this.isSalon = claims.role !== 'client';
        this.mayOpen = this.isSalon;
        this.list.filter = this.isSalon ? 'ACTIVE' : undefined;
        this.keep = new Keep(this.#where, this.#server, this.userId);
        return true;
    }

    /** Whether this is that person's messaging on that server, and can go on.
     * @param {string} server
     * @param {string} [userId] unknown: it may be */
    isOf(server, userId) {
        return server === this.#server &&
            (!userId || !this.userId || userId === this.userId);
    }

    /** Where tokens come from, from now on.
     * @param {{token?: string, getToken?: () => Promise<string>|string}} source */
    use(source) {
        if (this.#credentials.use(source))
            this.session.resume();
        else
            this.session.retry();
    }

    /** @param {import('./keep.js').Where} where */
    keepIn(where) {
        this.#where = where;
        this.keep?.move(where);
    }

    /** The person leaves: nothing of theirs stays in the browser. */
    logOut() {
        this.keep?.erase();
        this.close();
    }

    start() {
        this.#sending.start(this.keep);
        document.addEventListener('visibilitychange', this.#onVisibility);
        window.addEventListener('online', this.#onOnline);
        this.#pollTimer = setInterval(() => this.#poll(), POLL_MS);
        this.#firstList = this.refreshList();
        // What one sees comes first.
        this.#openSocketIn(SOCKET_DELAY_MAX_MS);
        this.#firstList.then(() => this.openId || this.#openSocketIn(SOCKET_DELAY_MS));
    }

    close() {
        this.#isClosed = true;
        document.removeEventListener('visibilitychange', this.#onVisibility);
        window.removeEventListener('online', this.#onOnline);
        clearInterval(this.#pollTimer);
        clearTimeout(this.#socketTimer);
        this.list.close();
        this.typing.close();
        this.#sending.close();
        this.#connection.close();
        this.#credentials.close();
        this.session.close();
        this.keep?.close();
    }

    /** Without a socket, the service may still be there: a host that runs no broker.
     * @returns {import('./connection.js').ConnectionState|'polling'} */
    get connectionState() {
        if (this.session.ending)
            return 'offline';
        const { state } = this.#connection;
        return state === 'offline' && this.#isServed ? 'polling' : state;
    }

    get openThread() {
        return this.openId ? this.#threads.get(this.openId) : undefined;
    }

    get openConversation() {
        return this.list.conversations.get(this.openId);
    }

    /* ---- what the person does ------------------------------------------------------------- */

    /** Shows a conversation, or none.
     * @param {string} id */
    open(id) {
        if (id === this.openId)
            return;
        this.#stopReading();
        this.list.opened(id);
        this.openId = id;
        this.#isShown = false;
        this.openThread?.forgetNew();
        this.#changed('open');
        this.#readIfSeen();
    }

    /** What can be seen of the open conversation.
     * @param {{whole: boolean, frame: boolean, end: boolean}} sight */
    setSight(sight) {
        const isNew = sight.whole && !this.#sight.whole;
        this.#sight = sight;
        this.#readIfSeen();
        if (isNew && this.list.isLoaded && !this.#connection.isConnected)
            this.#poll();
    }

    /** How many messages have come in the open conversation while nobody saw its end. */
    get unseenCount() {
        return this.#isReading ? 0 : this.openConversation?.unreadCount ?? 0;
    }

    /** Finds out whether a client may open conversations, as their salons' host has it. */
    async askMayOpen() {
        const { data = [], hasMore } = await this.#api.listPeople({ limit: 1 }).catch(() => ({}));
        this.mayOpen = data.length > 0 || Boolean(hasMore);
        this.#changed('list');
    }

    /** Those with whom one may open a conversation, page by page. */
    async* people() {
        let after;
        for (let page = 0; page < PEOPLE_PAGES_MAX && (page === 0 || after); page++) {
            const { data, nextCursor } = await this.#asking(
                this.#api.listPeople({ limit: PEOPLE_PER_PAGE, after }));
            yield data;
            after = nextCursor;
        }
    }

    /** Opens a new conversation; not yet here.
     * @param {string} personId
     * @param {string} subject
     * @returns {Promise<string>} its id; an error with a sentence for the person */
    async begin(personId, subject) {
        const conversation = await this.#asking(this.#api.createConversation({
            [this.isSalon ? 'clientUserId' : 'salonId']: personId, ...(subject && { subject }),
        }));
        this.#putConversation(conversation);
        return conversation.id;
    }

    /** @param {string} content */
    send(content) {
        this.openThread.forgetNew();
        this.typing.sent();
        this.#sending.send(this.openId, content);
    }

    /** @param {string} clientMessageId */
    retry(clientMessageId) {
        this.#sending.retry(this.openId, clientMessageId);
    }

    /** @param {string} clientMessageId */
    discard(clientMessageId) {
        this.#sending.discard(this.openId, clientMessageId);
    }

    /** @param {string} messageId */
    async deleteMessage(messageId) {
        const id = this.openId;
        await this.#try(async () => {
            await this.#api.deleteMessage(messageId);
            this.#messageDeleted({ conversationId: id, messageId });
            this.list.refreshSoon();
        });
    }

    /** @param {'ACTIVE'|'ARCHIVED'} status */
    async setStatus(status) {
        const id = this.openId;
        await this.#try(async () => this.#putConversation(await this.#api.setStatus(id, status)));
    }

    /** @param {'ACTIVE'|'ARCHIVED'|'UNREAD'|undefined} filter */
    async setFilter(filter) {
        if (filter === this.list.filter)
            return;
        this.list.choose(filter);
        await this.refreshList();
    }

    async loadMoreConversations() {
        this.list.extend();
        await this.refreshList();
    }

    /** The page before the oldest message that is shown. */
    async loadOlder() {
        const id = this.openId;
        await this.#try(async () => {
            if (await this.#threads.loadOlder(id))
                this.#changed('thread');
        });
    }

    /** All messages before, as for paper. */
    async loadAll() {
        const { openThread } = this;
        for (let last; openThread.cursor && openThread.cursor !== last && openThread === this.openThread
            && openThread.messages.length < ALL_MESSAGES_MAX;) {
            last = openThread.cursor;
            await this.loadOlder();
        }
    }

    /** @param {string} q
     * @param {number} page
     * @returns {Promise<{data: Hit[], hasMore: boolean, isComplete: boolean}>} */
    search(q, page) {
        return this.#asking(this.#api.search({ q, page }));
    }

    /** Reads the open conversation back to a message; false when it is not there, or too far.
     * @param {string} messageId */
    async loadTo(messageId) {
        const { openId, openThread } = this;
        const isThere = () => openThread.messages.some(({ id }) => id === messageId);
        await this.#try(async () => {
            if (!openThread.isLoaded)
                await this.#threads.loadNewest(openId);
            while (openThread === this.openThread && !isThere()
                && openThread.messages.length < ALL_MESSAGES_MAX && await this.#threads.loadOlder(openId))
                continue;
        });
        this.#showsThread(openId);
        return openThread === this.openThread && isThere();
    }

    /** Whether one is there, although connected.
     * @param {'here'|'away'} state */
    tellPresence(state) {
        this.#connection.tell('presence', { state });
    }

    /** The newest conversations of any status, as they are now.
     * @param {number} limit
     * @returns {Promise<import('./model/conversations.js').Conversation[]>} none when there is no answer */
    async readNewest(limit) {
        return this.#api.listConversations({ limit }).then(({ data }) => data, () => []);
    }

    /** Says something to the person; nothing takes it back.
     * @param {string} sentence */
    tell(sentence) {
        this.notice = sentence;
        this.#changed('notice');
    }

    /* ---- reading --------------------------------------------------------------------------- */

    /** What nobody sees is not read: to ask for messages, or to be in their room, is to read them.
     * What has just been opened is in sight with its frame; from then on, what comes is with its end. */
    #readIfSeen() {
        const isSeen = Boolean(this.openId) && (this.#isShown ? this.#sight.end : this.#sight.frame);
        if (isSeen === this.#isReading)
            return;
        if (isSeen)
            this.#startReading();
        else
            this.#stopReading();
    }

    async #startReading() {
        const id = this.openId;
        this.#isReading = true;
        // How much of it is new is in the list, until it is read.
        const isCurrent = this.#connection.isConnected || !this.list.isLoaded;
        await (isCurrent ? this.#firstList : this.refreshList());
        if (!this.#isReadingOf(id))
            return;
        this.openThread.expectNew(this.openConversation?.unreadCount ?? 0, this.userId);
        this.#room.enter(id);
        if (!this.#connection.isConnected || !this.openThread.isLoaded || !this.openConversation)
            await this.#loadOpen();
    }

    #stopReading() {
        this.#isReading = false;
        this.typing.sent();
        this.#room.leave();
    }

    #isReadingOf(id) {
        return this.#isReading && id === this.openId;
    }

    /** Messages of a conversation are there to be drawn. */
    #showsThread(id) {
        this.list.conversations.change(id, { unreadCount: 0 });
        this.#isShown ||= this.#isReadingOf(id);
        this.#changed('thread');
        this.#changed('list');
        this.#readIfSeen();
        this.#openSocket();
        if (!this.#hasShown)
            this.dispatchEvent(new Event('shown'));
        this.#hasShown = true;
    }

    async #loadOpen() {
        const id = this.openId;
        await Promise.all([this.#loadNewest(id), this.openConversation || this.#readOpen(id)]);
    }

    /** What the list does not hold; what is not there, or not the person's, is closed again. */
    async #readOpen(id) {
        try {
            this.#putConversation(await this.#api.readConversation(id));
            this.#changed('open');
        } catch (error) {
            if (!error.isTemporary && id === this.openId)
                this.open('');
        }
    }

    /** The list, as far as it is shown, and the total. */
    async refreshList() {
        await this.#try(() => this.list.refresh());
        await this.#try(() => this.#readTotal());
    }

    /** The socket tells it by itself, and then knows better. */
    async #readTotal() {
        if (this.#connection.isConnected)
            return;
        const total = await this.#api.unreadTotal();
        if (!this.#connection.isConnected)
            this.#totalTold(total);
    }

    async #loadNewest(id) {
        await this.#try(async () => {
            await this.#threads.loadNewest(id);
            this.#showsThread(id);
            await this.#readTotal();
        });
    }

    /** For whoever shows errors where they come up. */
    #asking(answer) {
        return answer.catch((error) => {
            if (error.status === 401)
                this.session.lost();
            throw error;
        });
    }

    async #try(action) {
        if (this.session.ending)
            return;
        try {
            await action();
            this.session.accepted();
        } catch (error) {
            // No answer at all shows as the state of the connection, and mends itself.
            if (error.status === 401)
                this.session.lost();
            else if (!error.isTemporary)
                this.tell(error.message);
        }
    }

    async #poll() {
        this.#watchClock();
        if (this.session.ending || this.#isPolling)
            return;
        if (this.#connection.isConnected) {
            this.#catchUp();
            return;
        }
        const isSeen = this.#sight.whole && !document.hidden;
        if (!isSeen && Date.now() - this.#polledAt < UNSEEN_POLL_MS)
            return;
        this.#polledAt = Date.now();
        this.#isPolling = true;
        await (isSeen ? this.#readAll() : this.#try(() => this.#readTotal()));
        this.#isPolling = false;
    }

    async #readAll() {
        await Promise.all([this.refreshList(), this.#isReading && this.#loadNewest(this.openId)]);
    }

    /** With a socket, what has failed is tried again. */
    #catchUp() {
        if (!this.#isReading)
            return;
        if (!this.#room.isIn(this.openId))
            this.#room.enter(this.openId);
        if (!this.openThread.isLoaded)
            this.#loadOpen();
    }

    /* ---- the socket ------------------------------------------------------------------------ */

    #openSocketIn(ms) {
        clearTimeout(this.#socketTimer);
        this.#socketTimer = setTimeout(() => this.#openSocket(), ms);
    }

    /** Once; it opens itself again. */
    #openSocket() {
        clearTimeout(this.#socketTimer);
        if (this.#isSettled || this.#isClosed)
            return;
        this.#isSettled = true;
        this.#connection.open();
    }

    #events() {
        return {
            'new-message': (message) => this.#newMessage(message),
            'message-read': ({ messageId, readAt }) => this.#messageRead(messageId, readAt),
            'message-deleted': (event) => this.#messageDeleted(event),
            'conversation-history': (event) => this.#history(event),
            'unread-count-updated': ({ totalUnread }) => this.#totalTold(totalUnread),
            'conversation-unread-updated': ({ conversationId, unreadCount }) => {
                this.list.conversations.change(conversationId, { unreadCount });
                this.#changed('list');
                // More may have come since it was read elsewhere.
                this.list.refreshSoon();
            },
            'conversation-created': (conversation) => this.#putConversation(conversation),
            'conversation-updated': (conversation) => this.#putConversation(conversation),
            'conversation-deleted': ({ conversationId }) => this.#conversationDeleted(conversationId),
            'user-online': ({ userId }) => this.presence.online(userId),
            'user-offline': ({ userId }) => {
                this.presence.offline(userId);
                this.typing.gone(userId);
            },
            'user-typing': (event) => event.userId !== this.userId && this.typing.started(event),
            'user-stopped-typing': ({ conversationId, userId }) =>
                this.typing.stopped(conversationId, userId),
            'user-left': ({ conversationId, userId }) => this.typing.stopped(conversationId, userId),
        };
    }

    /** What was missed has come by itself after a recovery; otherwise it is read. */
    async #connected(recovered) {
        this.presence.reset();
        this.typing.reset();
        this.#sending.hurry();
        this.#room.connected(recovered);
        if (recovered && (!this.#isReading || this.#room.isIn(this.openId)))
            return;
        // The first time everything has only just been read, or is about to be.
        if (this.#hasConnected)
            await this.refreshList();
        this.#hasConnected = true;
        if (this.#isReading)
            await this.#startReading();
    }

    /** Days pass and travellers arrive while the page is open. */
    #watchClock() {
        const now = new Date();
        const clock = `${dayOf(now)} ${now.getTimezoneOffset()}`;
        if (clock === this.#clock)
            return;
        this.#clock = clock;
        this.#changed('list');
        this.#changed('thread');
    }

    #visibilityChanged() {
        this.#watchClock();
        if (document.hidden) {
            this.typing.stop();
            return;
        }
        this.#hurry();
        this.refreshList();
    }

    #hurry() {
        this.#sending.hurry();
        if (this.#connection.isConnected)
            this.#connection.check();
        else
            this.#connection.hurry();
    }

    #answered(isServed) {
        if (isServed === this.#isServed)
            return;
        this.#isServed = isServed;
        this.#changed('connection');
    }

    #newMessage(message) {
        this.#threads.get(message.conversationId).append(message);
        this.typing.stopped(message.conversationId, message.sender.id);
        if (!this.list.conversations.showMessage(message))
            this.list.refreshSoon();
        this.#changed('thread');
        this.#changed('list');
    }

    #messageRead(messageId, readAt) {
        this.#threads.markRead(messageId, readAt);
        this.#changed('thread');
    }

    #messageDeleted({ conversationId, messageId }) {
        this.#threads.get(conversationId).remove(messageId);
        this.#changed('thread');
    }

    /** The last messages, exactly as of the moment of joining. */
    #history({ conversationId, messages }) {
        if (!this.#threads.get(conversationId).showHistory(messages))
            this.#loadNewest(conversationId);
        this.#showsThread(conversationId);
    }

    /** More unread than before: a message came in a conversation that is not open. */
    #totalTold(total) {
        if (total > this.totalUnread && this.#isTotalKnown)
            this.list.refreshSoon();
        this.#isTotalKnown = true;
        this.totalUnread = total;
        this.#changed('unread');
    }

    #putConversation(conversation) {
        this.list.conversations.put(conversation);
        this.#changed('list');
    }

    #conversationDeleted(id) {
        this.list.conversations.remove(id);
        this.#threads.remove(id);
        this.#room.forget(id);
        if (id === this.openId)
            this.open('');
        this.#changed('list');
    }

    /* ---- telling --------------------------------------------------------------------------- */

    /** Without a token nothing new comes; with one again, everything that was missed. */
    #sessionChanged() {
        const { ending } = this.session;
        this.tell(ending);
        this.#changed('connection');
        this.#changed('list');
        if (ending) {
            // What the site has thrown, it knows.
            if (ending !== texts.unreachable && !this.#isErased)
                this.dispatchEvent(new Event('token-needed'));
            return;
        }
        this.#hurry();
        this.refreshList();
    }

    /** A token that is still valid would open the door again, to somebody without a name. */
    #erased() {
        this.#isErased = true;
        this.session.finish(texts.erased);
        this.logOut();
    }

    /** @param {Topic} topic */
    #changed(topic) {
        this.dispatchEvent(new CustomEvent('change', { detail: topic }));
    }
}

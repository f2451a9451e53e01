/** One line of the thread: a message, a day, or where what is new begins. */

import { element, icon, spoken } from '../dom.js';
import { isWebAddress, splitLinks } from '../model/links.js';
import { isShowablePicture, splitQuote, withoutDirections } from '../model/text.js';
import { texts } from '../texts.js';

/**
 * @typedef {object} MessageContext
 * @property {string[]} origins
 * @property {(item: object) => string} nameOf the sender's name
 * @property {(text: string) => void} onReply
 * @property {(text: string) => void} onCopy
 * @property {(messageId: string) => void} onDelete
 * @property {(clientMessageId: string) => void} onRetry
 * @property {(clientMessageId: string) => void} onDiscard
 */

/** What the node of a message shows. @type {WeakMap<HTMLElement, import('../model/items.js').Item>} */
const shown = new WeakMap();

/** @param {import('../model/items.js').Item} item
 * @param {MessageContext} context */
export function makeLine(item, context) {
    if (item.kind === 'day')
        return element('li', { class: 'day' },
            element('time', { datetime: item.day, text: item.label }));
    if (item.kind === 'new')
        return element('li', { class: 'new', text: texts.newBegin });
    const node = element('li', {}, bubble(item, context), ...actions(item, context));
    mark(node, item);
    return node;
}

/** Changes as little as possible: a screen reader reads out what is new in the log.
 * @param {HTMLElement} node
 * @param {import('../model/items.js').Item} item
 * @param {import('../model/items.js').Item} before
 * @param {MessageContext} context */
export function updateLine(node, item, before, context) {
    if (item.kind === 'day') {
        node.firstChild.textContent = item.label;
        return;
    }
    mark(node, item);
    if (before.message === item.message && before.state === item.state &&
        before.reason === item.reason && before.time === item.time)
        return;
    const isSaidAlready = before.message.content === item.message.content &&
        before.message.attachments.length === item.message.attachments.length;
    const [said, ...buttons] = node.children;
    if (isSaidAlready)
        said.querySelector('.foot').replaceChildren(...footParts(item));
    else
        said.replaceWith(bubble(item, context));
    // Where it was sent or read meanwhile, a button keeps the keyboard.
    if (before.message.id === item.message.id && before.state !== 'failed' && item.state !== 'failed')
        return;
    buttons.forEach((button) => button.remove());
    node.append(...actions(item, context));
}

/** Adds the buttons that one comes to by pointing, or by arrows: a thread with all of them would be slow.
 * @param {HTMLElement} node of a message
 * @param {MessageContext} context */
export function equip(node, context) {
    const { message, side, state } = shown.get(node);
    if (node.querySelector('.reply') || !message.content || !message.id || side === 'system' ||
        state === 'failed')
        return;
    if (side !== 'own')
        node.append(...toolbar([]));
    const tools = node.querySelector('.tools');
    tools.prepend(tool('reply', texts.reply, () => context.onReply(message.content)),
        tool('copy', texts.copy, () => context.onCopy(message.content)));
    tools.dataset.count = tools.children.length;
}

function mark(node, item) {
    const { message, side, state, isFirst, isLast } = item;
    shown.set(node, item);
    node.className = `message ${side}`;
    node.dataset.id = message.id;
    node.dataset.state = state;
    node.toggleAttribute('data-first', isFirst);
    node.toggleAttribute('data-last', isLast);
}

function bubble(item, context) {
    const { message, side } = item;
    return element('div', { class: 'bubble' },
        side === 'system' && icon('calendar'),
        spoken(side === 'own' ? texts.saidByYou
            : side === 'system' ? texts.saidBySystem : texts.saidBy(context.nameOf(item))),
        message.content && textBlock(message.content.trim()),
        ...attachments(message.attachments, context),
        element('span', { class: 'foot', 'aria-live': 'off' }, ...footParts(item)));
}

function textBlock(text) {
    const { quote, rest } = splitQuote(text);
    const block = element('p', { class: 'text', dir: 'auto' });
    if (quote)
        block.append(element('span', { class: 'quote', dir: 'auto' },
            spoken(texts.quote), ...withLinks(quote)));
    block.append(...withLinks(rest));
    return block;
}

function withLinks(text) {
    return splitLinks(text).map((part) => (part.url ? link(part.url, part.text) : part.text));
}

/** Mail and telephone open something else than a tab. */
function link(url, text) {
    return element('a', {
        href: url, target: isWebAddress(url) && '_blank', rel: 'noopener noreferrer nofollow', text,
    });
}

function attachments(all, { origins }) {
    const isPicture = ({ fileUrl }) => isShowablePicture(fileUrl, origins);
    const pictures = all.filter(isPicture).map(picture);
    return [
        pictures.length > 0 && element('div', { class: 'pictures', 'data-many': pictures.length > 1 },
            ...pictures),
        ...all.filter((one) => !isPicture(one)).map(file),
    ];
}

/** A name may say anything: where it leads stands beside it. */
function file({ fileName, fileUrl }) {
    const name = withoutDirections(fileName);
    const isHonest = isWebAddress(fileUrl) && !splitLinks(name).some(({ url }) => url);
    return element('p', { class: 'file' },
        ...isHonest ? [link(fileUrl, name), ` (${new URL(fileUrl).host})`] : [name]);
}

/** As it is, only smaller: how large it is shows when it has come. */
function picture({ fileName, fileUrl }) {
    const node = element('a', {
        class: 'picture', href: fileUrl, target: '_blank', rel: 'noopener noreferrer nofollow',
        'data-state': 'loading',
    }, element('img', {
        src: fileUrl, alt: texts.picture(withoutDirections(fileName)), loading: 'lazy', decoding: 'async',
        referrerpolicy: 'no-referrer',
        onload: () => { node.dataset.state = 'loaded'; },
        onerror: () => {
            node.dataset.state = 'failed';
            node.replaceChildren(icon('picture'), element('span', {},
                element('bdi', { text: withoutDirections(fileName) }),
                element('small', { text: texts.pictureFailed })));
        },
    }));
    return node;
}

function footParts({ message, side, state, time }) {
    return [
        element('time', { datetime: message.createdAt, text: time }),
        side === 'own' && element('span', { class: 'state', title: texts.states[state] },
            icon(state), spoken(`, ${texts.states[state]}`)),
    ].filter(Boolean);
}

function actions(item, context) {
    const { id, clientMessageId } = item.message;
    if (item.state === 'failed')
        return [element('div', { class: 'failure' },
            element('span', { text: item.reason ?? texts.states.failed }),
            action(texts.retry, () => context.onRetry(clientMessageId)),
            action(texts.discard, () => context.onDiscard(clientMessageId)))];
    return item.side === 'own' && id
        ? toolbar([tool('delete', texts.deleteMessage, () => context.onDelete(id))]) : [];
}

/** A screen reader that reads out a new message is not to name its buttons. */
function toolbar(tools) {
    return [element('div', { class: 'actions', 'aria-live': 'off' },
        element('div', {
            class: 'tools', role: 'toolbar', 'aria-label': texts.actions, 'data-count': tools.length,
        }, ...tools))];
}

function tool(name, label, onclick) {
    return element('button', {
        type: 'button', class: name, 'aria-label': label, title: label, onclick, tabindex: '-1',
    }, icon(name));
}

function action(text, onclick) {
    return element('button', { type: 'button', class: 'link', text, onclick });
}

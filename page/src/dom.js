/** The few things that a page without a framework wants of the document. */

/**
 * Makes an element. Attributes as they are; `text` is its text, `on…` a listener; undefined, null
 * and false are left out. Nothing is ever parsed as HTML.
 *
 * @param {string} name
 * @param {Record<string, any>} [properties]
 * @param {...(Node|string|undefined|false)} children
 * @returns {HTMLElement}
 */
export function element(name, properties = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
        if (value === undefined || value === null || value === false)
            continue;
        if (key === 'text')
            node.textContent = value;
        else if (key.startsWith('on'))
            node.addEventListener(key.slice(2), value);
        else
            node.setAttribute(key, value === true ? '' : value);
    }
    node.append(...children.filter(Boolean));
    return node;
}

/** Sets or removes attributes.
 * @param {Element} node
 * @param {Record<string, any>} attributes */
export function setAttributes(node, attributes) {
    for (const [name, value] of Object.entries(attributes)) {
        if (value === undefined || value === null || value === false)
            node.removeAttribute(name);
        else
            node.setAttribute(name, value === true ? '' : String(value));
    }
}

/** A text that screen readers alone say.
 * @param {string} text */
export function spoken(text) {
    return element('span', { class: 'spoken', text });
}

// On a grid of 24 units.
const paths = {
    send: 'M3.4 20.4 21 12 3.4 3.6 3.4 10l11 2-11 2z',
    back: 'M15 5l-7 7 7 7',
    archive: 'M4 4h16v4H4zM6 8v12h12V8M10 12h4',
    restore: 'M4 9h10a6 6 0 0 1 0 12H8M4 9l5-5M4 9l5 5',
    reply: 'M10 5l-6 6 6 6M4 11h9a7 7 0 0 1 7 7v1',
    copy: 'M9 9h11v11H9zM15 9V4H4v11h5',
    picture: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.5',
    delete: 'M4 7h16M10 11v6M14 11v6M6 7l1 13h10l1-13M9 7V4h6v3',
    sending: 'M12 7v5l3 2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z',
    sent: 'M5 13l4 4L19 7',
    read: 'M1.5 12.5l4.5 4.5L15 7.5M11.5 16.5l.5.5 9.5-9.5',
    failed: 'M12 7v6M12 16.5v.5M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z',
    down: 'M12 5v14M6 13l6 6 6-6',
    calendar: 'M4 6h16v14H4zM4 10h16M8 3v4M16 3v4',
    add: 'M12 5v14M5 12h14',
    chat: 'M4 5h16v11H9l-5 4z',
    bell: 'M6 17v-6a6 6 0 0 1 12 0v6l1.5 2h-15zM10.5 22h3',
    leave: 'M14 8V4H4v16h10v-4M9 12h12M17 8l4 4-4 4',
    close: 'M6 6l12 12M18 6L6 18',
    more: 'M12 7a1.6 1.6 0 1 0 0-3.2A1.6 1.6 0 0 0 12 7zM12 13.6a1.6 1.6 0 1 0 0-3.2 1.6 1.6 0 0 0 0 3.2z' +
        'M12 20.2a1.6 1.6 0 1 0 0-3.2 1.6 1.6 0 0 0 0 3.2z',
};
const filled = new Set(['send', 'more']);
const SVG = 'http://www.w3.org/2000/svg';

/** A decoration: what it means stands beside it, or in the label of its button.
 * @param {keyof typeof paths} name or a path of one's own */
export function icon(name) {
    const svg = document.createElementNS(SVG, 'svg');
    setAttributes(svg, {
        viewBox: '0 0 24 24', class: filled.has(name) ? 'icon filled' : 'icon', 'aria-hidden': 'true',
    });
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', paths[name] ?? name);
    svg.append(path);
    return svg;
}

/** What reconcile has put where. */
const drawn = new WeakMap();

/**
 * Makes the children of `parent` those of `items`, in their order, with as few changes as possible:
 * nodes are kept by key, and drawn anew only where `isSame` says no.
 *
 * @template Item
 * @param {HTMLElement} parent
 * @param {Item[]} items
 * @param {{key: (item: Item) => string, isSame: (a: Item, b: Item) => boolean,
 *          make: (item: Item) => HTMLElement,
 *          update: (node: HTMLElement, item: Item, before: Item) => void}} how
 */
export function reconcile(parent, items, how) {
    const old = drawn.get(parent) ?? new Map();
    const keys = new Set(items.map(how.key));
    for (const [key, { node }] of old)
        if (!keys.has(key))
            node.remove();
    const current = new Map();
    let place = parent.firstChild;
    for (const item of items) {
        const entry = old.get(how.key(item)) ?? { node: how.make(item), item };
        if (!how.isSame(entry.item, item))
            how.update(entry.node, item, entry.item);
        entry.item = item;
        current.set(how.key(item), entry);
        if (place === entry.node)
            place = place.nextSibling;
        else
            parent.insertBefore(entry.node, place);
    }
    drawn.set(parent, current);
}

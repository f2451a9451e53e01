/**
 * Whether somebody can see parts of the messaging, asked in one place. The page must be in front,
 * the part in sight (not scrolled, moved or cut off away), and nothing transparent or covered.
 *
 * The browser tells where parts are (IntersectionObserver); it tells nobody when they become
 * transparent, invisible or covered. So what is in its place is looked at now and then.
 */

const LOOK_MS = 400;
/** What is not in the window at all tells when it comes into it, but for what was shrunk to nothing. */
const LOOK_AFAR_MS = 1200;
/** Less than this, in either direction, shows nothing that one could read. */
const LEAST_PIXELS = 8;
const LEAST_OPACITY = 0.1;
const OPAQUE = 0.9;
const STEPS = Array.from({ length: 21 }, (_, step) => step / 20);
const REPLACED = 'img, video, canvas, iframe, embed, object';

export class Sight {
    #parts;
    /** Those that are in their place. */
    #inPlace = new Set();
    /** Those that are in the window, if only with an edge: what is turned or shrunk to nothing does not
     * tell, neither then nor when it grows, and is asked. */
    #near = new Set();
    #seen = new Set();
    #onChange;
    #timer;
    #observer = new IntersectionObserver((entries) => this.#moved(entries), { threshold: STEPS });
    #onVisibility = () => this.#look();

    /**
     * @param {Element[]} parts
     * @param {() => void} onChange isSeen says something else for one of them
     */
    constructor(parts, onChange) {
        this.#parts = parts;
        this.#onChange = onChange;
        parts.forEach((part) => this.#observer.observe(part));
        document.addEventListener('visibilitychange', this.#onVisibility);
    }

    close() {
        this.#observer.disconnect();
        clearTimeout(this.#timer);
        document.removeEventListener('visibilitychange', this.#onVisibility);
    }

    /** @param {Element} part */
    isSeen(part) {
        return this.#seen.has(part);
    }

    #moved(entries) {
        for (const { target, boundingClientRect: whole, intersectionRect: shown, isIntersecting }
            of entries) {
            put(this.#near, target, isIntersecting);
            put(this.#inPlace, target, isMost(shown.height, whole.height, innerHeight)
                && isMost(shown.width, whole.width, innerWidth));
        }
        this.#look();
    }

    #ask() {
        this.#timer = undefined;
        for (const part of this.#parts) {
            this.#observer.unobserve(part);
            this.#observer.observe(part);
        }
        this.#look(isShown);
    }

    /** @param {(part: Element) => boolean} [isStillShown] of what has been seen: by the clock alone */
    #look(isStillShown = () => true) {
        const seen = new Set(document.hidden ? [] : [...this.#inPlace].filter((part) =>
            (this.isSeen(part) ? isStillShown : isShown)(part)));
        const hasChanged = seen.size !== this.#seen.size || [...seen].some((part) => !this.isSeen(part));
        this.#seen = seen;
        this.#lookOn();
        if (hasChanged)
            this.#onChange();
    }

    #lookOn() {
        if (document.hidden) {
            clearTimeout(this.#timer);
            this.#timer = undefined;
        } else {
            this.#timer ??= setTimeout(() => this.#ask(),
                this.#near.size > 0 ? LOOK_MS : LOOK_AFAR_MS);
        }
    }
}

function put(set, member, isIn) {
    if (isIn)
        set.add(member);
    else
        set.delete(member);
}

/** Half of it, or of the window where that is smaller. */
function isMost(shown, whole, window) {
    return shown >= Math.max(LEAST_PIXELS, Math.min(whole, window) / 2);
}

/** Whether what is in its place is to be seen there.
 * @param {Element} part */
function isShown(part) {
    return (part.checkVisibility?.({ visibilityProperty: true, contentVisibilityAuto: true }) ?? true)
        && !isTransparent(part) && !isCovered(part);
}

/** The element around, out of shadow roots and slots, too. */
function around(node) {
    return node.assignedSlot ?? node.parentElement ?? node.getRootNode().host;
}

function isTransparent(part) {
    let opacity = 1;
    for (let node = part; node; node = around(node)) {
        const { opacity: own, filter } = getComputedStyle(node);
        opacity *= own * (/opacity\(([\d.]+)/.exec(filter)?.[1] ?? 1);
    }
    return opacity < LEAST_OPACITY;
}

/** Whether something opaque of the page lies over it, as far as the page can be asked. */
function isCovered(part) {
    const { left, right, top, bottom } = part.getBoundingClientRect();
    const [start, end] = [Math.max(left, 0), Math.min(right, innerWidth)];
    const y = (Math.max(top, 0) + Math.min(bottom, innerHeight)) / 2;
    return [1, 3, 5].every((sixths) => isPointCovered(start + (end - start) * sixths / 6, y, part));
}

function isPointCovered(x, y, part) {
    const own = new Set();
    for (let node = part; node; node = around(node))
        own.add(node);
    const all = document.elementsFromPoint(x, y);
    const place = all.findIndex((node) => own.has(node));
    // Nothing of it is found behind a modal dialog of the page.
    return (place < 0 ? all : all.slice(0, place)).some(isOpaque);
}

function isOpaque(node) {
    const { opacity, visibility, backgroundColor, backgroundImage } = getComputedStyle(node);
    if (opacity < OPAQUE || visibility !== 'visible')
        return false;
    const alpha = /^rgba\(.*,\s*([\d.]+)\)$/.exec(backgroundColor)?.[1] ?? 1;
    return alpha >= OPAQUE || backgroundImage !== 'none' || node.matches(REPLACED);
}

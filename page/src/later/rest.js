/** What is not needed for what one sees first. */

import media from './media.css';

/**
 * @param {import('../kit.js').Kit} kit
 * @param {ShadowRoot} root
 */
export function addRest({ addStyles }, root) {
    addStyles(root, media);
}

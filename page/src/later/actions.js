/** What one does with a message that is there: copies it, quotes it. */

const QUOTE_UNITS = 200;
const QUOTE_LINES = 3;

/** The beginning of what a message says itself, as lines behind a `>`.
 * @param {import('../kit.js').Kit} kit
 * @param {string} text */
export function quoteOf({ beginningOf, splitQuote }, text) {
    const { quote, rest } = splitQuote(text);
    const said = (rest || quote).trim();
    const lines = said.split(/\s*\n\s*/).slice(0, QUOTE_LINES).join('\n');
    const beginning = beginningOf(lines, QUOTE_UNITS);
    return `${beginning}${beginning.length < said.length ? ' …' : ''}`.replace(/^/gm, '> ') + '\n';
}

/** Whether it is in the clipboard now.
 * @param {string} text
 * @param {HTMLElement} frame */
export async function copy(text, frame) {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch {
        return copyBySelection(text, frame);
    }
}

/** Where the page is not served over https there is no other way. */
function copyBySelection(text, frame) {
    const box = document.createElement('textarea');
    const before = frame.getRootNode().activeElement;
    box.value = text;
    box.className = 'spoken';
    frame.append(box);
    box.select();
    const isCopied = document.execCommand('copy');
    box.remove();
    before?.focus();
    return isCopied;
}

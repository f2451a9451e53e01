/** A wait that can be cut short. One at a time: another one ends the one before. */

export class Pause {
    #end = () => {};

    /** @param {number} ms */
    wait(ms) {
        this.#end();
        return new Promise((resolve) => {
            const timer = setTimeout(resolve, ms);
            this.#end = () => {
                clearTimeout(timer);
                resolve();
            };
        });
    }

    /** Does not wait any longer. */
    end() {
        this.#end();
    }
}

/** Pauses between attempts: each twice as long as the one before, up to the last.
 * @param {number} firstMs
 * @param {number} lastMs */
export function* growing(firstMs, lastMs) {
    for (let ms = firstMs; ; ms = Math.min(ms * 2, lastMs))
        yield ms;
}

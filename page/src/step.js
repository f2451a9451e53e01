/**
 * The step of the browser's history that an open conversation of the widget is: the back button closes
 * it, in place of leaving the site. The address, and what the site keeps in the history, stay.
 */

const KEY = 'messagerie';

export class Step {
    /** Where the step was taken. What the site does at other addresses is not ours. */
    #address = '';
    #onChange;
    #onHistory = () => this.#moved();

    /** @param {(id: string) => void} onChange the browser has gone to where this conversation was open,
     *     or none */
    constructor(onChange) {
        this.#onChange = onChange;
        this.#address = this.#id && location.href;
        window.addEventListener('popstate', this.#onHistory);
    }

    close() {
        window.removeEventListener('popstate', this.#onHistory);
    }

    /** The person has opened a conversation, another one, or none.
     * @param {string} id */
    take(id) {
        const state = { ...history.state, [KEY]: id };
        if (!id) {
            if (this.#id)
                history.back();
        } else if (this.#id) {
            history.replaceState(state, '');
        } else {
            history.pushState(state, '');
            this.#address = location.href;
        }
    }

    get #id() {
        const id = history.state?.[KEY];
        return typeof id === 'string' ? id : '';
    }

    #moved() {
        if (this.#id)
            this.#address = location.href;
        if (location.href === this.#address)
            this.#onChange(this.#id);
    }
}

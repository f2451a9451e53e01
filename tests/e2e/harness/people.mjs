// Who calls: a person with a token, and what one usually has them do first.

import assert from 'node:assert/strict';

import { CONVERSATIONS, messagesPath } from './paths.mjs';
import { signClaims, usualClaims } from './token.mjs';

export class Person {
    #stack;

    constructor(stack, id, role, claims = {}) {
        this.#stack = stack;
        this.id = id;
        this.role = role;
        this.token = signClaims(usualClaims(id, role, claims), stack.secret);
    }

    request(method, path, options = {}) {
        return this.#stack.request({ method, path, token: this.token, ...options });
    }

    get(path, options) {
        return this.request('GET', path, options);
    }

    head(path, options) {
        return this.request('HEAD', path, options);
    }

    post(path, body, options) {
        return this.request('POST', path, { body, ...options });
    }

    patch(path, body, options) {
        return this.request('PATCH', path, { body, ...options });
    }

    put(path, body, options) {
        return this.request('PUT', path, { body, ...options });
    }

    delete(path, options) {
        return this.request('DELETE', path, options);
    }
}

/** Asserts the status and gives the body. */
export function bodyOf(response, status = 200) {
    assert.equal(response.status, status, response.text);
    return response.body;
}

/** Asserts an error in the contract's shape, and gives its `message`. */
export function errorOf(response, status) {
    const body = bodyOf(response, status);
    assert.equal(body.statusCode, status);
    if (status === 401) {
        assert.deepEqual(body,
            { statusCode: 401, message: 'Unauthorized', reason: body.reason });
        assert.match(body.reason, /^\w+$/);
    } else {
        assert.equal(typeof body.error, 'string');
        assert.notEqual(body.message.length, 0);
    }
    return body.message;
}

/** Asserts that exactly these fields are found to break a rule, each sentence beginning with its
 * field; some may break two. */
export function assertInvalid(response, fields) {
    const sentences = errorOf(response, 400);
    assert.ok(Array.isArray(sentences), response.text);
    const named = sentences.map((sentence) => sentence.split(':')[0]);
    assert.deepEqual([...new Set(named)].sort(), [...fields].sort(), response.text);
}

/** A salon opens a conversation with a client. */
export async function openConversation(salon, client, fields = {}) {
    return bodyOf(await salon.post(CONVERSATIONS, { clientUserId: client.id, ...fields }), 201);
}

let sent = 0;

/** Sends a message; without fields, a text of its own. */
export async function send(person, conversationId, fields = { content: `Message ${++sent}` }) {
    return bodyOf(await person.post(messagesPath(conversationId), fields), 201);
}

/** Sends that many, oldest first. */
export async function sendMany(person, conversationId, count) {
    const messages = [];
    for (let i = 0; i < count; i++)
        messages.push(await send(person, conversationId));
    return messages;
}

export const PICTURE = {
    fileName: 'Modèle.png',
    fileUrl: 'https://files.example/f/modele.png',
    fileType: 'image/png',
    fileSize: 20_480,
};

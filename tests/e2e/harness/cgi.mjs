// The Common Gateway Interface (RFC 3875) from the server's side: which variables a request
// becomes, how an answer reads, and running a program for one request.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { encodeRequest, makeResponse } from './http.mjs';

/** The variables of a request, as nginx and Apache set them. */
export function cgiVariables({ method = 'GET', path, ...rest }) {
    const { headers, bytes } = encodeRequest(rest);
    const [route, ...query] = path.split('?');
    const variables = {
        GATEWAY_INTERFACE: 'CGI/1.1',
        SERVER_PROTOCOL: 'HTTP/1.1',
        SERVER_NAME: 'localhost',
        SERVER_PORT: '80',
        REMOTE_ADDR: '127.0.0.1',
        REQUEST_METHOD: method,
        REQUEST_URI: path,
        SCRIPT_NAME: route,
        QUERY_STRING: query.join('?'),
    };
    for (const [name, value] of Object.entries(headers))
        variables[variableOfHeader(name)] = String(value);
    return { variables, bytes };
}

function variableOfHeader(name) {
    const upper = name.toUpperCase().replaceAll('-', '_');
    return upper === 'CONTENT_TYPE' || upper === 'CONTENT_LENGTH' ? upper : `HTTP_${upper}`;
}

/** Reads "Status: 201 Created", header fields, an empty line and the body. */
export function parseCgiResponse(output) {
    const match = /\r?\n\r?\n/.exec(output.toString('latin1'));
    if (!match)
        throw new Error(`no CGI answer: ${JSON.stringify(output.toString('latin1'))}`);
    const headers = {};
    for (const line of output.subarray(0, match.index).toString('latin1').split(/\r?\n/)) {
        const colon = line.indexOf(':');
        if (colon < 1)
            throw new Error(`no header field: ${JSON.stringify(line)}`);
        headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const status = Number((headers.status ?? '200').slice(0, 3));
    delete headers.status;
    return makeResponse(status, headers, output.subarray(match.index + match[0].length));
}

/**
 * Runs a program for one request with exactly these variables and those of the request in its
 * environment (`env -i`). Gives the answer with `exitCode` and `stderr`.
 */
export async function runCgi(program, request, environment) {
    const { variables, bytes } = cgiVariables(request);
    const child = spawn(program, [], { env: { ...variables, ...environment } });
    const output = [];
    let stderr = '';
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => { stderr += chunk; });
    // A program may answer without having read a body that it refuses.
    child.stdin.on('error', () => {});
    child.stdin.end(bytes);
    const [exitCode] = await once(child, 'close');
    try {
        return Object.assign(parseCgiResponse(Buffer.concat(output)), { exitCode, stderr });
    } catch (error) {
        throw new Error(`${program} as CGI, exit code ${exitCode}: ${stderr}`, { cause: error });
    }
}

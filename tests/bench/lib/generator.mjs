// A load generator for sockets (bench_sockets.c): told line by line what to do.

import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { BUILD } from '../../e2e/harness/project.mjs';
import { GENERATOR_CPU } from './contestant.mjs';

export class Generator {
    #child;
    #output = '';
    #errors = '';
    #answer;

    /** `args` as bench_sockets takes them: {target: '127.0.0.1:1', publish: '…'}. */
    constructor(args) {
        this.args = Object.entries(args).flatMap(([name, value]) => [`--${name}`, `${value}`]);
    }

    start() {
        this.#child = spawn('taskset', ['-c', `${GENERATOR_CPU}`,
            join(BUILD, 'tests/bench/bench_sockets'), ...this.args]);
        this.#child.stdout.on('data', (chunk) => {
            this.#output += chunk;
            if (this.#output.endsWith('\n'))
                this.#settle((answer) => answer.resolve(JSON.parse(this.#output)));
        });
        this.#child.stderr.on('data', (chunk) => { this.#errors += chunk; });
        this.#child.stdin.on('error', () => {});
        this.closed = new Promise((resolve) => {
            this.#child.on('close', (code) => {
                this.#settle((answer) => answer.reject(
                    new Error(`the load generator ended with ${code}: ${this.#errors}`)));
                resolve(code);
            });
        });
        return this;
    }

    #settle(act) {
        const answer = this.#answer;
        this.#answer = undefined;
        if (answer)
            act(answer);
        this.#output = '';
    }

    /** Has it do something, and gives the object that it answers. */
    ask(...words) {
        return new Promise((resolve, reject) => {
            this.#answer = { resolve, reject };
            this.#child.stdin.write(`${words.join(' ')}\n`);
        });
    }

    async stop() {
        this.#child?.stdin.end();
        await this.closed;
    }
}

/** Runs `act` with a started generator, and ends it in any case. */
export async function withGenerator(args, act) {
    const generator = new Generator(args).start();
    try {
        return await act(generator);
    } finally {
        await generator.stop();
    }
}

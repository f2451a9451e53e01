// The echo server of this folder, on a free port.

import path from 'node:path';

import { Program } from '../../e2e/harness/program.mjs';

const build = process.env.MESSAGERIE_BUILD;

/** Times for tests that are not about the heartbeat: the suites' 300 and 200 ms are less than what
 * a client on a busy machine may need to answer. */
const CALM = ['--ping-interval', '25000', '--ping-timeout', '20000'];

export const startCalmServer = () => startEchoServer(CALM);

/** One that pings as often as the suites want, but waits longer for the answer. */
export const startPatientServer = () => startEchoServer(['--ping-timeout', '1500']);

/** Starts it with the times of the public suites; gives {port, stop}. */
export async function startEchoServer(options = []) {
    if (build === undefined)
        throw new Error('MESSAGERIE_BUILD must name the build folder');
    const program = new Program({
        name: 'echo-server',
        command: [path.join(build, 'tests/conformance/echo-server'), '--port', '0', ...options],
    });
    const listening = () => /listening on port (\d+)/.exec(program.log);
    await program.start(() => listening() !== null);
    return {
        port: Number(listening()[1]),
        pid: program.pid,
        get isRunning() {
            return program.isRunning;
        },
        /** Ends it; complains when it had ended by itself, or did not end well. */
        async stop() {
            const { code, signal } = await program.stop();
            if (code !== 0)
                throw new Error(`echo-server: code ${code}, signal ${signal}\n${program.log}`);
        },
    };
}

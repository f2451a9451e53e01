// What a client costs that does nothing: to let it in, to keep it, to let it come back.

import { selectContestants } from '../lib/contestant.mjs';
import { measureCpu, residentBytes, untilIdle } from '../lib/cpu.mjs';
import { withGenerator } from '../lib/generator.mjs';
import { Ours } from '../lib/ours.mjs';
import { runInterleaved } from '../lib/rounds.mjs';
import { makeTable } from '../lib/table.mjs';
import { socketio } from '../peers/socketio/contestant.mjs';

export const name = 'connections';
export const order = 2;

const SIZES = { few: 1000, many: 10_000 };
const SIZES_QUICK = { few: 500, many: 3000 };

function measure(contestant, { few, many }) {
    const everybody = [...Array(many).keys()]; // each client is somebody else
    const joins = contestant.joins ?? false;
    return withGenerator(contestant.clientArguments(everybody, { joins }), async (generator) => {
        const pids = () => contestant.pids();
        await generator.ask('connect', few);
        await untilIdle(pids);
        const residentWithFew = residentBytes(pids());
        const [connect, connectCpu] =
            await measureCpu(pids, () => generator.ask('connect', many));
        await untilIdle(pids);
        const residentWithMany = residentBytes(pids());
        const [reconnect, reconnectCpu] =
            await measureCpu(pids, () => generator.ask('reconnect'));
        if (reconnect.recovered !== many)
            throw new Error(`only ${reconnect.recovered} of ${many} recovered`);
        return {
            connectUs: connectCpu.total / (many - few),
            connectUserUs: connectCpu.user / (many - few),
            connectsPerSecond: (many - few) / connect.seconds,
            resident: (residentWithMany - residentWithFew) / (many - few),
            reconnectUs: reconnectCpu.total / many,
            reconnectSeconds: reconnect.seconds,
            generatorUs: connect.generatorUs / (many - few),
        };
    });
}

/** With every client in a conversation, too. */
const inRooms = (contestant) => Object.assign(contestant, { joins: true });
/** Coming back takes it half a minute, and varies little beside the ratio. */
const once = (contestant) => Object.assign(contestant, { roundsMax: 1 });

export async function run({ quick, rounds, only }) {
    const sizes = quick ? SIZES_QUICK : SIZES;
    const people = sizes.many;
    const contestants = selectContestants([
        new Ours({ people }),
        ...(quick ? [] : [inRooms(new Ours({ people, name: 'ours, in rooms' }))]),
        once(socketio()),
    ], only);
    const { results, failures } = await runInterleaved({
        contestants, rounds, measure: (contestant) => measure(contestant, sizes),
    });
    return {
        tables: [makeTable({
            title: `Authenticated connections, ${sizes.few} to ${sizes.many}`,
            results,
            columns: [
                { key: 'connectUs', title: 'CPU us/connect', digits: 1, isCost: true },
                { key: 'connectUserUs', title: 'of it user', digits: 1 },
                { key: 'connectsPerSecond', title: 'connects/s', digits: 0 },
                { key: 'resident', title: 'RSS bytes each', digits: 0, isCost: true },
                { key: 'reconnectUs', title: 'CPU us/return', digits: 1, isCost: true },
                { key: 'reconnectSeconds', title: 'all back in s', digits: 2 },
                { key: 'generatorUs', title: 'generator us', digits: 1 },
            ],
            notes: [
                'a connect is WebSocket handshake, token check and CONNECT to the namespace, until '
                    + 'the first event; ours stores a session on disk with each',
                `return: all ${sizes.many} are cut off at once and recover their state; the end of the old `
                    + 'connection is part of it',
            ],
        })],
        failures,
    };
}

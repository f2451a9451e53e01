// mosquitto: MQTT over WebSocket to the clients, published to over MQTT.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { freePort, isListening } from '../../../e2e/harness/http.mjs';
import { Contestant, makeFolder, removeFolder, SERVER_CPU, spawnPinned }
    from '../../lib/contestant.mjs';

const configuration = (websocketPort, port) => `
listener ${websocketPort} 127.0.0.1
protocol websockets
listener ${port} 127.0.0.1
protocol mqtt
socket_domain ipv4
allow_anonymous true
max_connections -1
max_queued_messages 0
set_tcp_nodelay true
log_type error
user ${process.getuid() === 0 ? 'root' : ''}
`;

export class Mosquitto extends Contestant {
    isRestless = true; // 5 % of a core with 10,000 sockets that nothing is sent to

    constructor() {
        super('mosquitto', ['mosquitto']);
    }

    async start() {
        this.folder = makeFolder();
        this.websocketPort = await freePort();
        this.port = await freePort();
        const file = join(this.folder, 'mosquitto.conf');
        writeFileSync(file, configuration(this.websocketPort, this.port));
        this.program = await spawnPinned(SERVER_CPU, '/usr/sbin/mosquitto', ['-c', file], {}, {
            name: 'mosquitto',
            isReady: async () =>
                await isListening(this.port) && await isListening(this.websocketPort),
        });
    }

    pids() {
        return [this.program.pid];
    }

    async stop() {
        if (this.program?.isRunning)
            await this.program.kill();
        removeFolder(this.folder);
    }

    fanoutArguments() {
        return {
            target: `127.0.0.1:${this.websocketPort}`,
            path: '/mqtt',
            protocol: 'mqtt',
            publish: `mqtt:127.0.0.1:${this.port}`,
        };
    }
}

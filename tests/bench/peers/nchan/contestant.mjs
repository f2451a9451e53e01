// nginx with nchan: a channel in memory, published to over HTTP.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { freePort, isListening } from '../../../e2e/harness/http.mjs';
import { Contestant, makeFolder, removeFolder, SERVER_CPU, spawnPinned }
    from '../../lib/contestant.mjs';
import { processTree } from '../../lib/cpu.mjs';

const configuration = (folder, port) => `
load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
daemon off;
pid ${folder}/nginx.pid;
error_log stderr crit;
worker_processes 1;
worker_rlimit_nofile 20000;
events { worker_connections 19000; }
http {
    access_log off;
    client_body_temp_path ${folder}/body;
    proxy_temp_path ${folder}/proxy;
    fastcgi_temp_path ${folder}/fastcgi;
    uwsgi_temp_path ${folder}/uwsgi;
    scgi_temp_path ${folder}/scgi;
    nchan_shared_memory_size 128M;
    keepalive_requests 1000000;
    server {
        listen 127.0.0.1:${port} backlog=4096;
        location = /subscribe {
            nchan_subscriber websocket;
            nchan_channel_id bench;
            nchan_subscriber_first_message newest;
        }
        location = /publish {
            nchan_publisher http;
            nchan_channel_id bench;
            nchan_store_messages off;
        }
    }
}
`;

export class Nchan extends Contestant {
    constructor() {
        super('nchan', ['nginx', 'libnginx-mod-nchan']);
    }

    async start() {
        this.folder = makeFolder();
        this.port = await freePort();
        const file = join(this.folder, 'nginx.conf');
        writeFileSync(file, configuration(this.folder, this.port));
        this.nginx = await spawnPinned(SERVER_CPU, 'nginx',
            ['-p', this.folder, '-e', 'stderr', '-c', file], {},
            { name: 'nchan', isReady: () => isListening(this.port) });
    }

    pids() {
        return processTree(this.nginx.pid);
    }

    async stop() {
        if (this.nginx?.isRunning)
            await this.nginx.stop();
        removeFolder(this.folder);
    }

    fanoutArguments() {
        return {
            target: `127.0.0.1:${this.port}`,
            path: '/subscribe',
            protocol: 'websocket',
            publish: `http:127.0.0.1:${this.port}/publish`,
        };
    }
}

// The peer: NestJS, Socket.IO and PostgreSQL behind the same nginx.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort, isListening } from '../../e2e/harness/http.mjs';
import { SECRET } from '../lib/people.mjs';
import { fillSql, POSTGRESQL } from './dataset.mjs';
import { Postgres } from './postgres.mjs';
import { WebContestant } from './web.mjs';

const HERE = fileURLToPath(new URL('../peers/nest/', import.meta.url));
const MAIN = join(HERE, 'dist/main.js');

/** Installs what the lock file names and compiles, where that has not been done. */
function build() {
    if (!existsSync(join(HERE, 'node_modules/.package-lock.json')))
        execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: HERE, stdio: 'inherit' });
    const newest = Math.max(...readdirSync(join(HERE, 'src')).map((name) =>
        statSync(join(HERE, 'src', name)).mtimeMs));
    if (!existsSync(MAIN) || statSync(MAIN).mtimeMs < newest)
        execFileSync('npm', ['run', '--silent', 'build'], { cwd: HERE, stdio: 'inherit' });
}

export class Nest extends WebContestant {
    constructor(size) {
        super('nest', ['nginx', 'postgresql']);
        this.size = size;
        this.postgres = new Postgres();
    }

    async start() {
        build();
        await this.postgres.prepare(() => `${readFileSync(join(HERE, 'schema.sql'), 'utf8')}
            SET session_replication_role = replica; ${fillSql(this.size, POSTGRESQL)}`);
        await this.postgres.start();
        mkdirSync(join(this.makeFolder(), 'run'));
        const port = await freePort();
        this.program = await this.spawn('nest', process.execPath, [MAIN], {
            ...this.postgres.environment, PORT: `${port}`, JWT_SECRET: SECRET,
            NODE_ENV: 'production',
        }, () => isListening(port));
        await this.startNginx((folder) => {
            mkdirSync(folder);
            writeFileSync(join(folder, 'nginx.conf'),
                nginxConfiguration(folder, this.port, port));
        });
    }

    processes() {
        return {
            program: [this.program.pid],
            ...super.processes(),
            database: this.postgres.pids(),
        };
    }

    endedTimes() {
        return { database: this.postgres.endedTime() };
    }

    async stop() {
        await super.stop();
        await this.postgres.stop();
    }

    /** After the last round. */
    remove() {
        this.postgres.remove();
    }
}

/** What standalone.conf.in and messagerie.conf say, with a proxy in the place of FastCGI. */
const nginxConfiguration = (folder, listen, port) => `
daemon off;
pid "${folder}/nginx.pid";
error_log stderr warn;
worker_processes 2;
events { worker_connections 16384; }
http {
    access_log off;
    server_tokens off;
    tcp_nodelay on;
    keepalive_timeout 65s;
    client_body_temp_path "${folder}/client_body_temp";
    fastcgi_temp_path "${folder}/fastcgi_temp";
    proxy_temp_path "${folder}/proxy_temp";
    uwsgi_temp_path "${folder}/uwsgi_temp";
    scgi_temp_path "${folder}/scgi_temp";
    # node closes what was idle for 5 s: who uses it again in that moment gets a 502
    upstream nest { server 127.0.0.1:${port}; keepalive 64; keepalive_timeout 4s; }
    server {
        listen 127.0.0.1:${listen};
        location / {
            proxy_pass http://nest;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Request-Id $request_id;
            client_max_body_size 2m;
            client_body_buffer_size 128k;
            proxy_buffer_size 16k;
            proxy_buffers 32 16k;
            proxy_busy_buffers_size 64k;
            add_header X-Request-Id $request_id always;
        }
    }
}
`;

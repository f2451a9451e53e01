// The second port of the servers in JavaScript: lines that are to go to all clients.

import net from 'node:net';

/** Opens it beside `server`, which listens already, tells both ports, and calls `publish` for each
 * line. */
export function listenForLines(server, publish) {
    const lines = net.createServer((socket) => {
        let pending = '';
        socket.setEncoding('utf8');
        socket.on('data', (chunk) => {
            const parts = (pending + chunk).split('\n');
            pending = parts.pop();
            parts.forEach(publish);
        });
        socket.on('error', () => {});
    });
    lines.listen(0, '127.0.0.1', () =>
        console.log(`listening ${server.address().port} ${lines.address().port}`));
}

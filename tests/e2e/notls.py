#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A server that was built without TLS (-Dtls=disabled): it serves, and says what it cannot do."""

import re
import signal
import subprocess
import sys
import tempfile

from ringcast import KEY, PATIENCE_S, TEXT, Client, Server, Tap, accept_of, free_port, wait_for

SECRET = 'x' * 40


def main():
    with Tap() as tap, tempfile.NamedTemporaryFile('w') as settings, tempfile.NamedTemporaryFile('w') as key:
        key.write(SECRET)
        key.flush()
        sentences = [(['--listen', '127.0.0.1:0 tls'], 'built without TLS (-Dtls=disabled): take tls out of listen'),
                     (['--listen', '127.0.0.1:0', '--auth', 'required', '--auth-keys', f'hs256:{key.name}'],
                      'built without TLS and tokens (-Dtls=disabled): set auth to off')]
        for flags, sentence in sentences:
            for check in ([], ['--check-config']):
                done = subprocess.run([sys.argv[1], *check, *flags], capture_output=True, text=True, check=False,
                                      timeout=PATIENCE_S)
                tap.ok(done.returncode == 2 and sentence in done.stderr and done.stderr.count('\n') == 1,
                       f'{" ".join(check + flags[:4])}: one line, exit code 2', done.stderr)
        port, proxy_port = free_port(), free_port()
        with Server('--config', settings.name, '--listen', f'127.0.0.1:{port}, 127.0.0.1:{proxy_port} proxy',
                    '--origins', 'same', port=port, threads=2) as server:
            clients = [Client(port, '/room/a') for _ in range(8)]
            tap.ok(all(f'Sec-WebSocket-Accept: {accept_of(KEY)}' in c.head for c in clients),
                   "the answer to the key is right: SHA-1 is libmd's", clients[0].head)
            clients.append(Client(proxy_port, '/room/a', prefix=b'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n'))
            clients[0].send(TEXT, b'hello')
            tap.equal({c.receive() for c in clients}, {(TEXT, b'hello')}, 'a room, a PROXY header before one of it')
            with Client(port, '/echo', extra='Origin: https://nowhere.example\r\n') as client:
                tap.equal(client.status, 403, 'origins are judged')
            settings.write(f'auth = optional\nauth_keys = hs256:{key.name}\n')
            settings.flush()
            server.signal(signal.SIGHUP)
            tap.ok(wait_for(lambda: re.search('not reloaded.*set auth to off', server.output())),
                   'SIGHUP cannot switch tokens on', server.output())
            for client in clients:
                client.close()


if __name__ == '__main__':
    sys.exit(main())

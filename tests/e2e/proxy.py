#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""HAProxy in front, in TCP and in HTTP mode: what clients are served through it."""

import os
import subprocess
import sys
import tempfile

from ringcast import (BINARY, CLOSE, PING, PONG, TEXT, Client, Server, Tap, end_process, free_port, need,
                      wait_for)

CLIENTS = 8
MESSAGES = 50

CONFIGURATION = """
defaults
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 60s
listen tcp
    mode tcp
    bind 127.0.0.1:{tcp}
    server ringcast 127.0.0.1:{server}
listen http
    mode http
    bind 127.0.0.1:{http}
    option httpchk GET /readyz
    default-server inter 100ms rise 1 fall 1
    server ringcast 127.0.0.1:{server} check
"""


def through(tap, port, name):
    clients = [Client(port, f'/room/{name}') for _ in range(CLIENTS)]
    tap.equal({c.status for c in clients}, {101}, f'{name}: {CLIENTS} clients are in')
    for i in range(MESSAGES):
        kind, payload = (TEXT, f'message {i}'.encode()) if i % 2 else (BINARY, bytes([255, i]) * i)
        clients[i % CLIENTS].send(kind, payload)
        got = [c.receive() for c in clients]
        if got != [(kind, payload)] * CLIENTS:
            tap.equal(got, [(kind, payload)] * CLIENTS, f'{name}: message {i}')
            break
    else:
        tap.ok(True, f'{name}: {MESSAGES} messages reach all {CLIENTS}')
    with Client(port, '/echo') as echo:
        large = os.urandom(300000)
        echo.send(BINARY, large)
        tap.ok(echo.receive() == (BINARY, large), f'{name}: a large message')
        echo.send(PING, b'p')
        tap.equal(echo.receive(), (PONG, b'p'), f'{name}: a ping')
        echo.send(CLOSE, b'\x03\xe8')
        tap.equal([echo.receive(), echo.receive()], [(CLOSE, b'\x03\xe8'), (None, b'')],
                  f'{name}: the close handshake')
    with Client(port, '/nowhere') as lost:
        tap.equal(lost.status, 404, f'{name}: a refusal')
    for client in clients:
        client.close()


def main():
    haproxy, = need('haproxy')
    with Tap() as tap, tempfile.TemporaryDirectory() as folder:
        with Server(threads=3) as server:
            tcp, http = free_port(), free_port()
            path = os.path.join(folder, 'haproxy.cfg')
            with open(path, 'w', encoding='ascii') as file:
                file.write(CONFIGURATION.format(tcp=tcp, http=http, server=server.port))
            proxy = subprocess.Popen([haproxy, '-db', '-q', '-f', path], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                def is_up():
                    try:
                        return Client(http, '/echo').status == 101 and Client(tcp, '/echo').status == 101
                    except OSError:
                        return False
                tap.ok(wait_for(is_up), 'HAProxy is up')
                through(tap, tcp, 'tcp')
                through(tap, http, 'http')
                clients = [Client(port, '/room/both') for port in (tcp, http) * 3]
                clients[0].send(TEXT, b'everybody')
                tap.equal({c.receive() for c in clients}, {(TEXT, b'everybody')},
                          'clients of both are in one room')
                server.process.terminate()
                wait_for(lambda: server.process.poll() is not None)
                tap.equal({c.receive()[0] for c in clients} - {CLOSE, None}, set(),
                          'the end of the server reaches the clients')
                for client in clients:
                    client.close()
            finally:
                # SIGTERM is a hard stop for HAProxy: exit code 143 or 0.
                end_process(proxy)


if __name__ == '__main__':
    sys.exit(main())

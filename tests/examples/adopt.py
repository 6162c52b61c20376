#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""WebSockets of another HTTP server:  adopt.py [PORT]

Python's http.server has the pages, the handshake and the say about who gets in; the sockets of those that
do are handed to ringcast, which listens nowhere by itself. /rooms/ROOM joins that room: what one says all
of them hear, and http.server is free for the next request.
"""

import base64
import hashlib
import http.server
import json
import os
import signal
import sys
import urllib.parse

import ringcast

GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'  # RFC 6455, section 1.3


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    timeout = 5  # of what http.server has; what is handed over is ringcast's to watch

    def do_GET(self):
        if self.headers.get('Upgrade', '').lower() == 'websocket' and self.path.startswith('/rooms/'):
            self.upgrade(urllib.parse.unquote(self.path.removeprefix('/rooms/')))
            return
        body = f'{self.server.ringcast.connection_count} are connected\n'.encode()
        self.send_response(200)
        self.send_header('Content-Type', 'text/plain')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def upgrade(self, room):
        key = self.headers.get('Sec-WebSocket-Key', '')
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        self.send_response(101)
        self.send_header('Upgrade', 'websocket')
        self.send_header('Connection', 'Upgrade')
        self.send_header('Sec-WebSocket-Accept', accept)
        self.end_headers()
        self.hand_over(room)
        self.close_connection = True

    def hand_over(self, room):
        # Frames that came with the request lie in the reader's buffer; peek must not wait for more.
        self.connection.setblocking(False)
        early = self.rfile.peek()
        # http.server closes its own descriptor; ringcast gets another one.
        fd = os.dup(self.connection.fileno())
        decision = ringcast.Accept(rooms=(room,), mode=ringcast.TO_ROOM, connection=room)
        claims = json.dumps({'sub': self.headers.get('X-User', 'somebody')})
        try:
            self.server.ringcast.register(fd, decision, claims, early)
        except OSError:
            os.close(fd)  # it stayed ours
            raise

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False  # closing it waits for them: nobody may use what is destroyed

    def shutdown_request(self, request):
        # A shutdown would be of the connection, whoever has descriptors of it.
        self.close_request(request)


class Hub(ringcast.Server):
    def on_open(self, id, room):
        self.publish(room, 'one more is here', but=id)

    def on_close(self, id, room, code, reason):
        if id == ringcast.NOBODY:
            print(f'not taken in: somebody for {room}', flush=True)


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends it as Ctrl-C does
    with Hub(threads=2) as hub, Server(('127.0.0.1', int((sys.argv[1:] or ['8080'])[0])), Handler) as server:
        server.ringcast = hub
        print('listening on 127.0.0.1:%d' % server.server_port, flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass

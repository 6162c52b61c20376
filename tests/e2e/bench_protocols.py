# SPDX-License-Identifier: MIT
"""ringcast-bench on servers with protocols of their own, one like Socket.IO (over Engine.IO 4) and one like
Pusher: both speak first, have their own pings, and are strict. bench_protocols.py RINGCAST-BENCH
"""

import asyncio
import base64
import collections
import hashlib
import json
import re
import subprocess
import sys
import threading

from ringcast import Tap
from scripted import GUID, frame, read_message

PING_S, PATIENCE_S = 0.2, 5  # from ping to ping, and for its answer: a busy machine is no fault


class Server:
    """Serves in a thread of its own. What a subclass says on a connection is its protocol."""

    def __init__(self):
        self.rooms = collections.defaultdict(list)
        self.said, self.pings, self.complaints = 0, 0, []
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()
        self.ready.wait()

    def run(self):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self.serve, '127.0.0.1', 0))
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        self.loop.run_forever()

    async def serve(self, reader, writer):
        def say(text):
            writer.write(frame(text.encode()))
        state = {'say': say, 'writer': writer}
        pinger = None
        try:
            head = await reader.readuntil(b'\r\n\r\n')
            key = re.search(rb'Sec-WebSocket-Key: (\S+)', head).group(1)
            accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
            writer.write(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n'
                         b'Connection: Upgrade\r\nSec-WebSocket-Accept: ' + accept + b'\r\n\r\n')
            if not await self.stays_silent(reader):
                self.complaints.append('spoke first')
                return
            say(self.HELLO)
            pinger = self.loop.create_task(self.ping(state))
            while (payload := await read_message(reader)) is not None:
                text = payload.decode()
                if text.startswith(self.PONG):
                    state['answered'] = True
                elif not self.take(state, text):
                    self.complaints.append(text[:80])
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            if pinger:
                pinger.cancel()
            for members in self.rooms.values():
                if state in members:
                    members.remove(state)
            writer.close()

    @staticmethod
    async def stays_silent(reader):
        try:
            await asyncio.wait_for(reader.readexactly(1), 0.02)
        except asyncio.TimeoutError:
            return True
        return False

    async def ping(self, state):
        while True:
            await asyncio.sleep(PING_S)
            state['answered'] = False
            state['say'](self.PING)
            for _ in range(int(PATIENCE_S / 0.01)):
                if state['answered']:
                    break
                await asyncio.sleep(0.01)
            if not state['answered']:
                self.complaints.append('no pong')
                state['writer'].close()
                return
            self.pings += 1


class SocketIo(Server):
    HELLO = '0{"sid":"lv_VI97HAXpY6yYWAAAB","upgrades":[],"pingInterval":200,"pingTimeout":5000,"maxPayload":1000000}'
    PING, PONG = '2', '3'

    @staticmethod
    def connect(state):
        state['connected'] = True
        state['say']('40{"sid":"oSO0OpakMV_3jnilAAAA"}')

    def take(self, state, text):
        if text == '40':
            self.loop.call_later(0.02, self.connect, state)
            return 'connected' not in state
        if not text.startswith('42') or not state.get('connected'):
            return False
        event, room, *rest = json.loads(text[2:])
        if event == 'join':
            self.rooms[room].append(state)
            state['say']('42' + json.dumps(['joined', room]))
        elif event == 'say' and state in self.rooms[room]:
            self.said += 1
            for member in self.rooms[room]:
                member['say']('42' + json.dumps(['said', rest[0]]))
        else:
            return False
        return True


class Pusher(Server):
    HELLO = json.dumps({'event': 'pusher:connection_established', 'data': '{"socket_id":"1.1","activity_timeout":1}'})
    PING, PONG = '{"event":"pusher:ping","data":{}}', '{"event":"pusher:pong"'

    def take(self, state, text):
        message = json.loads(text)
        if message['event'] == 'pusher:subscribe':
            channel = message['data']['channel']
            self.rooms[channel].append(state)
            state['say'](json.dumps({'event': 'pusher_internal:subscription_succeeded', 'channel': channel}))
            return True
        members = self.rooms[message['channel']]
        self.said += 1
        for member in members:
            if member is not state:  # a client's event is for the others
                member['say'](text)
        return message['event'].startswith('client-') and state in members


SOCKET_IO = ['--join-after', '0{', '--join', '40', '--join-after', '40{', '--join', '42["join","r{room}"]',
             '--joined', '42["joined"', '--publish', '42["say","r{room}","{payload}"]']
PUSHER = ['--join-after', 'connection_established',
          '--join', '{"event":"pusher:subscribe","data":{"channel":"private-{room}"}}',
          '--joined', 'subscription_succeeded', '--no-self',
          '--publish', '{"event":"client-x","channel":"private-{room}","data":"{payload}"}']
PONGS = {SocketIo: '2=3', Pusher: '{"event":"pusher:ping"={"event":"pusher:pong","data":{}}'}


def run(server, templates, *options):
    result = subprocess.run(
        [sys.argv[1], 'fanout', f'ws://127.0.0.1:{server.port}', '-n', '12', '-r', '3', '-t', '2', '-q', '--json',
         '-', '--warmup', '0', '-d', '1200ms', *templates, *options],
        capture_output=True, text=True, timeout=60, check=False)
    return result.returncode, json.loads(result.stdout), result.stderr


def check(tap, kind, templates):
    name = kind.__name__
    server = kind()
    code, report, error = run(server, templates, '--rate', '60', '--answer', PONGS[kind])
    counts = report['whole_run']
    tap.equal((code, server.complaints), (0, []), f'{name}: both sides are content')
    tap.equal(counts['published'], server.said, f'{name}: what is sent is taken')
    receivers = 4 - ('--no-self' in templates)
    tap.ok(counts['delivered'] == counts['published'] * receivers > 0 == counts['other'],
           f'{name}: and reaches the room', f'{counts} {error}')
    # Pings under way in the end are not counted here.
    tap.ok(counts['pings'] >= server.pings >= 12, f'{name}: pings are answered', f'{counts["pings"]} {server.pings}')


def check_order(tap):
    """Both of --join-after are needed: such a server hangs up on who speaks before his turn."""
    for name, left_out in (('greeting', ['--join-after', '0{']), ('connection', ['--join-after', '40{'])):
        at = SOCKET_IO.index(left_out[1]) - 1
        server = SocketIo()
        code, report, _ = run(server, SOCKET_IO[:at] + SOCKET_IO[at + 2:], '--open-limit', '2s')
        tap.ok(code == 1 and report['whole_run']['opened'] == 0 and server.complaints,
               f'SocketIo: the {name} has to be waited for', server.complaints)


def main():
    with Tap() as tap:
        check(tap, SocketIo, SOCKET_IO)
        check(tap, Pusher, PUSHER)
        check_order(tap)


main()

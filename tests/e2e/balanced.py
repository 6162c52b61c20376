#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Behind HAProxy: PROXY headers of both versions as it writes them, who may send them, whose address counts,
and a rolling restart of two processes under load.

What a rolling restart promises, and what is judged here. Rooms are the members of one process, so each room is
judged process by process, from one start of it to its end (a term).

1. No handshake through the balancer fails, at any time: a process that is going down is left out before it
   stops accepting, and one that comes up is used when it is ready.
2. The members of a room see one order. Each sees a stretch of it without a gap, beginning no later than with
   the first message that was sent after its 101, and ending with its Close frame: 1001, or its own.
3. Nothing is held back before that end: what somebody else had more than GRACE_S before a member's Close frame
   arrived, that member has had as well; what a publisher sent more than GRACE_S before its own Close frame has
   been published.
4. What a publisher sent is published in its order, without a gap, up to some point; what comes behind that
   point went to a server that had already said goodbye. The publisher knows, because its own copy is missing.
"""

import asyncio
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from ringcast import (CLOSE, PATIENCE_S, TEXT, Client, Server, Tap, deployed, end_process, free_port, need,
                      skip, wait_for)
from tls import Certificates, TlsClient, context_of

try:
    import websockets
except ImportError:
    skip('python3-websockets is not installed')

# The grace is for what was on its way, and for this process, which reads for all clients. Goodbyes are spread over
# the drain: a member whose messages stopped when it began misses up to DRAIN_S of them, so the grace has to be a small
# part of that, or a tail that was cut off would pass.
DRAIN_S, GRACE_S = 5, 0.5
ROOMS, MEMBERS, PUBLISHERS = 6, 6, 2  # of a room: members, and publishers among them; the last one is restless
PASSERS_BY = 6  # clients that come, say something and go
PAUSE_S = 0.03  # between two messages of a publisher


class HAProxy:
    def __init__(self, path):
        haproxy, = need('haproxy')
        checked = subprocess.run([haproxy, '-c', '-f', path], capture_output=True, text=True, check=False)
        if checked.returncode:
            raise RuntimeError(checked.stderr)
        self.process = subprocess.Popen([haproxy, '-db', '-q', '-f', path], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end_process(self.process)


# --- Headers

HEADERS = """
global
    stats socket {stats} mode 600
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option httpchk GET /readyz
    default-server inter 100ms rise 1 fall 1
listen v1
    bind 127.0.0.1:{v1}
    server ringcast 127.0.0.1:{proxy} send-proxy check
listen v2
    bind 127.0.0.1:{v2}
    server ringcast 127.0.0.1:{proxy} send-proxy-v2 check
listen v6
    bind [::1]:{v6}
    server ringcast 127.0.0.1:{proxy} send-proxy-v2 check
listen more
    bind 127.0.0.1:{more} ssl crt {pem}
    unique-id-format %[uuid()]
    server ringcast 127.0.0.1:{proxy} send-proxy-v2 check proxy-v2-options crc32c,unique-id,authority,ssl,ssl-cipher,cert-key,cert-sig
listen passed
    bind 127.0.0.1:{passed}
    server ringcast 127.0.0.1:{secure} send-proxy-v2 check check-ssl verify none
listen strange
    bind 127.0.0.1:{strange}
    server ringcast 127.0.0.1:{proxy} send-proxy-v2 source 127.0.0.9
listen none
    bind 127.0.0.1:{none}
    server ringcast 127.0.0.1:{proxy}
"""
REFUSED = 'Origin: https://nowhere.example\r\n'  # so that the log tells who it was


def states(path):
    """{proxy: state of its server}"""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(path)
        asked.sendall(b'show stat\n')
        text = b''
        while piece := asked.recv(65536):
            text += piece
    rows = [line.split(',') for line in text.decode().splitlines() if ',ringcast,' in line]
    return {row[0]: row[17] for row in rows}


def logged(server, address):
    return wait_for(lambda: f'handshake refused client={address} ' in server.output(), 5)


def headers(tap, certificates, folder):
    names = ('v1', 'v2', 'v6', 'more', 'passed', 'strange', 'none', 'proxy', 'secure')
    ports = {name: free_port() for name in names}
    pem, stats, path = (os.path.join(folder, name) for name in ('both.pem', 'stats', 'headers.cfg'))
    with open(pem, 'wb') as out:
        for ending in ('pem', 'key'):
            with open(certificates.path(f'server-ec.{ending}'), 'rb') as file:
                out.write(file.read())
    with open(path, 'w', encoding='ascii') as file:
        file.write(HEADERS.format(pem=pem, stats=stats, **ports))
    port = free_port()
    listen = f'127.0.0.1:{port}, 127.0.0.1:{ports["proxy"]} proxy, 127.0.0.1:{ports["secure"]} proxy tls'
    with Server('--listen', listen, *certificates.flags('server-ec'), '--proxy-networks', '127.0.0.1',
                '--origins', 'same', '--address-connections', 3, '--handshake-timeout', '2s', port=port,
                threads=1) as server, HAProxy(path):
        up = {'v1', 'v2', 'v6', 'more', 'passed'}
        tap.ok(wait_for(lambda: os.path.exists(stats) and all(states(stats).get(n) == 'UP' for n in up)),
               'health checks with a PROXY header (UNKNOWN, LOCAL) are answered, over TLS too',
               os.path.exists(stats) and states(stats))
        time.sleep(1)
        tap.equal({states(stats)[n] for n in up}, {'UP'}, 'however many: no limit by address is for them')

        for name, source in (('v1', '127.0.0.21'), ('v2', '127.0.0.22')):
            with Client(ports[name], '/echo', source=source) as client:
                client.send(TEXT, b'hello')
                tap.equal(client.receive(), (TEXT, b'hello'), f'{name}: served')
            with Client(ports[name], '/echo', source=source, extra=REFUSED) as client:
                address = f'{source}:{client.socket.getsockname()[1]}'
                tap.ok(client.status == 403 and logged(server, address), f'{name}: the log has {address}', server.output())
        with socket.create_connection(('::1', ports['v6']), PATIENCE_S) as client:
            client.sendall(b'GET /echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                           b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n' +
                           REFUSED.encode() + b'\r\n')
            tap.ok(b' 403 ' in client.recv(1000) and logged(server, f'[::1]:{client.getsockname()[1]}'),
                   'IPv6 on one side, IPv4 on the other: the log has the former', server.output())
        context = context_of(certificates)
        for name, title in (('more', 'TLS that HAProxy ends, and all it can tell of it (CRC32c, unique id, ...)'),
                            ('passed', 'TLS behind the header')):
            client = TlsClient(ports[name], '/echo', context)
            client.send(TEXT, b'hello')
            tap.ok(client.status == 101 and client.receive() == (TEXT, b'hello'), title)
            client.close()

        before = server.metrics()
        for name, title in (('strange', 'an address outside proxy_networks'), ('none', 'no header')):
            with Client(ports[name], '/echo') as client:
                tap.equal(client.status, None, f'{title}: refused')
        tap.ok('not in proxy_networks, so no PROXY header is taken from it: 127.0.0.9:' in server.output(),
               'and said whose', server.output())
        tap.ok(re.search(r'PROXY header refused client=127\.0\.0\.\d+:\d+: .', server.output()), 'whose header, and why',
               server.output())
        after = server.metrics()
        counted = [after.sum(f'ringcast_{n}_total') - before.sum(f'ringcast_{n}_total')
                   for n in ('proxies_refused', 'proxy_headers_refused')]
        tap.ok(counted[0] >= 1 and counted[1] == 1, 'and counted (HAProxy may have tried again)', counted)
        tap.ok(after.sum('ringcast_proxy_headers_total') > 20, 'so are headers',
               after.sum('ringcast_proxy_headers_total'))

        for name, begin in (('nothing', b''), ('half a header', b'PROXY TCP4 192.0.2.1 '), ('half of another', b'\r\n\r\n')):
            with socket.create_connection(('127.0.0.1', ports['proxy']), PATIENCE_S) as silent:
                silent.sendall(begin)
                tap.equal(silent.recv(10), b'', f'{name}, and then silence: closed at the deadline')

        clients = [Client(ports[name], '/echo', source=source) for name, source in
                   [('v1', '127.0.0.31'), ('v2', '127.0.0.31')] * 2 + [('v1', '127.0.0.32')] * 3]
        tap.equal([c.status for c in clients], [101] * 3 + [429] + [101] * 3,
                  'three connections a client, not three for the balancer')
        for client in clients:
            client.close()
        server.signal(signal.SIGTERM)
        tap.equal(server.wait(), 0, 'exit code 0')


# --- A rolling restart: what happened

class Session:
    """One connection of a member."""

    def __init__(self, term, room, joined_at):
        self.term, self.room, self.joined_at = term, room, joined_at
        self.received, self.sent = [], []  # (message, time), in order
        self.closed_at = self.code = None


def order_of(sessions):
    """The one order that all of them saw a stretch of. Raises ValueError where there is none."""
    behind, first = {}, set()
    for session in sessions:
        messages = [message for message, _ in session.received]
        if len(set(messages)) != len(messages):
            raise ValueError('a member had a message twice')
        first |= set(messages[:1])
        for before, after in zip(messages, messages[1:]):
            if behind.setdefault(before, after) != after:
                raise ValueError(f'behind {before} comes {behind[before]} for one member, {after} for another')
    begins = first - set(behind.values())
    if len(begins) > 1:
        raise ValueError(f'members saw stretches that do not touch, beginning with {sorted(begins)}')
    order = list(begins)
    while order and order[-1] in behind:
        order.append(behind[order[-1]])
    return order


def judge_member(session, order, sent_at, seen_at):
    """What it should have received and has not."""
    place = {message: i for i, message in enumerate(order)}
    begin = place[session.received[0][0]] if session.received else len(order)
    end = place[session.received[-1][0]] + 1 if session.received else 0
    if session.received:
        early = [m for m in order[:begin] if sent_at[m] > session.joined_at]
        late = [m for m in order[end:] if seen_at[m] < session.closed_at - GRACE_S]
    else:
        early, late = [], [m for m in order if sent_at[m] > session.joined_at and
                           seen_at[m] < session.closed_at - GRACE_S]
    if early:
        return f'sent after its 101 and not received: {early[:5]}'
    return f'received by others, but not by it before its Close frame: {late[:5]}' if late else ''


def judge_publisher(session, place):
    """What it sent and nobody received."""
    published = [place.get(message) for message, _ in session.sent]
    count = next((i for i, at in enumerate(published) if at is None), len(published))
    if any(at is not None for at in published[count:]):
        return f'{session.sent[count][0]} is missing, but not what came behind it'
    if published[:count] != sorted(published[:count]):
        return 'its messages were published in another order'
    own = {message for message, _ in session.sent}
    if any(m not in place for m, _ in session.received if m in own):
        return 'it has a copy of what was not published'
    lost = [m for m, at in session.sent[count:] if at < session.closed_at - GRACE_S]
    return f'sent long before its Close frame and not published: {lost[:5]}' if lost else ''


def judge(sessions):
    """What was wrong in a room, in one term of a process; [] if nothing."""
    try:
        order = order_of(sessions)
    except ValueError as error:
        return [str(error)]
    place = {message: i for i, message in enumerate(order)}
    sent_at = {m: at for s in sessions for m, at in s.sent}
    seen_at = {}
    for session in sessions:
        for message, at in session.received:
            seen_at[message] = min(at, seen_at.get(message, at))
    problems = [judge_member(s, order, sent_at, seen_at) for s in sessions]
    problems += [judge_publisher(s, place) for s in sessions]
    return [p for p in problems if p]


def judge_can_fail(tap):
    """The judge, with made-up sessions."""
    def session(received, sent=(), joined=0.0, closed=100.0):
        made = Session('term', 'room', joined)
        made.received, made.sent, made.closed_at = [(m, 10.0 + m) for m in received], list(sent), closed
        return made
    everything = [(m, 9.5 + m) for m in range(10)]
    publisher = session(range(10), everything)
    table = [
        ('all of it', [session(range(10))], True), ('a stretch, by when it was there', [session(range(3, 7), (), 12.4, 17)], True),
        ('nothing, in no time', [session([], (), 12.4, 12.6)], True), ('a gap', [session([0, 1, 3, 4])], False),
        ('the same gap for all', [session([0, 2])], False), ('another order', [session([0, 2, 1])], False),
        ('twice', [session([0, 0])], False), ('a late beginning', [session(range(3, 10), (), 11.4)], False),
        ('an early end', [session(range(5))], False), ('nothing at all', [session([])], False),
    ]
    for name, others, good in table:
        tap.equal(not judge([publisher] + others), good, f'the judge: {name}')
    tap.ok(judge([session([0, 1, 2, 4], [(m, 9.5 + m) for m in range(5)])]), 'the judge: lost before it was published')
    tap.ok(judge([session(range(3), everything)]), 'the judge: not published long before the end')
    tap.ok(not judge([session(range(3), everything, 0, 13)]), 'the judge: not published at the end')


# --- A rolling restart: the clients

class Fleet:
    """Members that come back whenever they are told to go, on an event loop in a thread of its own."""

    def __init__(self, port, context, process_of):
        self.url, self.context, self.process_of = f'wss://127.0.0.1:{port}', context, process_of
        self.terms = {}  # process: how often it was started
        self.sessions, self.failures, self.visits, self.codes = [], [], [], {}
        self.stopping = False
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.tasks = asyncio.run_coroutine_threadsafe(self.run(), self.loop)

    async def run(self):
        members = [self.member(f'r{room}m{i}', f'room{room}', i < PUBLISHERS, i == MEMBERS - 1)
                   for room in range(ROOMS) for i in range(MEMBERS)]
        await asyncio.gather(*members, *(self.pass_by() for _ in range(PASSERS_BY)))

    async def connect(self, path):
        """(connection, term), or None: the handshake failed."""
        try:
            connection = await websockets.connect(
                self.url + path, ssl=self.context, server_hostname='localhost', ping_interval=None, max_queue=None,
                open_timeout=PATIENCE_S, close_timeout=PATIENCE_S, compression=None)
        except (OSError, asyncio.TimeoutError, websockets.WebSocketException) as error:
            self.failures.append((time.monotonic(), path, repr(error)))
            await asyncio.sleep(0.1)
            return None
        process = self.process_of(connection.transport.get_extra_info('peercert'))
        return connection, (process, self.terms[process])

    async def member(self, name, room, publishes, is_restless):
        number = 0
        while not self.stopping:
            connected = await self.connect(f'/room/{room}')
            if not connected:
                continue
            connection, term = connected
            session = Session(term, room, time.monotonic())
            self.sessions.append(session)
            number += 1
            tasks = [asyncio.create_task(self.leave(connection, is_restless))]
            if publishes:
                tasks.append(asyncio.create_task(self.publish(connection, session, f'{name}s{number}')))
            await self.receive(connection, session)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def receive(self, connection, session):
        try:
            while True:
                session.received.append((await connection.recv(), time.monotonic()))
        except websockets.ConnectionClosed as closed:
            session.closed_at = time.monotonic()
            session.code = closed.rcvd.code if closed.rcvd else None
            self.codes[session.code] = self.codes.get(session.code, 0) + 1

    async def publish(self, connection, session, name):
        count = 0
        while not self.stopping:
            session.sent.append((f'{name}:{count}', time.monotonic()))
            try:
                await connection.send(session.sent[-1][0])
            except websockets.ConnectionClosed:
                session.sent.pop()
                return
            count += 1
            await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.5))

    async def leave(self, connection, is_restless):
        """In a moment, or at the end, when all has arrived."""
        until = time.monotonic() + random.uniform(1, 3)
        while not self.stopping and not (is_restless and time.monotonic() > until):
            await asyncio.sleep(0.1)
        if self.stopping:
            await asyncio.sleep(GRACE_S + 1)
        await connection.close()

    async def pass_by(self):
        while not self.stopping:
            connected = await self.connect('/echo')
            if not connected:
                continue
            connection, term = connected
            try:
                await connection.send('hello')
                if await connection.recv() != 'hello':
                    self.failures.append((time.monotonic(), '/echo', 'something else came back'))
            except websockets.ConnectionClosed as closed:
                if not closed.rcvd or closed.rcvd.code != 1001:
                    self.failures.append((time.monotonic(), '/echo', repr(closed)))
            self.visits.append((time.monotonic(), term))
            await connection.close()
            await asyncio.sleep(random.uniform(0, 0.05))

    def visited(self, term, since=0):
        return sum(at >= since and visited == term for at, visited in self.visits)

    def stop(self):
        self.stopping = True
        self.tasks.result(2 * PATIENCE_S)
        self.loop.call_soon_threadsafe(self.loop.stop)


# --- A rolling restart: the processes

def serial_of(certificates, name):
    return subprocess.run(['openssl', 'x509', '-in', certificates.path(f'{name}.pem'), '-noout', '-serial'], text=True,
                          capture_output=True, check=True).stdout.strip().partition('=')[2]


class Pair:
    """Two processes whose certificates tell them apart."""
    NAMES = {'one': 'server-ec', 'two': 'server-rsa'}

    def __init__(self, certificates):
        self.certificates = certificates
        self.ports = {process: (free_port(), free_port()) for process in self.NAMES}
        self.serials = {serial_of(certificates, name).upper(): process for process, name in self.NAMES.items()}
        self.servers = {}

    def process_of(self, certificate):
        return self.serials[certificate['serialNumber'].rjust(16, '0')]

    def start(self, process):
        plain, secure = self.ports[process]
        self.servers[process] = Server(
            '--listen', f'127.0.0.1:{plain}, 127.0.0.1:{secure} proxy tls', '--drain-delay', '4s',
            '--drain-deadline', f'{DRAIN_S}s', *self.certificates.flags(self.NAMES[process]), port=plain, fast_drain=False)
        return self.servers[process]


def restart(tap, pair, fleet, process):
    other = 'two' if process == 'one' else 'one'
    server = pair.servers[process]
    begun = time.monotonic()
    server.signal(signal.SIGTERM)
    wait_for(lambda: server.status('/readyz') == 503)
    tap.equal(server.wait(), 0, f'{process} drains: exit code 0')
    tap.ok('did not end in time' not in server.output(), 'in time')
    took = time.monotonic() - begun
    tap.ok(4 <= took < 12, f'{process}: it waited before it said goodbye, and then did not dawdle', took)
    elsewhere = fleet.visited((other, fleet.terms[other]), begun + 2)
    tap.ok(elsewhere > 20, f'{process} goes down: new clients are sent to the other one', elsewhere)
    problem = server.stop()
    tap.ok(not problem, f'{process}: it ended well', problem)
    fleet.terms[process] += 1
    pair.start(process)
    tap.ok(wait_for(lambda: fleet.visited((process, fleet.terms[process])) > 20), f'{process} is up again, and used')
    time.sleep(2)  # rise, and clients for both


def rolling_restart(tap, certificates, folder):
    pair, port = Pair(certificates), free_port()
    addresses = {'192.0.2.11:8443': f'127.0.0.1:{pair.ports["one"][1]}',
                 '192.0.2.12:8443': f'127.0.0.1:{pair.ports["two"][1]}', 'bind :443': f'bind 127.0.0.1:{port}'}
    path = deployed('haproxy.cfg', folder, addresses)
    for process in pair.NAMES:
        pair.start(process)
    try:
        with HAProxy(path):
            context = context_of(certificates)

            def is_up():
                try:
                    client = TlsClient(port, '/echo', context)
                except OSError:
                    return False
                client.close()
                return client.status == 101
            if not tap.ok(wait_for(is_up), 'scripts/deploy/haproxy.cfg is up, over TLS'):
                return
            fleet = Fleet(port, context, pair.process_of)
            fleet.terms |= {process: 1 for process in pair.NAMES}
            tap.ok(wait_for(lambda: all(fleet.visited((p, 1)) > 20 for p in pair.NAMES)), 'both are used')
            time.sleep(2)
            for process in pair.NAMES:
                restart(tap, pair, fleet, process)
            fleet.stop()
            verdict(tap, fleet)
            for process, server in pair.servers.items():
                tap.equal(server.metrics().sum('ringcast_evictions_total'), 0, f'{process}: nobody was evicted')
    finally:
        problems = [server.stop() for server in pair.servers.values()]
    tap.equal(problems, ['', ''], 'both ended well')


def verdict(tap, fleet):
    tap.equal(fleet.failures, [], f'none of {len(fleet.visits) + len(fleet.sessions)} handshakes failed')
    tap.equal(set(fleet.codes), {1000, 1001}, f'every member heard why its connection ended: {fleet.codes}')
    tap.ok(fleet.codes.get(1001, 0) >= ROOMS * (MEMBERS - 1), 'who stayed was told to go once or more', fleet.codes)
    terms = sorted({s.term for s in fleet.sessions})
    tap.equal(terms, [('one', 1), ('one', 2), ('two', 1), ('two', 2)], 'members were in both, before and after')
    for term in terms:
        of_term = [s for s in fleet.sessions if s.term == term]
        rooms = sorted({s.room for s in of_term})
        count = len({m for s in of_term for m, _ in s.received})
        for room in rooms:
            problems = judge([s for s in of_term if s.room == room])
            tap.equal(problems, [], f'{term}, {room}: nothing was lost')
        # When the last one is up again, only the restless find the way to it.
        tap.ok(count > 50 or term == ('two', 2), f'{term}: {count} messages, {len(of_term)} connections', rooms)


def main():
    need('openssl', 'haproxy')
    with Tap() as tap, tempfile.TemporaryDirectory() as folder:
        certificates = Certificates(os.path.join(folder, 'certificates'))
        judge_can_fail(tap)
        headers(tap, certificates, folder)
        rolling_restart(tap, certificates, folder)


if __name__ == '__main__':
    sys.exit(main())

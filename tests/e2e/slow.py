#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A room in which some members never read: the others get everything, those are evicted at their
limit, and the server's memory comes back.

All readers receive the same bytes, so what each got is compared with what was published. The publisher
goes on when all readers have what it sent before: a reader that were held up by the slow ones would
hold up the test.
"""

import resource
import select
import socket
import struct
import sys
import time

from ringcast import (BINARY, CLOSE, PATIENCE_S, TEXT, Client, Server, Tap, frame, split_frame,
                      upgrade_request, wait_for)

MEMBERS, SLOW = 1000, 100
MESSAGE_BYTES = 4096
BATCH = 32  # messages on their way: half of outbound_bytes and outbound_buffer below
CLOSE_TIMEOUT_MS = 500
# The readers only compare bytes: no pings, and nobody is reaped for not answering them.
QUIET = ('--ping-interval', 0, '--idle-timeout', 0, '--close-timeout', f'{CLOSE_TIMEOUT_MS}ms')
MIB = 1024  # in KiB


def message(number):
    return struct.pack('>I', number) * (MESSAGE_BYTES // 4)


def as_sent(number):
    """The frame that members receive."""
    return b'\x82\x7e' + struct.pack('>H', MESSAGE_BYTES) + message(number)


def connect(port, path, receive_buffer=None):
    s = socket.socket()
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    s.settimeout(PATIENCE_S)
    s.connect(('127.0.0.1', port))
    s.sendall(upgrade_request(path))
    head = b''
    while not head.endswith(b'\r\n\r\n'):
        head += s.recv(1)  # and nothing of what follows
    if b' 101 ' not in head:
        raise RuntimeError(head)
    return s


class Readers:
    def __init__(self, port, path, count):
        self.poll = select.epoll()
        self.sockets = {}
        self.have = {}  # bytes, by descriptor
        self.wrong = set()
        for _ in range(count):
            s = connect(port, path)
            s.setblocking(False)
            self.sockets[s.fileno()] = s
            self.have[s.fileno()] = 0
            self.poll.register(s, select.EPOLLIN)

    def take(self, fd, stream, begin):
        """`stream` are the bytes from `begin` on that are on their way."""
        try:
            data = self.sockets[fd].recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        at = self.have[fd] - begin
        if not data or data != stream[at:at + len(data)]:
            self.wrong.add(fd)
            self.poll.unregister(fd)
        self.have[fd] += len(data)

    def read_until(self, stream, begin):
        """True when all have all of it."""
        end = begin + len(stream)
        deadline = time.monotonic() + PATIENCE_S
        waiting = {fd for fd, have in self.have.items() if have < end} - self.wrong
        while waiting and time.monotonic() < deadline:
            for fd, _ in self.poll.poll(1):
                self.take(fd, stream, begin)
                if self.have[fd] >= end or fd in self.wrong:
                    waiting.discard(fd)
        for fd in list(waiting)[:3]:
            print(f'# reader {fd} stands at {self.have[fd]} of {end}, {len(waiting)} do not go on')
        return not waiting

    def dismiss(self, keep):
        for fd in list(self.sockets)[keep:]:
            self.poll.unregister(fd)
            self.sockets.pop(fd).close()
            del self.have[fd]

    def close(self):
        self.poll.close()
        for s in self.sockets.values():
            s.close()


def publish(server, readers, publisher, first, done, batches_max):
    """Batches until done() or batches_max. Number of the next message, None when readers were held up."""
    number = first
    for _ in range(batches_max):
        numbers = range(number, number + BATCH)
        publisher.sendall(b''.join(frame(BINARY, message(i), mask=bytes(4)) for i in numbers))
        stream = b''.join(as_sent(i) for i in numbers)
        if not readers.read_until(stream, number * len(as_sent(0))):
            return None
        number += BATCH
        if done():
            break
    return number


def evicted(server):
    closes = server.metrics().by('ringcast_closes_total', 'reason')
    return {reason: int(n) for reason, n in closes.items() if reason.startswith('slow_') and n}


def ending(s):
    """How an evicted client's connection ends: the Close frame's code, 'end' or 'reset'."""
    data = b''
    try:
        while piece := s.recv(1 << 16):
            data += piece
    except ConnectionResetError:
        return 'reset'
    data = data[len(data) // len(as_sent(0)) * len(as_sent(0)):]  # behind the last whole message
    split = split_frame(data)
    return struct.unpack('>H', split[1][:2])[0] if split and split[0] == CLOSE else 'end'


def a_round(tap, server, readers, publisher, slow_count, reason, name, first, before):
    """Slow members come, are evicted and go. Number of the next message."""
    slow = [connect(server.port, '/room/crowd', receive_buffer=1) for _ in range(slow_count)]
    evictions = server.metrics().sum('ringcast_evictions_total') + slow_count
    number = publish(server, readers, publisher, first,
                     lambda: server.metrics().sum('ringcast_evictions_total') >= evictions, 300)
    tap.ok(number is not None and not readers.wrong,
           f'{name}: {len(readers.sockets)} readers got every message',
           f'{len(readers.wrong)} went wrong')
    if number is None:
        return first
    # By age, also when nothing more is published.
    wait_for(lambda: server.metrics().sum('ringcast_evictions_total') >= evictions)
    tap.equal(server.metrics().sum('ringcast_evictions_total'), evictions,
              f'{name}: {slow_count} evicted, after {number - first} messages')
    # Nobody reads, so the server waits for the answer to its Close for close_timeout.
    members = len(readers.sockets)
    tap.ok(wait_for(lambda: server.metrics().sum('ringcast_memberships') == members),
           f'{name}: they have left the room')
    closes = {r: n - before.get(r, 0) for r, n in evicted(server).items() if n > before.get(r, 0)}
    tap.equal(closes, {reason: slow_count}, f'{name}: closes are counted by their reason')
    endings = {ending(s) for s in slow[:4]}  # their tiny windows make reading slow
    tap.ok(endings <= {1013, 'end', 'reset'}, f'{name}: their connections end', endings)
    for s in slow:
        s.close()
    more = publish(server, readers, publisher, number, lambda: False, 2)
    tap.ok(more is not None and not readers.wrong, f'{name}: the room goes on')
    tap.equal(server.metrics().sum('ringcast_backlogs'), 0, f'{name}: nothing waits any more')
    return more or number


def big_room(tap):
    with Server('--outbound-bytes', '256k', '--outbound-buffer', 65536, '--outbound-age', 0,
                *QUIET) as server:
        readers = Readers(server.port, '/room/crowd', MEMBERS - SLOW)
        publisher = next(iter(readers.sockets.values()))
        number = publish(server, readers, publisher, 0, lambda: False, 3)
        tap.ok(number and not readers.wrong, f'{MEMBERS - SLOW} members before the slow ones come')
        rss = [server.rss_kib()]
        for i in (1, 2):
            number = a_round(tap, server, readers, publisher, SLOW, 'slow_bytes', f'round {i}', number,
                             evicted(server))
            rss.append(server.rss_kib())
            readers.dismiss(MEMBERS // 10)  # the second round is about memory alone
            wait_for(lambda: server.metrics().sum('ringcast_memberships') == MEMBERS // 10)
        # What 100 limits could hold is 25 MiB; the pools keep a few MiB of what they once had.
        tap.ok(rss[1] - rss[0] < 12 * MIB, 'memory returns to near where it was', f'KiB: {rss}')
        tap.ok(rss[2] - rss[1] < 3 * MIB, 'and a second round adds nothing', f'KiB: {rss}')
        tap.equal(server.metrics().sum('ringcast_stashed_bytes'), 0, 'nothing is stashed')
        readers.close()
        tap.ok(wait_for(lambda: server.metrics().sum('ringcast_websockets') == 0), 'all have gone')
        tap.ok(wait_for(lambda: server.metrics().sum('ringcast_frames') == 0),
               'no message is left in memory')
        print(f'# resident KiB before, after round 1, after round 2: {rss}')


def small_room(tap, reason, *flags):
    with Server(*QUIET, *flags) as server:
        readers = Readers(server.port, '/room/crowd', 30)
        publisher = next(iter(readers.sockets.values()))
        a_round(tap, server, readers, publisher, 10, reason, reason, 0, {})
        readers.close()


def hoarders(tap):
    """The sum of what clients make the server hold is bounded, and those who hold the most pay."""
    budget = 8 << 20
    with Server('--memory-budget', budget, '--outbound-age', 0, '--outbound-bytes', '1g') as server:
        with Client(server.port, '/echo') as healthy:
            hoarders, most = [], 0
            for number in range(40):  # half of a message each, and never the rest
                client = Client(server.port, '/echo')
                hoarders.append(client)
                try:
                    client.socket.sendall(frame(BINARY, bytes(1 << 20))[:(1 << 20) - 1000])
                except OSError:
                    pass
                healthy.send(TEXT, b'%d' % number)
                assert healthy.receive() == (TEXT, b'%d' % number), 'others go on'
                most = max(most, server.metrics().sum('ringcast_client_memory_bytes'))
            tap.ok(budget / 4 < most < budget * 1.5, 'what is held is bounded', most)
            metrics = server.metrics()
            gone = metrics.sum('ringcast_memory_evictions_total')
            tap.ok(20 <= gone < 40, 'who holds the most is evicted', gone)
            tap.equal(metrics.sum('ringcast_client_memory_limit_bytes'), budget, 'the bound is told')
            tap.ok(wait_for(lambda: server.metrics().sum('ringcast_closes_total', reason='memory') == gone),
                   'and counted by its reason')
            codes = [client.receive_close() for client in hoarders[:4]]
            tap.equal(codes, [1013] * 4, 'with 1013')
            for client in hoarders:
                client.close()


def dead_clients(tap):
    """Clients that reset their connection while messages are on their way to them."""
    with Server(*QUIET) as server:
        readers = Readers(server.port, '/room/crowd', 30)
        publisher = next(iter(readers.sockets.values()))
        dead = [connect(server.port, '/room/crowd', receive_buffer=1) for _ in range(50)]
        number = publish(server, readers, publisher, 0, lambda: False, 4)
        for s in dead:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            s.close()
        number = publish(server, readers, publisher, number, lambda: False, 4)
        tap.ok(number and not readers.wrong, 'resets: the others got every message')
        tap.ok(wait_for(lambda: server.metrics().sum('ringcast_memberships') == 30),
               'resets: the dead have left')
        with Client(server.port, '/echo') as client:
            client.send(BINARY, b'alive')
            tap.equal(client.receive(), (BINARY, b'alive'), 'resets: the server lives')
        readers.close()


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    with Tap() as tap:
        big_room(tap)
        unlimited = ('--outbound-bytes', '1g', '--outbound-buffer', 1 << 20, '--outbound-age', 0)
        small_room(tap, 'slow_frames', *unlimited[:3], 64, *unlimited[4:])
        small_room(tap, 'slow_age', *unlimited[:5], '300ms')
        dead_clients(tap)
        hoarders(tap)


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real clients of three kinds (python3-websockets, npm ws, Chromium) in rooms over three shards.

10,000 messages, text and binary in turn. Every member has to receive every message of its room once,
each sender's in order, and all members of a room in the same order.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
import urllib.parse

from browser import Browser
from ringcast import (PATIENCE_S, TEXT, Client, Server, Tap, end_process, in_thread, need, shorten,
                      skip, wait_for)

try:
    import websockets
except ImportError:
    skip('python3-websockets is not installed')

THREADS = 3
ROOMS = ['\u03b5\u03bb\u03bb\u03b7\u03bd\u03b9\u03ba\u03ac', '\U0001f389 party/100%?', 'lobby']
PER_ROOM = 5  # senders: two of Python, two of node, one in Chromium
MESSAGES = 10000
COUNT = -(-MESSAGES // (PER_ROOM * len(ROOMS)))  # of a sender
TOTAL = COUNT * PER_ROOM  # of a room
WINDOW = 20
MEMBERS_MAX = 60  # until then a room has a member on every shard, unless something is wrong

PAGE = """const {members, count, total, window: outstanding} = arguments[0]
const latin1 = data => Array.from(new Uint8Array(data), c => String.fromCharCode(c)).join('')
const compose = (id, i) => i % 2 === 0 ? `${id}:${i}:\\u00e9` :
    Uint8Array.from([...new TextEncoder().encode(`${id}:${i}:`), 0xff, 0x00])
window.members = members.map(({id, url}) => {
    const socket = new WebSocket(url), member = {id, socket, received: [], isDone: false}
    let sent = 0, own = 0
    socket.binaryType = 'arraybuffer'
    member.send = () => {
        while (sent < count && sent - own < outstanding)
            socket.send(compose(id, sent++))
    }
    socket.onmessage = ({data}) => {
        const text = typeof data === 'string' ? 'T' + data : 'B' + latin1(data)
        member.received.push(text)
        if (text.slice(1).startsWith(id + ':')) {
            own++
            member.send()
        }
        member.isDone ||= member.received.length === total
    }
    socket.onclose = event => { member.received.push(`closed ${event.code}`); member.isDone = true }
    return member
})"""
PAGE_OPEN = 'return window.members.every(m => m.socket.readyState === 1)'
PAGE_GO = 'window.members.forEach(m => m.send())'
PAGE_DONE = 'return window.members.every(m => m.isDone)'
PAGE_RESULT = 'return Object.fromEntries(window.members.map(m => [m.id, m.received]))'


def compose(name, i):
    return f'{name}:{i}:\u00e9' if i % 2 == 0 else f'{name}:{i}:'.encode() + b'\xff\x00'


def describe(message):
    return 'T' + message if isinstance(message, str) else 'B' + message.decode('latin-1')


class PythonMembers:
    """Members with python3-websockets, on an event loop in a thread of its own."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.sockets = {}

    def call(self, coroutine, timeout_s=180):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout_s)

    def join(self, name, url):
        async def connect():
            return await websockets.connect(url, ping_interval=None, max_queue=None)
        self.sockets[name] = self.call(connect())

    async def member(self, name, socket, sends):
        received, sent, own = [], 0, 0
        while len(received) < TOTAL:
            while sends and sent < COUNT and sent - own < WINDOW:
                await socket.send(compose(name, sent))
                sent += 1
            received.append(describe(await asyncio.wait_for(socket.recv(), PATIENCE_S)))
            own += received[-1][1:].startswith(name + ':')
        try:
            received.append(describe(await asyncio.wait_for(socket.recv(), 0.3)))
        except asyncio.TimeoutError:
            pass
        return received

    def exchange(self, senders):
        async def all_members():
            lists = await asyncio.gather(*(self.member(n, s, n in senders)
                                           for n, s in self.sockets.items()))
            return dict(zip(self.sockets, lists))
        return self.call(all_members())

    def close(self):
        async def close_all():
            await asyncio.gather(*(s.close() for s in self.sockets.values()))
        self.call(close_all())
        self.loop.call_soon_threadsafe(self.loop.stop)


class NodeMembers:
    def __init__(self, plan):
        node, = need('node')
        check = subprocess.run([node, '-e', 'require("ws")'], stderr=subprocess.DEVNULL, check=False)
        if check.returncode:
            skip('npm ws is not installed (NODE_PATH)')
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'rooms_ws.js')
        self.process = subprocess.Popen([node, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, encoding='utf-8')
        self.tell(json.dumps(plan))

    def tell(self, line):
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()

    def line(self):
        return in_thread(self.process.stdout.readline).result().strip()

    def close(self):
        end_process(self.process)


def judge(name, room, received):
    """What is wrong with what a member received; '' if nothing."""
    senders = [f'{kind}{room}{n}' for kind, n in
               (('python', 0), ('python', 1), ('node', 0), ('node', 1), ('page', 0))]
    for sender in senders:
        wanted = [describe(compose(sender, i)) for i in range(COUNT)]
        got = [r for r in received if r[1:].startswith(sender + ':')]
        if got != wanted:
            at = next((i for i, (g, w) in enumerate(zip(got, wanted)) if g != w),
                      min(len(got), len(wanted)))
            return (f'{name} has {len(got)} of {COUNT} messages of {sender}, wrong from {at} on: '
                    f'{shorten(got[at:at + 5])}')
    if len(received) != TOTAL:
        return f'{name} received {len(received)} messages, not {TOTAL}: {shorten(received[-3:])}'
    return ''


def exchange(tap, server, browser, url_of):
    plan = {'count': COUNT, 'total': TOTAL, 'window': WINDOW}
    rooms = range(len(ROOMS))
    node = NodeMembers(plan | {'members': [{'id': f'node{r}{n}', 'url': url_of(r)}
                                           for r in rooms for n in range(2)]})
    python = PythonMembers()
    try:
        tap.equal(node.line(), 'open', 'npm ws is connected')
        browser.go(f'http://127.0.0.1:{server.port}/healthz')
        browser.run(PAGE, plan | {'members': [{'id': f'page{r}0', 'url': url_of(r)} for r in rooms]})
        tap.ok(browser.wait_run(PAGE_OPEN), 'Chromium is connected')
        senders = {f'python{r}{n}' for r in rooms for n in range(2)}
        for name in sorted(senders):
            python.join(name, url_of(int(name[6])))
        # More listeners until every room has members on all shards.
        extra = 0
        while server.metrics().sum('ringcast_rooms') < THREADS * len(ROOMS) and extra < MEMBERS_MAX:
            python.join(f'listener{extra % len(ROOMS)}x{extra}', url_of(extra % len(ROOMS)))
            extra += 1
        metrics = server.metrics()
        tap.equal(metrics.sum('ringcast_rooms'), THREADS * len(ROOMS),
                  f'every room is on {THREADS} shards')
        shards = metrics.by('ringcast_shard_connections', 'shard')
        tap.ok(len(shards) == THREADS and all(shards.values()), 'connections on every shard', shards)
        tap.equal(metrics.sum('ringcast_homes'), len(ROOMS), 'as many rooms as names')

        node.tell('go')
        browser.run(PAGE_GO)
        result = python.exchange(senders)
        result |= json.loads(node.line())
        browser.wait_run(PAGE_DONE, timeout_s=120)
        result |= browser.run(PAGE_RESULT)
        members = len(python.sockets) + 3 * len(ROOMS)
        tap.equal(len(result), members, f'{members} members reported')
    finally:
        node.close()
        python.close()
    for room in rooms:
        of_room = {name: got for name, got in result.items()
                   if re.search(r'\d', name).group() == str(room)}
        for name, got in sorted(of_room.items()):
            problem = judge(name, room, got)
            tap.ok(not problem, f'room {room}, {name}: nothing lost, doubled or reordered', problem)
        first = next(iter(of_room.values()))
        tap.ok(all(got == first for got in of_room.values()),
               f'room {room}: one order for its {len(of_room)} members')
    return members


def counts(tap, server):
    metrics = server.metrics()
    tap.equal(metrics.sum('ringcast_messages_in_total'), TOTAL * len(ROOMS), 'messages are counted')
    tap.equal(metrics.sum('ringcast_published_total'), TOTAL * len(ROOMS), 'and those ordered by homes')
    tap.equal(metrics.sum('ringcast_evictions_total'), 0, 'nobody was evicted')
    tap.ok(wait_for(lambda: server.metrics().sum('ringcast_memberships') == 0),
           'who left is in no room')


def self_excluded(tap, server):
    with Client(server.port, '/room/quiet?self=0') as quiet, \
            Client(server.port, '/room/quiet?self=1') as loud, Client(server.port, '/room/quiet') as plain:
        for client, name in ((quiet, b'quiet'), (loud, b'loud'), (plain, b'plain')):
            client.send(TEXT, name)
            for other in (quiet, loud, plain):
                if not (client is other is quiet):
                    tap.equal(other.receive(), (TEXT, name),
                              f'self=0: {name.decode()} reaches {[quiet, loud, plain].index(other)}')


def names_are_equal(tap, server):
    """The same name, escaped differently, is the same room."""
    with Client(server.port, '/room/%61%C3%A9') as one, Client(server.port, '/room/a%c3%a9') as other, \
            Client(server.port, '/room/a%C3%A8') as stranger:
        one.send(TEXT, b'hello')
        tap.equal(other.receive(), (TEXT, b'hello'), 'escapes of one name lead to one room')
        stranger.send(TEXT, b'alone')
        tap.equal(stranger.receive(), (TEXT, b'alone'), 'and another name to another room')


def main():
    with Tap() as tap, Browser() as browser, \
            Server('--outbound-buffer', 16384, threads=THREADS) as server:
        def url_of(room):
            return f'ws://127.0.0.1:{server.port}/room/' + urllib.parse.quote(ROOMS[room], safe='')
        exchange(tap, server, browser, url_of)
        browser.go('about:blank')
        counts(tap, server)
        self_excluded(tap, server)
        names_are_equal(tap, server)


if __name__ == '__main__':
    sys.exit(main())

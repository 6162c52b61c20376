# SPDX-License-Identifier: MIT
"""A WebSocket server that delays, drops, doubles, reorders, damages and misdirects by a plan, and keeps a
record of what it did: what the load tool has to find.
"""

import asyncio
import base64
import collections
import hashlib
import re
import threading

GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'


class Plan:
    """What happens to message n (of the room, or in an echo of the connection) on its way to member m, by
    order of joining: sets of (n, m)."""

    def __init__(self, delay_s=0.0, drop=(), double=(), swap=(), damage=(), spoil=(), stray=(), hang_up=None,
                 stall=None, answers=None, answer_s=0.0):
        self.delay_s, self.hang_up = delay_s, hang_up  # seconds, or a function of n and m
        self.stall = stall  # (n, seconds): nothing is read for so long behind message n of a room
        self.answers = answers  # handshakes: those behind are read and not answered
        self.answer_s = answer_s  # how long each takes
        self.fates = {}
        for name, events in (('drop', drop), ('double', double), ('swap', swap), ('damage', damage),
                             ('spoil', spoil), ('stray', stray)):
            self.fates.update(dict.fromkeys(events, name))
        self.last = max([n for n, _ in self.fates] + [hang_up[0] if hang_up else 0])

    def counts(self):
        """How many of each fate there are."""
        return collections.Counter(self.fates.values())


def frame(payload):
    length = len(payload)
    if length < 126:
        return bytes([0x81, length]) + payload
    return b'\x81\x7e' + length.to_bytes(2, 'big') + payload


async def read_message(reader):
    """The payload of a text or binary message; None for anything else."""
    first, length = await reader.readexactly(2)
    length &= 0x7F
    if length == 126:
        length = int.from_bytes(await reader.readexactly(2), 'big')
    mask = await reader.readexactly(4)
    masked = await reader.readexactly(length)
    if first & 0x0F not in (1, 2):
        return None
    keys = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(masked, 'big') ^ int.from_bytes(keys, 'big')).to_bytes(length, 'big')


class ScriptedServer:
    """Serves in a thread of its own. A path that ends in /echo gives each message back to its sender; any
    other is one room. `wrap` is called with a payload and makes what is sent of it."""

    def __init__(self, plan, wrap=None):
        self.plan, self.wrap = plan, wrap or (lambda payload: payload)
        self.members, self.held, self.late, self.asked = [], {}, {}, 0
        self.sent = collections.Counter()  # messages, by connection in an echo
        self.done = collections.Counter()  # fates that were met
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
        member = None
        try:
            head = await reader.readuntil(b'\r\n\r\n')
            key = re.search(rb'Sec-WebSocket-Key: (\S+)', head).group(1)
            self.asked += 1
            if self.plan.answers is not None and self.asked > self.plan.answers:
                await reader.read()
                return
            await asyncio.sleep(self.plan.answer_s)
            accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
            writer.write(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n'
                         b'Connection: Upgrade\r\nSec-WebSocket-Accept: ' + accept + b'\r\n\r\n')
            member = len(self.members)
            self.members.append(writer)
            echo = head.split()[1].endswith(b'/echo')
            while (payload := await read_message(reader)) is not None:
                if echo:
                    self.send(self.count(member), member, payload)
                else:
                    self.publish(number := self.count('room'), payload)
                    if self.plan.stall and self.plan.stall[0] == number:
                        await asyncio.sleep(self.plan.stall[1])
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            if member is not None:  # those behind it keep their numbers
                self.members[member] = None
            writer.close()

    def count(self, stream):
        self.sent[stream] += 1
        return self.sent[stream] - 1

    def publish(self, number, payload):
        for member, writer in enumerate(self.members):
            if self.plan.hang_up == (number, member) and writer:
                # Only our half: what the client sends before it notices still counts.
                writer.write_eof()
                self.members[member] = None
            self.send(number, member, payload)

    def send(self, number, member, payload):
        writer = self.members[member]
        out = b''.join(frame(self.wrap(one)) for one in self.fate(number, member, payload))
        if not writer or not out or writer.is_closing():
            return
        if self.plan.delay_s:
            self.send_late(number, member, writer, out)
        else:
            writer.write(out)

    def send_late(self, number, member, writer, out):
        """A delayed message holds up those behind it: the order stays."""
        delay_s = self.plan.delay_s(number, member) if callable(self.plan.delay_s) else self.plan.delay_s
        at_s = max(self.loop.time() + delay_s, self.late.get(member, 0) + 1e-7)
        self.late[member] = at_s
        self.loop.call_at(at_s, writer.write, out)

    def fate(self, number, member, payload):
        fate = self.plan.fates.get((number, member))
        self.done[fate] += fate is not None
        if fate == 'swap':
            self.held[member] = payload
            return []
        out = {'drop': [], 'double': [payload, payload], 'damage': [payload[:-1]],
               'spoil': [payload[:-1] + b'y'],
               # The stamp's second word is the room.
               'stray': [payload[:8] + b'aaaaaaab' + payload[16:]]}.get(fate, [payload])
        return out + ([self.held.pop(member)] if member in self.held else [])

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The programs of tests/examples, with clients that we did not write:

    examples.py FOLDER CHAT PRICES LIBRARY CC...

LIBRARY is the shared one, for Python; `-` leaves out what needs it.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

from browser import ENTER, Browser
from clients import NodeClient, PythonClient, Refused, need_ws
from ringcast import (CLOSE, PATIENCE_S, REPORT, TEXT, Tap, end_process, frame, free_port, in_thread,
                      split_frame, upgrade_request, wait_for)

FOLDER, CHAT, PRICES, LIBRARY, *CC = sys.argv[1:]


def is_listening(port):
    with socket.socket() as s:
        return s.connect_ex(('127.0.0.1', port)) == 0


class Program:
    """An example that runs. Leaving the `with` ends it by a signal; `said` is then all that it wrote."""

    def __init__(self, *command, port, end=signal.SIGTERM):
        self.port, self.end, self.said = port, end, None
        self.output = tempfile.TemporaryFile()
        environment = dict(os.environ, RINGCAST_LIBRARY=LIBRARY)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=subprocess.STDOUT, env=environment)
        wait_for(lambda: self.process.poll() is not None or is_listening(port))

    def url(self, path):
        return f'ws://127.0.0.1:{self.port}{path}'

    def page(self, path='/'):
        """(status, body)"""
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{self.port}{path}', timeout=PATIENCE_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def stop(self):
        if self.said is None:
            if self.process.poll() is None:
                self.process.send_signal(self.end)
                try:
                    self.process.wait(PATIENCE_S)
                except subprocess.TimeoutExpired:
                    pass
            end_process(self.process)
            self.output.seek(0)
            self.said = self.output.read().decode(errors='replace')
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def status_of(client, url):
    try:
        client(url).close()
    except Refused as error:
        return error.status
    return 101


def ended_well(tap, program, name):
    code = program.stop()
    tap.ok(code == 0 and not REPORT.search(program.said) and 'Traceback' not in program.said, name,
           f'exit code {code}\n{program.said}')


# --- Each of them

def check_chat(tap):
    port = free_port()
    with Program(CHAT, f'127.0.0.1:{port}', port=port, end=signal.SIGINT) as chat:
        status, page = chat.page()
        tap.ok(status == 200 and 'new WebSocket' in page, 'chat: has a page', page)
        ann = PythonClient(chat.url('/chat/t%C3%A9a?name=Ann'))
        tap.equal(ann.next(), 'Ann is here', 'chat: who joins is told so')
        other = PythonClient(chat.url('/chat/elsewhere?name=Eve'))
        other.next()
        bob = NodeClient(chat.url('/chat/t%C3%A9a?name=B%C3%B6b'))
        tap.equal([ann.next(), bob.next()], ['B\u00f6b is here'] * 2, 'chat: all are told who joins')
        bob.send('hello')
        ann.send('hello yourself')
        tap.equal(sorted([ann.next(), ann.next()]), ['Ann: hello yourself', 'B\u00f6b: hello'],
                  'chat: all hear what is said')
        first = [bob.next(), bob.next()]
        tap.equal(sorted(first), ['Ann: hello yourself', 'B\u00f6b: hello'], 'chat: by both clients')
        bob.send(b'\xff\xfe')  # no words: goes nowhere, and does no harm
        bob.close()
        tap.equal(ann.next(), 'B\u00f6b has gone', 'chat: all are told who leaves')
        other.send('alone')
        tap.equal(other.next(), 'Eve: alone', 'chat: rooms are apart')
        tap.equal([status_of(c, chat.url(p)) for c in (PythonClient, NodeClient)
                   for p in ('/chat/tea', '/chat/?name=Ann', '/other?name=Ann')], [400] * 6,
                  'chat: without a room and a name there is no way in')
        ann.send('x' * 1001)
        tap.equal(ann.next(), 'closed 1009', 'chat: a message that is too long ends it')
        ending = in_thread(chat.stop)
        tap.equal(other.next(), 'closed 1001', 'chat: says goodbye')
        ending.result()
        ended_well(tap, chat, 'chat: ends well')


def check_chat_page(tap):
    port = free_port()
    with Program(CHAT, f'127.0.0.1:{port}', port=port, end=signal.SIGINT) as chat, Browser() as browser:
        bob = NodeClient(chat.url('/chat/garden?name=Bob'))
        bob.next()
        browser.go(f'http://127.0.0.1:{port}/?name=Ann#garden')
        tap.equal(bob.next(), 'Ann is here', 'chat: the page opens')
        browser.type('#say', 'hello' + ENTER)
        tap.equal(bob.next(), 'Ann: hello', 'chat: the page says')
        bob.send('<b>hello</b>')
        shown = browser.wait_run("const t = document.querySelector('#all').textContent; "
                                 "return t.includes('Bob:') && t")
        tap.equal(shown, 'Ann is here\nAnn: hello\nBob: <b>hello</b>\n', 'chat: the page shows')


def check_prices(tap):
    port = free_port()
    with Program(PRICES, f'127.0.0.1:{port}', port=port) as prices:
        members = {'EUR': PythonClient(prices.url('/prices/EUR')), 'GBP': NodeClient(prices.url('/prices/GBP'))}
        for symbol, member in members.items():
            got = [member.next().split() for _ in range(100)]
            numbers = [int(number) for _, number, _ in got[20:]]  # the welcome is long behind
            wanted = list(range(numbers[0], numbers[0] + 80))
            tap.ok({s for s, _, _ in got} == {symbol} and numbers == wanted,
                   f'prices: {symbol} come in order, none twice', got)
        status, page = prices.page()
        tap.ok(status == 200 and [line.split()[0] for line in page.splitlines()] == ['EUR', 'GBP', 'JPY'],
               'prices: a page of all', page)
        tap.equal(status_of(PythonClient, prices.url('/prices/XXX')), 404, 'prices: others are not found')
        members['GBP'].send('cheaper, please')
        ending = in_thread(prices.stop)
        last = ''
        while not last.startswith('closed'):
            last = members['EUR'].next()
        tap.equal(last, 'closed 1001', 'prices: says goodbye')
        ending.result()
        ended_well(tap, prices, 'prices: ends well')
        tap.ok('published' in prices.said, 'prices: counts', prices.said)


def without_counts(client):
    """Its next message that is not of the poll's own thread."""
    while True:
        message = client.next()
        if not message.endswith(' connected'):
            return message


def check_poll(tap):
    port = free_port()
    with Program(sys.executable, f'{FOLDER}/poll.py', f'127.0.0.1:{port}', port=port) as poll:
        ann = PythonClient(poll.url('/poll/tea%3F?name=Ann'))
        bob = NodeClient(poll.url('/poll/tea%3F?name=B%C3%B6b'))
        tap.equal([without_counts(ann), without_counts(bob)],
                  ['welcome Ann, so far: {}', 'welcome B\u00f6b, so far: {}'], 'poll: Python is told of both')
        ann.send('yes')
        tap.equal([without_counts(ann), without_counts(bob)], ['{"yes": 1}'] * 2, 'poll: publishes')
        bob.send('no')
        tap.equal([without_counts(ann), without_counts(bob)], ['{"no": 1, "yes": 1}'] * 2, 'poll: to both')
        tap.equal(json.loads(poll.page()[1]), {'tea?': {'no': 1, 'yes': 1}}, 'poll: answers over HTTP')
        while (told := ann.next()) != '2 connected':
            pass
        tap.equal(told, '2 connected', "poll: a thread of Python's broadcasts")
        tap.equal(status_of(NodeClient, poll.url('/poll/tea')), 400, 'poll: refuses with a status')
        bob.send(b'\0')
        tap.equal(without_counts(bob), 'closed 1003', 'poll: closes with a code')
        ending = in_thread(poll.stop)
        tap.equal(without_counts(ann), 'closed 1001', 'poll: says goodbye')
        ending.result()
        ended_well(tap, poll, 'poll: ends well')


def with_early_message(port):
    """The first messages of who sends one together with the request."""
    with socket.create_connection(('127.0.0.1', port), timeout=PATIENCE_S) as s:
        s.sendall(upgrade_request('/rooms/early') + frame(TEXT, 'already here'))
        data = b''
        while b'\r\n\r\n' not in data:
            data += s.recv(65536)
        head, _, data = data.partition(b'\r\n\r\n')
        if not head.startswith(b'HTTP/1.1 101 '):
            return head
        while not (split := split_frame(data)):
            piece = s.recv(65536)
            if not piece:
                return data
            data += piece
        s.sendall(frame(CLOSE))
        return split[:2]


def check_adopt(tap):
    port = free_port()
    with Program(sys.executable, f'{FOLDER}/adopt.py', str(port), port=port) as adopt:
        ann = PythonClient(adopt.url('/rooms/caf%C3%A9'))
        bob = NodeClient(adopt.url('/rooms/caf%C3%A9'))
        tap.equal(ann.next(), 'one more is here', 'adopt: sockets of http.server become members')
        ann.send('hello')
        bob.send(b'\x00\xff')
        tap.equal(sorted([bob.next(), bob.next()], key=str), sorted(['hello', b'\x00\xff'], key=str),
                  'adopt: all hear all')
        tap.equal(adopt.page(), (200, '2 are connected\n'), 'adopt: http.server goes on')
        tap.equal(with_early_message(port), (TEXT, b'already here'), 'adopt: nothing of what it read is lost')
        bob.close()
        wait_for(lambda: adopt.page()[1] == '1 are connected\n')
        tap.equal(adopt.page()[1], '1 are connected\n', 'adopt: the closing handshake')
        ending = in_thread(adopt.stop)
        while not (last := str(ann.next())).startswith('closed'):
            pass
        tap.equal(last, 'closed 1001', 'adopt: says goodbye')
        ending.result()
        ended_well(tap, adopt, 'adopt: ends well')


# --- The structures of the binding

LAYOUT = """#include <ringcast/ringcast.h>
#include <stdio.h>
int main(void)
{
%s
    return 0;
}
"""


def check_layout(tap):
    """Every structure is as large, and every field where it is, as the C compiler says."""
    os.environ['RINGCAST_LIBRARY'] = LIBRARY
    # Its name is taken here: by what the tests share.
    import importlib.util
    spec = importlib.util.spec_from_file_location('binding', f'{FOLDER}/ringcast.py')
    binding = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(binding)
    structures = {'id': binding.Id, 'room_name': binding.RoomName, 'decision': binding.Decision,
                  'answer': binding.Answer, 'end': binding.End, 'callbacks': binding.Callbacks,
                  'listener': binding.Listener, 'options': binding.Options,
                  'registration': binding.Registration}
    lines, ours = [], []
    for name, structure in structures.items():
        lines.append(f'    printf("{name} %zu\\n", sizeof(struct ringcast_{name}));')
        ours.append(f'{name} {binding.ctypes.sizeof(structure)}')
        for field, *_ in structure._fields_:
            lines.append(f'    printf("{name}.{field} %zu\\n", offsetof(struct ringcast_{name}, {field}));')
            ours.append(f'{name}.{field} {getattr(structure, field).offset}')
    include = os.path.join(FOLDER, '../../include')
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*CC, '-x', 'c', '-', '-I', include, '-o', f'{folder}/layout'], check=True,
                       input=LAYOUT % '\n'.join(lines), text=True)
        theirs = subprocess.run([f'{folder}/layout'], stdout=subprocess.PIPE, text=True, check=True).stdout
    tap.equal(ours, theirs.splitlines(), 'binding: has the layout of C')
    constants = (binding.TO_PROGRAM, binding.TO_ROOM, binding.ECHO, binding.TEXT, binding.BINARY)
    tap.equal(constants, (0, 1, 2, 1, 2), 'binding: has the constants of C')


need_ws()
with Tap() as results:
    check_chat(results)
    check_chat_page(results)
    check_prices(results)
    if LIBRARY != '-':
        check_layout(results)
        check_poll(results)
        check_adopt(results)

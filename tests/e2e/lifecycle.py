#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The server as a process: configuration, start, signals, time-outs, limits, figures, end."""

import ctypes
import errno
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from ringcast import (BINARY, CLOSE, PATIENCE_S, PING, PONG, TEXT, Client, Server, Tap, frame, free_port,
                      in_thread, parse_metrics, upgrade_request, wait_for)

BINARY_PATH = sys.argv[1] if len(sys.argv) > 1 else ''


def run(*arguments, environment=None, **options):
    """(exit code, stdout, stderr) of a call that is expected to end by itself."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith('RINGCAST_')}
    done = subprocess.run([BINARY_PATH, *map(str, arguments)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE_S, check=False,
                          env=clean | (environment or {}), **options)
    return done.returncode, done.stdout, done.stderr


# --- Configuration

def wrong_configurations(tap, folder):
    def file(name, text):
        path = os.path.join(folder, name)
        with open(path, 'w', encoding='utf-8') as out:
            out.write(text)
        return path

    table = [
        ('unknown flag', ['--treads', '2'], {}, r"'?treads'?.*threads"),
        ('flag without a value', ['--threads'], {}, 'value'),
        ('a word that is no flag', ['serve'], {}, 'serve'),
        ('number that is none', ['--threads', 'many'], {}, 'threads.*many'),
        ('negative number', ['--threads', '-1'], {}, 'threads'),
        ('number out of range', ['--threads', '100000'], {}, 'threads.*range'),
        ('time without a unit', ['--idle-timeout', '90'], {}, 'idle.timeout.*(unit|time)'),
        ('size out of range', ['--outbound-bytes', '1'], {}, 'outbound.bytes'),
        ('not a power of two', ['--recv-buffers', '1000'], {}, 'recv.buffers.*power'),
        ('neither yes nor no', ['--pin', 'maybe'], {}, 'pin.*maybe'),
        ('unknown level', ['--log-level', 'loud'], {}, 'log.level.*loud'),
        ('port above 65535', ['--listen', '127.0.0.1:65536'], {}, '65536'),
        ('port that is none', ['--listen', '127.0.0.1:http'], {}, 'http'),
        ('address without a port', ['--listen', '127.0.0.1'], {}, '127.0.0.1'),
        ('address that is none', ['--listen', '300.0.0.1:8080'], {}, '300.0.0.1'),
        ('options that contradict each other', ['--ping-interval', '60s', '--idle-timeout', '30s'], {},
         'idle.timeout.*ping.interval'),
        ('missing file', ['--config', os.path.join(folder, 'missing.ini')], {}, 'missing.ini'),
        ('folder for a file', ['--config', folder], {}, re.escape(folder)),
        ('unknown key', ['--config', file('key.ini', '[ringcast]\n\nlisen = *:1\n')], {},
         r'key\.ini:3.*lisen.*listen'),
        ('unknown section', ['--config', file('section.ini', '[server]\nthreads = 1\n')], {},
         r'section\.ini:2.*server'),
        ('wrong value in a file', ['--config', file('value.ini', 'threads = x\n')], {},
         r'value\.ini:1.*threads'),
        ('key twice', ['--config', file('twice.ini', 'threads = 1\nthreads = 2\n')], {},
         r'twice\.ini:2.*threads'),
        ('line that is no setting', ['--config', file('line.ini', 'threads = 1\nnonsense\n')], {},
         r'line\.ini:2'),
        ('wrong value in the environment', [], {'RINGCAST_THREADS': 'x'}, 'RINGCAST_THREADS'),
        ('misspelt variable', [], {'RINGCAST_TREADS': '1'}, 'RINGCAST_TREADS.*threads'),
        ('missing file in the environment', [], {'RINGCAST_CONFIG': folder + '/none'}, 'none'),
    ]
    for name, arguments, environment, pattern in table:
        for check in ([], ['--check-config']):
            code, out, err = run(*check, *arguments, environment=environment)
            one_line = err.count('\n') == 1 and err.endswith('\n')
            tap.ok(code == 2 and one_line and not out and re.search(pattern, err),
                   f'{name}{" with --check-config" if check else ""}: one line, exit code 2',
                   f'code {code}, stdout {out!r}, stderr {err!r}')


def good_configurations(tap, folder):
    code, out, err = run('--help')
    tap.ok(code == 0 and '--listen' in out and '--drain-deadline' in out and not err, '--help', out + err)
    code, out, err = run('--version')
    tap.ok(code == 0 and re.fullmatch(r'ringcast \d+\.\d+\.\d+\n', out) and not err, '--version', out)
    code, out, err = run('--check-config', '--threads', 2)
    tap.ok(code == 0 and not err, '--check-config of a right one', out + err)

    path = os.path.join(folder, 'all.ini')
    with open(path, 'w', encoding='utf-8') as file:
        file.write('; a comment\n[ringcast]\nthreads = 3\nidle-timeout = 2m\nMAX_ROOMS = 77\n')
    printed = {}
    for name, arguments, environment in (
            ('file', ['--config', path], {}),
            ('environment over file', ['--config', path], {'RINGCAST_THREADS': '4'}),
            ('flag over environment', ['--config', path, '--threads=5'], {'RINGCAST_THREADS': '4'}),
            ('file by environment', [], {'RINGCAST_CONFIG': path})):
        code, out, _ = run('--print-config', *arguments, environment=environment)
        printed[name] = dict(re.findall(r'^(\w+) = (.*)$', out, re.MULTILINE)) if code == 0 else {}
    for name, threads in (('file', '3'), ('environment over file', '4'), ('flag over environment', '5'),
                          ('file by environment', '3')):
        tap.equal(printed[name].get('threads'), threads, f'--print-config: {name}')
    tap.equal((printed['file'].get('idle_timeout'), printed['file'].get('max_rooms')), ('2m', '77'),
              'dashes and capitals in keys')
    _, out, _ = run('--print-config', '--threads', 6, '--outbound-bytes', '5000', '--pin', 'no')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(out)
    tap.equal(run('--print-config', '--config', path)[1], out, '--print-config writes what --config reads')


def ports(tap):
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        s.listen()
        port = s.getsockname()[1]
        code, _, err = run('--listen', f'127.0.0.1:{port}')
        tap.ok(code == 2 and err.count('\n') == 1 and str(port) in err and 'in use' in err,
               'port in use: one line, exit code 2', f'{code} {err}')
    with Server() as server:
        code, _, err = run('--listen', f'127.0.0.1:{server.port}')
        tap.ok(code == 2 and 'in use' in err, 'port of another ringcast', f'{code} {err}')
    code, _, err = run('--listen', '192.0.2.1:8080')
    tap.ok(code == 2 and err.count('\n') == 1, "another machine's address: one line, exit code 2",
           f'{code} {err}')
    port = free_port()
    # The last --listen counts.
    with Server('--listen', f'127.0.0.1:{port},[::1]:{port}', port=port):
        with socket.create_connection(('::1', port), PATIENCE_S) as s:
            s.sendall(b'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
            tap.ok(s.recv(100).startswith(b'HTTP/1.1 200'), 'two addresses, one of them IPv6')


# --- io_uring forbidden

def forbid_io_uring(error):
    """For preexec_fn: a seccomp filter under which io_uring_setup fails."""
    libc = ctypes.CDLL(None, use_errno=True)

    class Filter(ctypes.Structure):
        _fields_ = [('code', ctypes.c_ushort), ('jt', ctypes.c_ubyte), ('jf', ctypes.c_ubyte),
                    ('k', ctypes.c_uint)]

    class Program(ctypes.Structure):
        _fields_ = [('len', ctypes.c_ushort), ('filter', ctypes.POINTER(Filter))]
    load, jump_equal, answer = 0x20, 0x15, 0x06
    io_uring_setup = 425  # on every architecture
    filters = (Filter * 4)(
        (load, 0, 0, 0), (jump_equal, 0, 1, io_uring_setup),
        (answer, 0, 0, 0x00050000 | error), (answer, 0, 0, 0x7fff0000))
    program = Program(4, filters)
    pr_set_no_new_privs, pr_set_seccomp, filter_mode = 38, 22, 2

    def forbid():
        if libc.prctl(pr_set_no_new_privs, 1, 0, 0, 0) or \
                libc.prctl(pr_set_seccomp, filter_mode, ctypes.byref(program), 0, 0):
            raise OSError(ctypes.get_errno(), 'prctl')
    return forbid


def io_uring_forbidden(tap):
    for error, words in ((errno.EPERM, ['seccomp', 'Docker', 'io_uring_setup']),
                         (errno.ENOSYS, ['io_uring', 'seccomp', 'Linux'])):
        code, _, err = run('--listen', f'127.0.0.1:{free_port()}', preexec_fn=forbid_io_uring(error))
        tap.ok(code == 1 and all(w in err for w in words) and err.count('\n') == 1,
               f'io_uring forbidden with error {error}: one line that says why, exit code 1',
               f'{code} {err}')


# --- Signals

def draining(tap):
    """One message a moment over the deadline, so that clients do not come back in one wave."""
    clients_count = 40
    with Server('--drain-delay', '700ms', '--drain-deadline', '2s', fast_drain=False) as server:
        clients = [Client(server.port, '/room/x' if i % 2 else '/echo') for i in range(clients_count)]
        silent = Client(server.port, '/echo')  # does not answer the Close frame
        half = socket.create_connection(('127.0.0.1', server.port), PATIENCE_S)
        half.sendall(b'GET / HT')
        server.signal(signal.SIGTERM)
        tap.ok(wait_for(lambda: server.status('/readyz') == 503), 'SIGTERM: /readyz is 503 at once')
        tap.equal(server.status('/healthz'), 200, 'and /healthz still 200')
        tap.equal(server.metrics().sum('ringcast_ready'), 0, 'and the metric says so')
        clients[0].send(TEXT, b'still served')
        tap.equal(clients[0].receive(), (TEXT, b'still served'), 'until drain_delay has passed')

        def goodbye(client):
            code = client.receive_close()
            at = time.monotonic()
            try:
                client.send(CLOSE, struct.pack('>H', code or 1000))
                rest = client.receive()
            except OSError:
                rest = None, b''
            return code, at, rest
        ends = [h.result() for h in [in_thread(goodbye, c) for c in clients]]
        tap.equal({code for code, _, _ in ends}, {1001}, f'Close 1001 goes to all {clients_count}')
        tap.equal({rest for _, _, rest in ends}, {(None, b'')}, 'and nothing behind it')
        times = sorted(at for _, at, _ in ends)
        tap.ok(times[-1] - times[0] > 0.5, 'spread over the deadline', [t - times[0] for t in times])
        tap.equal(silent.receive_close(), 1001, 'whoever does not answer has heard it too')
        try:
            Client(server.port, '/echo').close()
            refused = False
        except OSError:
            refused = True
        tap.ok(refused, 'nobody is let in any more')
        tap.equal(server.wait(), 0, 'exit code 0')
        half.close()


def asking(tap):
    """Whoever has connected before the end and asks for something gets an answer, no bare end of stream and no reset."""
    upgrade, page = upgrade_request('/echo'), b'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'

    def answer(connection):
        try:
            return connection.recv(12)
        except OSError as error:
            return repr(error).encode()
    with Server('--drain-deadline', '20s', fast_drain=False) as server:
        connections = [socket.create_connection(('127.0.0.1', server.port), PATIENCE_S) for _ in range(5)]
        cut, cut_page, slow, silent, nothing = connections
        for connection, sent in ((cut, upgrade[:40]), (cut_page, page[:20]), (slow, upgrade[:40]), (silent, page[:5])):
            connection.sendall(sent)
        server.status('/')
        # More than there are accepts that wait for them.
        server.signal(signal.SIGSTOP)
        queued = [socket.create_connection(('127.0.0.1', server.port), PATIENCE_S) for _ in range(100)]
        for i, connection in enumerate(queued):
            connection.sendall(page if i % 2 else upgrade)
        server.signal(signal.SIGTERM)
        server.signal(signal.SIGCONT)
        begun = time.monotonic()
        wait_for(lambda: 'draining' in server.output())
        cut.sendall(upgrade[40:])
        cut_page.sendall(page[20:])
        tap.equal(answer(cut), b'HTTP/1.1 503', 'draining: the rest of a request for a WebSocket: 503')
        tap.equal(answer(cut_page), b'HTTP/1.1 200', 'the rest of a request for a page: the page')
        answers = {answer(c) for c in queued[::2]}
        tap.ok(answers <= {b'HTTP/1.1 101', b'HTTP/1.1 503'}, 'who was still in the queue: 503, or 101 when it was faster',
               answers)
        tap.equal({answer(c) for c in queued[1::2]}, {b'HTTP/1.1 200'}, 'or a page')
        for i in range(40, 48):
            time.sleep(0.25)
            slow.sendall(upgrade[i:i + 1])
        slow.sendall(upgrade[48:])
        tap.equal(answer(slow), b'HTTP/1.1 503', 'slow ones are waited for')
        tap.equal(answer(silent), b'HTTP/1.1 503', 'who falls silent in the middle is not: 503')
        tap.equal(answer(nothing), b'', 'nor who has not asked for anything')
        for connection in connections + queued:
            connection.close()
        tap.equal(server.wait(), 0, 'exit code 0')
        tap.ok(time.monotonic() - begun < 15, 'long before the deadline', time.monotonic() - begun)


def ending(tap):
    with Server() as server:
        server.signal(signal.SIGINT)
        tap.equal(server.wait(), 0, 'SIGINT without clients: exit code 0')
    for seconds, flag in ((60, '--drain-delay'), (60, '--drain-deadline')):
        with Server(flag, f'{seconds}s', expect_exit=None, fast_drain=False) as server:
            clients = [Client(server.port, '/echo') for _ in range(5)]
            server.signal(signal.SIGTERM)
            wait_for(lambda: 'draining' in server.output())
            time.sleep(0.2)
            tap.ok(server.process.poll() is None, f'{flag}: goes on after the first signal')
            server.signal(signal.SIGTERM)
            tap.ok(server.wait(10) is not None, f'{flag}: the second signal ends it at once')
            tap.ok('second signal' in server.output(), f'{flag}: and it says why')
            for client in clients:
                client.close()


def reloading(tap, folder):
    path = os.path.join(folder, 'reload.ini')

    def write(text):
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)

    def reload(server, text, wanted):
        before = len(server.output())
        write(text)
        server.signal(signal.SIGHUP)
        wait_for(lambda: re.search(wanted, server.output()[before:]), 5)
        return server.output()[before:]
    write('log_level = warn\n')
    with Server('--config', path) as server:
        said = [line for line in server.output().splitlines() if 'serving as root' not in line]
        tap.equal(said, [], 'log_level = warn: nothing to say')
        log = reload(server, 'log_level = debug\n', 'reloaded')
        tap.ok(re.search('log_level: warn -> debug', log), 'SIGHUP: log_level is live', log)
        before = len(server.output())
        with Client(server.port, '/echo') as client:
            client.socket.sendall(b'\xff\xff')
            client.receive_close()
        tap.ok(wait_for(lambda: 'protocol' in server.output()[before:], 5), 'and it debugs',
               server.output())
        log = reload(server, 'log_level = info\nmax_rooms = 5\n', 'reloaded')
        tap.ok(re.search('max_rooms.*restart', log), 'SIGHUP: says what cannot be done live', log)
        log = reload(server, 'nonsense = 1\n', 'not reloaded')
        tap.ok(re.search('not reloaded.*nonsense', log), 'SIGHUP: a wrong file changes nothing', log)
        tap.equal(server.status('/healthz'), 200, 'and the server lives')


# --- Time-outs and limits

def liveness(tap):
    with Server('--ping-interval', '200ms', '--idle-timeout', '1s') as server:
        def silent():
            with Client(server.port, '/echo') as client:
                pings = 0
                while True:
                    opcode, payload = client.receive()
                    if opcode != PING:
                        return pings, opcode, payload[:2]
                    pings += 1

        def answering(reply):
            with Client(server.port, f'/room/{reply}') as client:
                end, pings = time.monotonic() + 2.5, 0
                while time.monotonic() < end:
                    opcode, payload = client.receive()
                    if opcode != PING:
                        return opcode, payload
                    pings += 1
                    client.send(PONG, payload) if reply == 'pong' else client.send(BINARY, b'')
                    if reply != 'pong':
                        client.receive()
                return pings
        handles = in_thread(silent), in_thread(answering, 'pong'), in_thread(answering, 'message')
        pings, opcode, payload = handles[0].result()
        tap.ok(pings >= 2, 'ping_interval: pings come', pings)
        tap.equal((opcode, payload), (CLOSE, struct.pack('>H', 1001)), 'idle_timeout: Close 1001')
        for handle, name in zip(handles[1:], ('a pong', 'a message')):
            result = handle.result()
            tap.ok(isinstance(result, int) and result >= 3, f'{name} keeps it alive', result)
        metrics = server.metrics()
        tap.equal(metrics.sum('ringcast_idle_reaped_total'), 1, 'the reaped one is counted')
        tap.equal(metrics.sum('ringcast_closes_total', reason='idle'), 1, 'by its reason')
        tap.ok(metrics.sum('ringcast_pongs_received_total') >= 3, 'pongs are counted')


def unfinished(tap):
    """Who never completes a message must not keep it for ever by a byte now and then."""
    with Server('--message-timeout', '1s') as server:
        def trickle(data):
            with Client(server.port, '/echo', timeout_s=0.1) as client:
                begin = time.monotonic()
                for at in range(len(data)):
                    client.socket.sendall(data[at:at + 1])
                    try:
                        return client.receive(), time.monotonic() - begin
                    except TimeoutError:
                        pass

        def steady():
            with Client(server.port, '/echo') as client:
                for number in range(12):
                    data = frame(TEXT, b'%99d' % number)
                    client.socket.sendall(data[:50])
                    time.sleep(0.15)
                    client.socket.sendall(data[50:])
                    if client.receive() != (TEXT, b'%99d' % number):
                        return False
                return True
        one = in_thread(trickle, frame(TEXT, b'x' * 100))
        two = in_thread(trickle, (bytes([TEXT]) + frame(TEXT, b'x')[1:]) +
                        (b'\0' + frame(TEXT, b'x')[1:]) * 30)
        three = in_thread(steady)
        for handle, name in (one, 'in one frame'), (two, 'in fragments'):
            (opcode, payload), took_s = handle.result()
            tap.equal((opcode, payload), (CLOSE, struct.pack('>H', 1008) + b'message took too long'),
                      f'message_timeout: {name}')
            tap.ok(0.9 < took_s < 3, 'in time', took_s)
        tap.ok(three.result(), 'whoever completes each in time may go on')
        tap.equal(server.metrics().sum('ringcast_closes_total', reason='message_timeout'), 2,
                  'they are counted')


def idle_pages(tap):
    """Whoever got a page and does not close is closed."""
    with Server('--close-timeout', '400ms') as server:
        keepers = [socket.create_connection(('127.0.0.1', server.port), PATIENCE_S) for _ in range(20)]
        for s in keepers:
            s.sendall(b'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
        answers = set()
        for s in keepers:
            data = b''
            while piece := s.recv(4096):
                data += piece
            answers.add(data[:12])
        tap.equal(answers, {b'HTTP/1.1 200'}, 'an answer ends with the connection')
        # The one that asks is there as well; the one that asked before may be.
        tap.ok(wait_for(lambda: server.metrics().sum('ringcast_connections') <= 2),
               'and is forgotten after close_timeout', server.metrics().sum('ringcast_connections'))
        for s in keepers:
            s.close()


def full(tap):
    with Server('--max-connections', 4, threads=1) as server:
        # The places of those who asked whether it is ready are free again only in a moment.
        tap.ok(wait_for(lambda: server.metrics().sum('ringcast_connections') == 1), 'empty')
        time.sleep(0.2)  # and so is that of who asked last
        clients = [Client(server.port, '/echo') for _ in range(4)]
        tap.equal([c.status for c in clients], [101] * 4, 'as many as max_connections')
        for _ in range(3):
            extra = Client(server.port, '/echo')
            tap.ok(extra.status == 503 and re.search(r'(?mi)^Retry-After: \d+\r?$', extra.head),
                   'one more: 503 with Retry-After', extra.head)
            extra.close()
        tap.equal(server.status('/healthz'), 200, 'pages are still given')
        clients.pop().close()

        def enters():
            try:
                client = Client(server.port, '/echo')
            except OSError:  # refused so quickly after each other, they have no place either
                return False
            if client.status == 101:
                clients.append(client)
                return True
            client.close()
            return False
        tap.ok(wait_for(enters), 'when one leaves, another may come')
        for client in clients:
            client.close()


# --- Figures

def figures(tap):
    with Server(threads=3) as server:
        text = server.get('/metrics')[2].decode()
        metrics = parse_metrics(text)
        tap.ok(metrics, '/metrics is in the format')
        described = dict(re.findall(r'^# TYPE (\S+) (\S+)$', text, re.MULTILINE))
        tap.equal(set(re.findall(r'^# HELP (\S+) \S', text, re.MULTILINE)), set(described),
                  'every metric has a HELP and a TYPE')
        tap.equal({re.sub('_(bucket|sum|count)$', '', n) if n not in described else n
                   for n in metrics.names()} - set(described), set(), 'none is without')
        tap.equal([n for n, kind in described.items() if (kind == 'counter') != n.endswith('_total')], [],
                  'counters are called _total, and nothing else is')
        buckets = [v for (n, _), v in metrics.items() if n == 'ringcast_tick_seconds_bucket']
        tap.ok(buckets == sorted(buckets) and buckets[-1] ==
               metrics.sum('ringcast_tick_seconds_count'), 'the histogram is one', buckets)

        room = [Client(server.port, '/room/a') for _ in range(5)] + [Client(server.port, '/room/b')]
        echo = Client(server.port, '/echo')
        for i in range(20):
            room[0].send(TEXT, b'x' * 100)
        for client in room[:5]:
            for i in range(20):
                client.receive()
        for _ in range(7):
            echo.send(BINARY, b'y' * 50)
            echo.receive()
        echo.send(PING, b'p')
        echo.receive()
        echo.send(PONG)
        bad = Client(server.port, '/echo')
        bad.socket.sendall(b'\xff\xff')
        bad.receive_close()
        bad.close()
        server.status('/nowhere')
        polite = Client(server.port, '/echo')
        polite.send(CLOSE, struct.pack('>H', 1000))
        polite.receive_close()
        polite.close()
        rude = Client(server.port, '/echo')
        rude.close()
        wanted = {'websockets': 7, 'handshakes_total': 10, 'messages_in_total': 27,
                  'message_bytes_in_total': 2350, 'published_total': 20, 'homes': 2, 'memberships': 6,
                  'http_errors_total': 1, 'pings_received_total': 1, 'pongs_received_total': 1,
                  'evictions_total': 0, 'joins_refused_total': 0, 'cq_overflows_total': 0, 'shards': 3,
                  'ready': 1}

        def differing():
            now = server.metrics()
            return {k: (now.sum('ringcast_' + k), v) for k, v in wanted.items()
                    if now.sum('ringcast_' + k) != v}
        wait_for(lambda: not differing(), 5)
        tap.equal(differing(), {}, 'the figures are what was done (got, wanted)')
        metrics = server.metrics()
        closes = metrics.by('ringcast_closes_total', 'reason')
        tap.equal([closes.get(r) for r in ('normal', 'protocol', 'http_error', 'slow_bytes')],
                  [1, 1, 1, 0], 'closes by reason')
        tap.ok(closes.get('peer_eof', 0) + closes.get('peer_reset', 0) >= 1, 'the rude one', closes)
        tap.ok(metrics.sum('ringcast_deliveries_total') >= 5 * 20 + 7, 'deliveries')
        tap.ok(metrics.sum('ringcast_bytes_out_total') >= 5 * 20 * 102 + 7 * 52, 'bytes out')
        tap.equal(metrics.sum('ringcast_shard_connections'), metrics.sum('ringcast_connections'),
                  'shards add up to the whole')
        again = server.metrics()
        tap.equal([k for k in metrics if k[0].endswith('_total') and again[k] < metrics[k]], [],
                  'counters do not go down')
        for client in room + [echo]:
            client.close()
        tap.ok(wait_for(lambda: not server.metrics().sum('ringcast_websockets') and
                        not server.metrics().sum('ringcast_homes')), 'rooms end with their members')


def main():
    with Tap() as tap, tempfile.TemporaryDirectory() as folder:
        wrong_configurations(tap, folder)
        good_configurations(tap, folder)
        ports(tap)
        io_uring_forbidden(tap)
        draining(tap)
        asking(tap)
        ending(tap)
        reloading(tap, folder)
        liveness(tap)
        unfinished(tap)
        idle_pages(tap)
        full(tap)
        figures(tap)


if __name__ == '__main__':
    sys.exit(main())

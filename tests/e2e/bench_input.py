# SPDX-License-Identifier: MIT
"""What ringcast-bench says and how it ends when it cannot do what it was told:
bench_input.py RINGCAST-BENCH RINGCAST

Exit code 2: wrong usage; 1: the run failed. Never without one line on stderr that says why, -q or not.
"""

import collections
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time

from ringcast import PATIENCE_S, Server, Tap, free_port, wait_for
from scripted import Plan, ScriptedServer


def run(*arguments, **options):
    """(exit code, stdout, stderr)"""
    result = subprocess.run([sys.argv[1], *map(str, arguments)], capture_output=True, text=True,
                            timeout=120, check=False, **options)
    return result.returncode, result.stdout, result.stderr


def check_says(tap, name, result, code, *words):
    """One line, with all the words in it, and nothing on standard output."""
    got, out, error = result
    good = got == code and error.count('\n') == 1 and all(word in error for word in words)
    tap.ok(good and not out, name, f'exit code {got}, {out!r}, {error!r}')


def interrupted(url, after_s, *options):
    process = subprocess.Popen([sys.argv[1], 'fanout', url, '-n', '4', '-t', '1', *options],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, error


class Silent:
    """Accepts, by the kernel, and never answers."""

    def __enter__(self):
        self.socket = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.url = f'ws://127.0.0.1:{self.socket.getsockname()[1]}'
        return self

    def __exit__(self, *_):
        self.socket.close()


def check_usage(tap):
    check_says(tap, 'no scenario', run(), 2, 'which scenario')
    check_says(tap, 'unknown scenario', run('flood'), 2, "'flood' is no scenario")
    check_says(tap, 'unknown option', run('fanout', '--no-such'), 2, '--no-such')
    check_says(tap, 'no URL', run('fanout', 'http://127.0.0.1/'), 2, 'ws://')
    check_says(tap, 'unknown host', run('fanout', 'ws://no-such-host.invalid/'), 2, 'no-such-host')
    check_says(tap, 'more rooms than members', run('fanout', '-n', 3, '-r', 4), 2, '--rooms')
    check_says(tap, 'no such CPU', run('fanout', '--pin', 1023), 2, '--pin', '1023')
    check_says(tap, 'an option of another scenario', run('idle', '--rate', 5), 2, '--rate', 'idle')
    check_says(tap, 'nothing to compare', run('compare', 'one.json'), 2, 'compare')
    for words in (('--help',), ('compare', '--help')):
        code, out, error = run(*words)
        tap.ok(code == 0 and 'compare' in out and not error, ' '.join(words), f'{code} {out} {error}')


def check_opening(tap):
    url = f'ws://127.0.0.1:{free_port()}'
    for quiet in ((), ('-q',)):
        code, _, error = run('connect', url, '-n', 3, *quiet)
        tap.ok(code == 1 and 'could not be opened' in error and 'refused' in error,
               f'nobody listens {quiet}', f'{code} {error}')
    with Silent() as silent:
        check_says(tap, 'no answer', run('connect', silent.url, '-n', 3, '-q', '--open-limit', '300ms'),
                   1, '0 of 3 connections', '0.3 s', '--open-limit')
        check_says(tap, 'interrupted while it opens', interrupted(silent.url, 0.5, '-q'),
                   1, 'interrupted', '0 of 4')
    code, _, error = run('connect', '-n', 3, '--spawn', 'false')
    tap.ok(code == 1 and 'exit code 1' in error, 'a server that ends', f'{code} {error}')


def processes_of(marker):
    """Ids of the processes that have the marker in their environment."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/environ', 'rb') as file:
                if marker in file.read():
                    found.append(pid)
        except OSError:
            pass
    return found


def check_spawn(tap):
    """The command is a shell's; all that it starts is stopped with it; a server that ends is no riddle."""
    port, mark = free_port(), f'BENCH_INPUT_MARK={os.getpid()}'
    server = f'{os.path.abspath(sys.argv[2])} --listen 127.0.0.1:{port} --threads 1 --log-level error'
    url = f'ws://127.0.0.1:{port}'
    options = ('-q', '-n', 4, '-d', '300ms', '--warmup', 0)
    command = f"cd / && {mark} sh -c 'trap : TERM; {server} & sleep 60; sleep 60'"
    result = run('fanout', url, *options, '--spawn', command)
    tap.equal(result[0], 0, 'spawn: a command of several')
    tap.equal(wait_for(lambda: not processes_of(mark.encode())), True, 'spawn: nothing is left of it')
    check_says(tap, 'spawn: a server that ends in the run',
               run('fanout', url, '-q', '-n', 4, '-d', '60s', '--rate', 50, '--drain', '100ms', '--spawn',
                   f'{server} --drain-deadline 0 & sleep 1; kill $!; exit 3'), 1, 'ended with exit code 3')


def check_run(tap):
    server = ScriptedServer(Plan(drop=[(3, 0), (4, 1)]))
    url = f'ws://127.0.0.1:{server.port}'
    check_says(tap, 'only missing messages',
               run('fanout', url, '-n', 4, '-t', 1, '-q', '--rate', 200, '-d', '500ms', '--warmup', 0,
                   '--drain', '200ms'), 1, '2 deliveries missing')
    server = ScriptedServer(Plan())
    url = f'ws://127.0.0.1:{server.port}'
    check_says(tap, 'interrupted before the load', interrupted(url, 1, '-q', '--settle', '60s'),
               1, 'interrupted before')
    check_says(tap, 'interrupted in the warm-up', interrupted(url, 1, '-q', '--warmup', '60s'),
               1, 'interrupted before')
    code, out, error = interrupted(url, 2, '-d', '60s', '--rate', '100')
    tap.ok(code == 0 and 'cut short' in out and not error, 'interrupted while it measures',
           f'{code} {out} {error}')


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def check_descriptors(tap):
    """Sockets live in each ring's own table, which the limit bounds as well, thread by thread."""
    with Server(binary=sys.argv[2]) as server:
        url = f'ws://127.0.0.1:{server.port}'
        check_says(tap, 'too few descriptors', run('connect', url, '-n', 200, '-t', 2,
                                                   preexec_fn=few_descriptors), 2, 'ulimit -n 64', '--threads')
        code, out, error = run('fanout', url, '-n', 200, '-d', '300ms', '--warmup', 0,
                               preexec_fn=few_descriptors)
        tap.ok(code == 0 and '200 connections' in out and 'opened 200' in out,
               'more threads by itself', f'{code} {out} {error}')


def check_sources(tap):
    """Connections come from as many addresses as --sources says, in turn."""
    with Silent() as silent:
        code, _, _ = run('connect', silent.url, '-n', 6, '--sources', 3, '-q', '--open-limit', '300ms')
        silent.socket.settimeout(PATIENCE_S)
        addresses = collections.Counter(silent.socket.accept()[1][0] for _ in range(6))
    tap.equal((code, addresses), (1, {'127.0.0.2': 2, '127.0.0.3': 2, '127.0.0.4': 2}), 'source addresses')


def on_terminal(*arguments):
    """What a terminal gets to see of standard error: lines that were drawn over each other."""
    ours, theirs = os.openpty()
    process = subprocess.Popen([sys.argv[1], *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    seen = b''
    try:
        while some := os.read(ours, 4096):
            seen += some
    except OSError:  # nobody has the other end any more
        pass
    os.close(ours)
    process.wait(PATIENCE_S)
    return seen.decode()


def check_live_line(tap):
    server = ScriptedServer(Plan())
    url = f'ws://127.0.0.1:{server.port}'
    opening = on_terminal('connect', url, '-n', 60, '--connect-rate', 50)
    tap.ok(re.search(r'\r\033\[K\d+ open, \d+ handshakes/s, p99 [\d.]+ ms, 0 errors', opening),
           'live line: while it opens', repr(opening))
    loading = on_terminal('fanout', url, '-n', 4, '--rate', 100, '-d', '1500ms', '--warmup', 0)
    tap.ok(re.search(r'\r\033\[K4 open, \d+ messages/s, \d+ deliveries/s, p99 [\d.]+ ms, 0 errors', loading),
           'live line: under load', repr(loading))
    tap.ok(loading.endswith('\r\033[K'), 'live line: gone in the end', repr(loading))
    tap.equal(on_terminal('fanout', url, '-n', 4, '-d', '600ms', '-q'), '', 'live line: none with -q')


def main():
    with Tap() as tap:
        check_live_line(tap)
        check_sources(tap)
        check_descriptors(tap)
        check_usage(tap)
        check_opening(tap)
        check_spawn(tap)
        check_run(tap)


main()

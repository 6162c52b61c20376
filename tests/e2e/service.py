#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ringcast as a service: what it tells systemd, sockets that systemd opens, and the end of root's rights.
systemd itself is not needed: this test plays its part."""

import ctypes
import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from ringcast import (CLOSE, PATIENCE_S, TEXT, Client, Server, Tap, free_port, in_thread,
                      upgrade_request, wait_for)
from tls import Certificates
from tokens import Key, token

# Passes descriptor 3 on under the server's own process id, as systemd does.
LAUNCHER = [sys.executable, '-c', """
import os, sys
os.environ['LISTEN_PID'] = str(os.getpid())
os.dup2(int(os.environ['PASS']), 3)
os.execv(sys.argv[1], sys.argv[1:])
"""]


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace('@', '\0'))
        self.environment = {'NOTIFY_SOCKET': address}
        self.said = []  # (time, {variable: value})
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            text = self.socket.recv(4096).decode()
            self.said.append((time.monotonic(), dict(line.split('=', 1) for line in text.splitlines())))

    def heard(self, variable, since=0):
        return [variables for _, variables in self.said[since:] if variable in variables]

    def times(self, variable):
        return [at for at, variables in self.said if variable in variables]


# --- What systemd is told

def states(tap, address):
    manager = Manager(address)
    with Server('--drain-delay', '300ms', '--drain-deadline', '400ms', fast_drain=False,
                environment=manager.environment) as server:
        tap.ok(wait_for(lambda: manager.heard('READY')), f'{address[:1]}: READY=1 when it serves', manager.said)
        tap.equal(manager.heard('WATCHDOG'), [], 'no WATCHDOG=1 where nobody asked for it')
        before = len(manager.said)
        server.signal(signal.SIGHUP)
        tap.ok(wait_for(lambda: manager.heard('READY', before)), 'SIGHUP: READY=1 when it has reloaded', manager.said)
        reloading = manager.heard('RELOADING', before)
        began_us = int(reloading[0]['MONOTONIC_USEC']) if reloading else 0
        tap.ok(abs(time.monotonic() * 1e6 - began_us) < PATIENCE_S * 1e6, 'after RELOADING=1, with the time', reloading)
        server.signal(signal.SIGTERM)
        tap.ok(wait_for(lambda: manager.heard('STOPPING')), 'SIGTERM: STOPPING=1', manager.said)
        stopping = manager.heard('STOPPING')
        tap.ok(stopping and int(stopping[0].get('EXTEND_TIMEOUT_USEC', 0)) >= 700000,
               'with the time that draining takes', stopping)
        tap.equal(server.wait(), 0, 'exit code 0')


# ptrace(2) can stop one thread alone.
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, WAIT_ALL = 0x4206, 0x4207, 17, 0x40000000


def stop_thread(thread):
    """Returns a function that lets it go on, or None when ptrace is forbidden. Both have to be called by
    the same thread of ours."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(PTRACE_SEIZE, thread, None, None) or libc.ptrace(PTRACE_INTERRUPT, thread, None, None):
        return None
    os.waitpid(thread, WAIT_ALL)
    return lambda: libc.ptrace(PTRACE_DETACH, thread, None, None)


def threads_of(server):
    """{name: thread}"""
    names = {}
    for thread in os.listdir(f'/proc/{server.pid}/task'):
        with open(f'/proc/{server.pid}/task/{thread}/comm', encoding='ascii') as file:
            names[file.read().strip()] = int(thread)
    return names


def watchdog(tap, address):
    """An idle server is well, one with a stuck shard is not."""
    period_s = 0.6
    manager = Manager(address)
    environment = manager.environment | {'WATCHDOG_USEC': str(int(period_s * 1e6))}
    with Server(environment=environment) as server:
        wait_for(lambda: len(manager.times('WATCHDOG')) >= 10)
        times = manager.times('WATCHDOG')
        gaps = [b - a for a, b in zip(times, times[1:])]
        tap.ok(len(times) >= 10 and sorted(gaps)[len(gaps) // 2] < period_s / 2,
               'WATCHDOG=1 comes in good time, though nobody is connected', gaps)
        tap.ok('stuck' not in server.output(), 'idle is not stuck')

        go_on = stop_thread(threads_of(server)['shard-1'])
        if go_on:
            tap.ok(wait_for(lambda: 'stuck' in server.output()), 'a thread that does not turn is told')
            count = len(manager.times('WATCHDOG'))
            time.sleep(2 * period_s)
            tap.equal(len(manager.times('WATCHDOG')), count, 'and systemd hears nothing more')
            go_on()
            tap.ok(wait_for(lambda: len(manager.times('WATCHDOG')) > count + 2), 'until it turns again')
        else:
            print('# ptrace is forbidden here: no thread can be stopped')


def watchdog_while_draining(tap, address):
    """All shards but one have nobody to say goodbye to, and end at once."""
    period_s = 0.6
    manager = Manager(address)
    environment = manager.environment | {'WATCHDOG_USEC': str(int(period_s * 1e6))}
    with Server('--drain-deadline', '3s', threads=6, fast_drain=False, environment=environment) as server:
        with Client(server.port, '/echo') as client:
            begun = time.monotonic()
            server.signal(signal.SIGTERM)
            tap.equal(client.receive_close(), 1001, 'draining: a client that does not answer holds its shard')
            tap.equal(server.wait(), 0, 'until the deadline: exit code 0')
            edges = [begun, *(at for at in manager.times('WATCHDOG') if at > begun), time.monotonic()]
            tap.ok(edges[-1] - begun > 2, 'that took a while', edges)
            tap.ok(max(b - a for a, b in zip(edges, edges[1:])) < 3 * period_s, 'WATCHDOG=1 goes on meanwhile', edges)
            tap.ok('stuck' not in server.output(), 'a shard that has ended is not stuck', server.output())


# --- Sockets that systemd opens

def listening():
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    listener.listen(64)
    return listener, listener.getsockname()[1]


def activated(listener, port, listen, names=None, **options):
    environment = {'LISTEN_FDS': '1', 'PASS': str(listener.fileno())}
    if names:
        environment['LISTEN_FDNAMES'] = names
    return Server('--listen', listen, port=port, launcher=LAUNCHER, environment=environment,
                  pass_fds=[listener.fileno()], close_fds=True, **options)


def activation(tap):
    listener, port = listening()
    with activated(listener, port, 'systemd', threads=3) as server:
        tap.ok(f'127.0.0.1:{port} (systemd)' in server.output(), 'it says whose socket it is', server.output())
        clients = [Client(port, '/room/all') for _ in range(24)]
        clients[0].send(TEXT, b'hello')
        tap.equal({c.receive() for c in clients}, {(TEXT, b'hello')}, 'clients of all threads are in one room')
        with open(f'/proc/{server.pid}/net/tcp', encoding='ascii') as file:
            sockets = re.findall(rf'^\s*\d+: 0100007F:{port:04X} \S+ 0A', file.read(), re.MULTILINE)
        tap.equal(len(sockets), 1, 'there is one listening socket for all of them')
        for client in clients:
            client.close()
    # Nobody accepts now, and yet nobody is refused.
    early = socket.create_connection(('127.0.0.1', port), PATIENCE_S)
    early.sendall(upgrade_request('/echo'))
    with activated(listener, port, 'systemd:web', names='web') as server:
        answer = early.recv(1000)
        tap.ok(answer.startswith(b'HTTP/1.1 101'), 'who connected during the restart is served', answer)
        early.close()
        with Client(port, '/echo') as client:
            tap.equal(client.status, 101, 'by its name')
    tap.ok(listener.fileno() >= 0 and socket.create_connection(('127.0.0.1', port)), 'the socket outlives both')

    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as local:
        path = os.path.join(folder, 'socket')
        local.bind(path)
        local.listen()
        port = free_port()
        with activated(local, port, f'127.0.0.1:{port}, systemd') as server, socket.socket(socket.AF_UNIX) as client:
            tap.ok(f'unix:{path} (systemd)' in server.output(), 'a unix socket', server.output())
            client.connect(path)
            client.sendall(upgrade_request('/echo'))
            tap.ok(client.recv(1000).startswith(b'HTTP/1.1 101'), 'is served as well')

        with activated(local, port, f'127.0.0.1:{port}, systemd proxy') as server, \
                socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.sendall(b'PROXY TCP4 198.51.100.7 192.0.2.1 1234 80\r\n' + upgrade_request('/echo'))
            tap.ok(client.recv(1000).startswith(b'HTTP/1.1 101'), 'by a unix socket a PROXY header is trusted')
    with socket.socket(socket.AF_UNIX) as local, socket.socket(socket.AF_UNIX) as client:
        name = f'\0ringcast-test-{os.getpid()}'
        local.bind(name)
        local.listen()
        port = free_port()
        with activated(local, port, f'127.0.0.1:{port}, systemd proxy') as server:
            client.connect(name)
            try:
                client.sendall(b'PROXY TCP4 198.51.100.7 192.0.2.1 1234 80\r\n' + upgrade_request('/echo'))
                answer = client.recv(1000)
            except ConnectionError:
                answer = b''
            tap.ok(not answer.startswith(b'HTTP/1.1 101'), 'but not by an abstract one: it has no permissions', answer)

    table = [('another name', 'systemd:other', {'LISTEN_FDS': '1', 'LISTEN_FDNAMES': 'web'}, 'named other'),
             ('nothing passed', 'systemd', {}, 'systemd passed no socket')]
    for name, listen, environment, said in table:
        done = subprocess.run([*LAUNCHER, sys.argv[1], '--listen', listen], pass_fds=[listener.fileno()], text=True,
                              env=os.environ | environment | {'PASS': str(listener.fileno())}, check=False,
                              capture_output=True, timeout=PATIENCE_S)
        tap.ok(done.returncode == 2 and said in done.stderr, f'{name}: one line, exit code 2', done.stderr)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(('127.0.0.1', 0))
        done = subprocess.run([*LAUNCHER, sys.argv[1], '--listen', 'systemd'], pass_fds=[datagrams.fileno()],
                              env=os.environ | {'LISTEN_FDS': '1', 'PASS': str(datagrams.fileno())}, check=False,
                              capture_output=True, text=True, timeout=PATIENCE_S)
        tap.ok(done.returncode == 2 and 'no listening stream socket' in done.stderr, 'a datagram socket', done.stderr)
    listener.close()


def restarts(tap):
    """Ten restarts while clients come and go. Nobody is refused; who is in the middle of a handshake when the
    signal comes may have to try again, and then waits for the next server."""
    listener, port = listening()
    stop, refused, cut, served, clients = [], [], [], [], 4

    def come_and_go():
        count = 0
        while not stop:
            try:
                with Client(port, '/echo') as client:
                    if client.status == 101:
                        client.send(TEXT, b'x')
                        count += client.receive()[0] in (TEXT, CLOSE)
                    else:
                        cut.append(client.status)
            except OSError as error:
                refused.append(repr(error))
        served.append(count)
    threads = [in_thread(come_and_go) for _ in range(clients)]
    for _ in range(10):
        with activated(listener, port, 'systemd'):
            time.sleep(0.1)
    with activated(listener, port, 'systemd'):  # for who waits now
        stop.append(True)
        for thread in threads:
            thread.result()
    tap.equal(refused, [], f'ten restarts, {sum(served)} clients: none is refused')
    tap.ok(set(cut) <= {None, 503} and len(cut) <= 10 * clients, 'and few are cut off', cut)
    tap.ok(all(count > 50 for count in served), 'all of them were served', served)
    listener.close()


# --- The end of root's rights

def status_of(thread):
    with open(f'/proc/{thread}/status', encoding='ascii') as file:
        return dict(line.rstrip().split(':\t', 1) for line in file if ':\t' in line)


def user(tap, folder):
    nobody = pwd.getpwnam('nobody')
    os.chmod(folder, 0o755)
    key = Key(folder, 'secret.key', 'HS256')
    os.chmod(key.file, 0o600)
    certificates = Certificates(os.path.join(folder, 'certificates'))
    port, low = free_port(), next(p for p in range(1000, 700, -1) if is_free(p))
    with Server('--listen', f'127.0.0.1:{port}, 127.0.0.1:{low} tls', '--user', 'nobody', '--auth', 'optional',
                '--auth-keys', key.flag(), *certificates.flags('server-ec'), port=port) as server:
        threads = {name: status_of(thread) for name, thread in threads_of(server).items()}
        tap.ok({'shard-0', 'shard-1'} < set(threads), 'main and two shards', list(threads))
        tap.equal({s['Uid'] for s in threads.values()}, {'\t'.join([str(nobody.pw_uid)] * 4)},
                  'all four user ids of every thread are those of the user')
        tap.equal({s['Gid'] for s in threads.values()}, {'\t'.join([str(nobody.pw_gid)] * 4)}, 'and the group ids')
        tap.equal({s['Groups'].strip() for s in threads.values()}, {str(nobody.pw_gid)}, 'no group of root is left')
        tap.equal({s[c] for s in threads.values() for c in ('CapPrm', 'CapEff', 'CapInh', 'CapAmb')}, {'0' * 16},
                  'nor any capability')
        tap.equal({s['NoNewPrivs'] for s in threads.values()}, {'1'}, 'nor a way to get one by a program')
        tap.ok('serving as root' not in server.output(), 'no warning of root', server.output())
        tap.ok(is_taken(low), f'port {low} is served', server.output())
        with Client(port, f'/echo?token={token(key)}') as client:
            tap.equal(client.status, 101, 'with the key that only root can read')
        output = server.output()
        for path in (key.file, certificates.path('server-ec.key')):
            tap.ok(f'{path} cannot be read again by user nobody' in output, f'a warning: {os.path.basename(path)}',
                   output)
        server.signal(signal.SIGHUP)
        tap.ok(wait_for(lambda: 'not reloaded, the old one stays' in server.output()), 'SIGHUP keeps what is loaded')
        with Client(port, f'/echo?token={token(key)}') as client:
            tap.equal(client.status, 101, 'and serves')
    config = os.path.join(folder, 'root-only.ini')
    with open(config, 'w', encoding='ascii') as file:
        file.write('log_level = info\n')
    os.chmod(config, 0o600)
    with Server('--config', config, '--user', 'nobody') as server:
        tap.ok(f'{config} cannot be read again by user nobody' in server.output(), 'a warning: the configuration',
               server.output())
    with Server() as server:
        tap.ok(wait_for(lambda: 'serving as root' in server.output()), 'without the option user: a warning', server.output())
    for name, said in (('nobody-of-this-name', 'there is no user'),):
        done = subprocess.run([sys.argv[1], '--listen', '127.0.0.1:0', '--user', name], capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False)
        tap.ok(done.returncode == 2 and said in done.stderr and done.stderr.count('\n') == 1,
               'an unknown user: one line, exit code 2', done.stderr)
    binary = os.path.join(folder, 'ringcast')  # where nobody can reach it
    with open(sys.argv[1], 'rb') as source, open(binary, 'wb') as copy:
        copy.write(source.read())
    os.chmod(binary, 0o755)
    done = subprocess.run([binary, '--listen', '127.0.0.1:0', '--user', 'daemon'], capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False, user='nobody', group='nogroup', extra_groups=[])
    tap.ok(done.returncode == 2 and "cannot become user 'daemon'" in done.stderr, 'not started as root', done.stderr)
    for groups, warned in (([], False), ([0], True)):
        with Server('--user', 'nobody', binary=binary, user='nobody', group='nogroup', extra_groups=groups) as server:
            tap.equal('is not in group 0' in server.output(), warned, f'started as that user with groups {groups}')


def open_addresses(tap, folder):
    """Tokens that everybody on the way can read: a warning."""
    key, port = Key(folder, 'open.key', 'HS256'), free_port()
    certificates = Certificates(os.path.join(folder, 'open-certificates'))
    table = [('all addresses', '*:{}', 'required', True), ('TLS', '*:{} tls', 'required', False),
             ('a balancer', '*:{} proxy', 'required', False), ('loopback', '[::1]:{}', 'optional', False),
             ('no tokens', '*:{}', 'off', False), ('all of IPv4', '0.0.0.0:{}', 'optional', True)]
    for name, listen, auth, warned in table:
        with Server('--auth', auth, '--auth-keys', key.flag(), *certificates.flags('server-ec'), '--listen',
                    f'127.0.0.1:{port}, {listen.format(free_port())}', port=port) as server:
            wait_for(lambda server=server: 'listening on' in server.output())
            tap.equal('can be read by whoever reads the network' in server.output(), warned,
                      f'tokens on {name}: {"a" if warned else "no"} warning')


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', port))
        except OSError:
            return False
        return True


def is_taken(port):
    try:
        socket.create_connection(('127.0.0.1', port), PATIENCE_S).close()
    except OSError:
        return False
    return True


def main():
    with Tap() as tap, tempfile.TemporaryDirectory() as folder:
        states(tap, os.path.join(folder, 'notify'))
        states(tap, f'@ringcast-test-{os.getpid()}')
        watchdog(tap, os.path.join(folder, 'watchdog'))
        watchdog_while_draining(tap, os.path.join(folder, 'draining'))
        activation(tap)
        restarts(tap)
        open_addresses(tap, folder)
        if os.getuid() == 0:
            user(tap, folder)
        else:
            print('# not root: rights that we do not have cannot be dropped')


if __name__ == '__main__':
    sys.exit(main())

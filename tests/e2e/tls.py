#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TLS with clients that we did not write: openssl, curl, Python's ssl, npm ws, Chromium. What must be
refused, what a change of certificates does, and garbage at every state of a handshake."""

import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from browser import Browser
from ringcast import (BINARY, CLOSE, PATIENCE_S, TEXT, Server, Tap, close_frame, frame, free_port, in_thread,
                      need, parse_metrics, split_frame, upgrade_request, wait_for)

HERE = os.path.dirname(os.path.abspath(__file__))


class Certificates:
    def __init__(self, folder, **environment):
        subprocess.run([os.path.join(HERE, '../support/certificates'), folder], check=True,
                       env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.folder = folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def flags(self, *names):
        return ['--tls-certificate', ','.join(self.path(f'{n}.pem') for n in names),
                '--tls-key', ','.join(self.path(f'{n}.key') for n in names)]


class TlsServer(Server):
    """A server whose second address has TLS."""

    def __init__(self, certificates, *flags, names=('server-ec', 'other'), **options):
        self.tls_port = free_port()
        port = free_port()
        super().__init__('--listen', f'127.0.0.1:{port}, 127.0.0.1:{self.tls_port} tls',
                         *certificates.flags(*names), *flags, port=port, **options)


class TlsClient:
    """A WebSocket over Python's ssl (OpenSSL)."""

    def __init__(self, port, path, context, host='localhost', session=None, source='127.0.0.1', extra=''):
        raw = socket.create_connection(('127.0.0.1', port), PATIENCE_S, (source, 0))
        self.socket = context.wrap_socket(raw, server_hostname=host, session=session)
        self.data = b''
        self.socket.sendall(upgrade_request(path, extra))
        while b'\r\n\r\n' not in self.data:
            piece = self.socket.recv(65536)
            if not piece:
                break
            self.data += piece
        head, _, self.data = self.data.partition(b'\r\n\r\n')
        self.status = int(head[9:12]) if head else None

    def send(self, opcode, payload=b''):
        self.socket.sendall(frame(opcode, payload))

    def receive(self):
        while True:
            split = split_frame(self.data)
            if split:
                self.data = split[2]
                return split[:2]
            piece = self.socket.recv(262144)
            if not piece:
                return None, b''
            self.data += piece

    def close(self):
        self.socket.close()


def context_of(certificates, **attributes):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certificates.path('ca.pem'))
    for name, value in attributes.items():
        setattr(context, name, value)
    return context


def s_client(port, *arguments, send=b'', timeout_s=PATIENCE_S):
    done = subprocess.run(['openssl', 's_client', '-connect', f'127.0.0.1:{port}', *arguments],
                          input=send, capture_output=True, timeout=timeout_s, check=False)
    return done.returncode, (done.stdout + done.stderr).decode(errors='replace')


# --- What is served

def openssl_says(tap, server, certificates):
    ca = certificates.path('ca.pem')
    for version, cipher in (('-tls1_3', 'TLS_AES_128_GCM_SHA256'), ('-tls1_2', 'ECDHE-ECDSA-AES128-GCM-SHA256')):
        code, text = s_client(server.tls_port, version, '-CAfile', ca, '-verify_return_error',
                              '-servername', 'localhost', '-alpn', 'http/1.1')
        tap.ok(code == 0 and 'Verify return code: 0' in text and cipher in text and
               'ALPN protocol: http/1.1' in text, f'openssl {version}: {cipher}', text)
    for suite in ('TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'):
        code, text = s_client(server.tls_port, '-ciphersuites', suite)
        tap.ok(code == 0 and f'Cipher is {suite}' in text, f'openssl: {suite}', text)
    for group in ('X25519', 'P-256'):
        code, text = s_client(server.tls_port, '-groups', group)
        tap.ok(code == 0 and 'New, TLSv1.3' in text, f'openssl: group {group}', text)
    for name, subject in (('other.test', 'ignored.test'), ('localhost', 'ringcast test'), ('unknown.test', 'ringcast test')):
        code, text = s_client(server.tls_port, '-servername', name)
        tap.ok(f'subject=CN = {subject}' in text, f'openssl: the certificate for {name}', text)


def refused(tap, server):
    """Each of these must fail in the handshake, with an alert and not with silence."""
    table = [
        ('TLS 1.1', ['-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'], 'alert|unsupported'),
        ('TLS 1.0', ['-tls1', '-cipher', 'DEFAULT@SECLEVEL=0'], 'alert|unsupported'),
        ('CBC', ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256'], 'alert'),
        ('RSA key exchange', ['-tls1_2', '-cipher', 'AES128-GCM-SHA256'], 'alert'),
        ('anonymous', ['-tls1_2', '-cipher', 'aNULL@SECLEVEL=0'], 'alert|no cipher'),
        ('finite field groups', ['-tls1_3', '-groups', 'ffdhe2048'], 'alert|no change following hrr'),
        ('HTTP/2 alone', ['-alpn', 'h2'], 'alert no application protocol|alert'),
        ('0-RTT', ['-early_data', '/dev/null'], None),
    ]
    for name, arguments, pattern in table:
        code, text = s_client(server.tls_port, *arguments)
        if pattern is None:
            tap.ok('Early data was accepted' not in text, f'refused: {name}', text)
        else:
            tap.ok(code != 0 and re.search(pattern, text), f'refused: {name}', text)
    # Renegotiation: the letter R in s_client asks for it.
    process = subprocess.Popen(['openssl', 's_client', '-connect', f'127.0.0.1:{server.tls_port}', '-tls1_2'],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    time.sleep(0.3)
    process.stdin.write(b'R\n')
    process.stdin.flush()
    try:
        text = process.communicate(timeout=PATIENCE_S)[0].decode(errors='replace')
    except subprocess.TimeoutExpired:
        process.kill()
        text = process.communicate()[0].decode(errors='replace')
    tap.ok(re.search('no renegotiation|error|alert|closed', text), 'refused: renegotiation', text[-600:])
    tap.ok('Secure Renegotiation IS supported' in text, 'RFC 5746 is spoken, for clients that insist', text[-900:])
    with socket.create_connection(('127.0.0.1', server.tls_port)) as plain:
        plain.sendall(upgrade_request('/echo'))
        plain.settimeout(PATIENCE_S)
        answer = plain.recv(1000)
        tap.ok(answer[:1] == b'\x15' or not answer, 'HTTP without TLS gets an alert', answer)


def clients(tap, server, certificates):
    context = context_of(certificates)
    sizes = (0, 1, 100, 16000, 16384, 16385, 70000, 300000)
    client = TlsClient(server.tls_port, '/echo', context)
    tap.equal(client.status, 101, 'Python ssl: upgraded')
    for size in sizes:
        payload = os.urandom(size)
        client.send(BINARY, payload)
        if client.receive() != (BINARY, payload):
            tap.ok(False, f'Python ssl: {size} bytes come back')
            break
    else:
        tap.ok(True, 'Python ssl: messages of all sizes come back')
    client.socket.sendall(close_frame(1000))
    tap.equal(client.receive()[0], CLOSE, 'Python ssl: the close handshake')
    tap.equal(client.socket.recv(10), b'', 'Python ssl: the end is in order (close_notify)')
    client.close()

    done = subprocess.run(['curl', '-s', '--cacert', certificates.path('ca.pem'),
                           f'https://localhost:{server.tls_port}/healthz'], capture_output=True, check=False,
                          timeout=PATIENCE_S)
    tap.equal(done.stdout, b'ok\n', 'curl: a page')

    in_room = [TlsClient(server.tls_port, '/room/tls', context) for _ in range(6)]
    from ringcast import Client
    plain = Client(server.port, '/room/tls')
    for i in range(50):
        payload = f'{i} '.encode() * (1 + 40 * i)
        (plain if i % 2 else in_room[i % 6]).send(TEXT, payload)
        got = {c.receive() for c in in_room + [plain]}
        if got != {(TEXT, payload)}:
            tap.ok(False, f'a room with and without TLS: message {i}', got)
            break
    else:
        tap.ok(True, 'a room whose members have TLS or not: 50 messages reach all')
    for client in in_room + [plain]:
        client.close()


def node(tap, server, certificates):
    node_path, = need('node')
    script = """
const fs = require('fs'), WebSocket = require('ws')
const socket = new WebSocket(process.argv[2], { ca: fs.readFileSync(process.argv[3]) })
let count = 0
socket.on('open', () => socket.send('x'.repeat(100)))
socket.on('message', data => {
    if (++count === 200) { socket.close(1000); return }
    socket.send('x'.repeat(100 * count))
})
socket.on('close', code => { console.log(count, code); process.exit(0) })
socket.on('error', error => { console.log(error.message); process.exit(1) })
"""
    with tempfile.NamedTemporaryFile('w', suffix='.js') as file:
        file.write(script)
        file.flush()
        done = subprocess.run([node_path, file.name, f'wss://localhost:{server.tls_port}/echo',
                               certificates.path('ca.pem')], capture_output=True, text=True, check=False,
                              timeout=PATIENCE_S)
    tap.equal(done.stdout.strip(), '200 1000', f'npm ws: 200 echoes {done.stderr[-300:]}')


def chromium(tap, server):
    with Browser(flags=['--ignore-certificate-errors']) as browser:
        browser.go(f'https://localhost:{server.tls_port}/')
        browser.run("""
const socket = new WebSocket(`wss://${location.host}/echo`)
const big = 'y'.repeat(100000)
socket.onopen = () => socket.send(big)
socket.onmessage = e => { window.result = e.data === big ? 'same' : 'different'; socket.close() }
socket.onerror = () => { window.result = 'error' }
""")
        result = browser.wait_run('return window.result')
        tap.equal(result, 'same', 'Chromium: 100,000 characters over wss:// come back')


# --- Tickets

def tickets(tap, certificates):
    with TlsServer(certificates, threads=2, names=('server-ec',)) as server:
        for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
            context = context_of(certificates, minimum_version=version, maximum_version=version)
            first = TlsClient(server.tls_port, '/echo', context)
            first.send(TEXT, b'x')
            first.receive()  # a ticket of 1.3 comes with the first data
            session = first.socket.session
            first.close()
            reused = 0
            for _ in range(8):  # on whatever shard
                again = TlsClient(server.tls_port, '/echo', context, session=session)
                reused += again.socket.session_reused
                again.send(TEXT, b'x')
                tap_ok = again.receive() == (TEXT, b'x')
                session = again.socket.session
                again.close()
            tap.ok(reused == 8 and tap_ok, f'{version.name}: sessions are resumed on every shard', reused)
        server.signal(signal.SIGHUP)
        wait_for(lambda: 'reloaded' in server.output())
        again = TlsClient(server.tls_port, '/echo', context, session=session)
        tap.ok(again.socket.session_reused, 'a reload does not end sessions')
        again.close()
        resumed = server.metrics().sum('ringcast_tls_resumed_total')
        tap.ok(resumed >= 17, '/metrics counts resumed sessions', resumed)
    with TlsServer(certificates, '--tls-ticket-lifetime', '0', names=('server-ec',)) as server:
        context = context_of(certificates, minimum_version=ssl.TLSVersion.TLSv1_3)
        first = TlsClient(server.tls_port, '/echo', context)
        first.send(TEXT, b'x')
        first.receive()
        tap.ok(not first.socket.session or not first.socket.session.has_ticket, 'no tickets when switched off')
        first.close()


def shared_tickets(tap, certificates, folder):
    key = os.path.join(folder, 'ticket.key')
    with open(key, 'wb') as file:
        file.write(os.urandom(48))
    flags = ['--tls-ticket-key', key]
    with TlsServer(certificates, *flags) as one, TlsServer(certificates, *flags) as other, \
            TlsServer(certificates) as stranger:
        context = context_of(certificates)
        first = TlsClient(one.tls_port, '/echo', context)
        first.send(TEXT, b'x')
        first.receive()
        session = first.socket.session
        first.close()
        for server, expected, name in ((other, True, 'resumes'), (stranger, False, 'without the key does not')):
            again = TlsClient(server.tls_port, '/echo', context, session=session)
            tap.equal(again.socket.session_reused, expected, f'another server {name}')
            again.close()


# --- Client certificates

def client_certificates(tap, certificates):
    def attempt(server, name):
        context = context_of(certificates)
        if name:
            context.load_cert_chain(certificates.path(f'{name}.pem'), certificates.path(f'{name}.key'))
        try:
            client = TlsClient(server.tls_port, '/echo', context)
            client.send(TEXT, b'x')
            good = client.receive() == (TEXT, b'x')
            client.close()
            return good
        except (OSError, ssl.SSLError):
            return False
    ca = ['--tls-client-ca', certificates.path('ca.pem')]
    stranger = ['--tls-client-ca', certificates.path('stranger.pem')]
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                    '-subj', '/CN=stranger', '-keyout', certificates.path('stranger.key'), '-out',
                    certificates.path('stranger.pem')], check=True, capture_output=True)
    with TlsServer(certificates, '--tls-client-auth', 'required', *ca) as server:
        tap.equal([attempt(server, n) for n in ('client', None, 'ended', 'stranger')],
                  [True, False, False, False], 'required: only who shows a good certificate')
        lines = re.findall(r'TLS failed client=127\.0\.0\.1:\d+: (.*)', server.output())
        tap.ok(len(lines) == 3 and 'none' not in lines, 'each refusal is logged, with address and reason', server.output())
    with TlsServer(certificates, '--tls-client-auth', 'optional', *ca) as server:
        tap.equal([attempt(server, n) for n in ('client', None, 'stranger')], [True, True, False],
                  'optional: nobody, or a good one')
    with TlsServer(certificates, '--tls-client-auth', 'required', *stranger) as server:
        tap.equal(attempt(server, 'client'), False, 'of another authority')


# --- Changes while serving

def rotation(tap, certificates, folder):
    """100 reloads under load: nobody notices, new handshakes get the new certificate at once."""
    chain, key = os.path.join(folder, 'live.pem'), os.path.join(folder, 'live.key')

    def install(name):
        for target, ending in ((chain, 'pem'), (key, 'key')):
            with open(certificates.path(f'{name}.{ending}'), 'rb') as source:
                content = source.read()
            with open(target + '.new', 'wb') as file:
                file.write(content)
            os.replace(target + '.new', target)

    install('server-ec')
    port, tls_port = free_port(), free_port()
    with Server('--listen', f'127.0.0.1:{port},127.0.0.1:{tls_port} tls', '--tls-certificate', chain,
                '--tls-key', key, port=port) as server:
        context = context_of(certificates, check_hostname=False)
        members = [TlsClient(tls_port, '/room/rotation', context) for _ in range(20)]
        stop = []

        def talk():
            count = 0
            while not stop:
                payload = f'message {count}'.encode()
                members[count % 20].send(TEXT, payload)
                for member in members:
                    if member.receive() != (TEXT, payload):
                        raise AssertionError(f'message {count} did not reach everybody')
                count += 1
            return count
        talking = in_thread(talk)

        def shown():
            with socket.create_connection(('127.0.0.1', tls_port)) as raw, context.wrap_socket(raw) as probe:
                return str(probe.getpeercert()['subject'])
        wrong = []
        for i in range(100):
            name, subject = (('server-rsa', 'ringcast test') if i % 2 else ('other', 'ignored.test'))
            install(name)
            server.signal(signal.SIGHUP)
            if not wait_for(lambda: subject in shown(), pause_s=0.002):
                wrong.append(i)
        stop.append(True)
        count = talking.result()
        tap.equal(wrong, [], '100 changes: each new handshake shows the new certificate')
        tap.ok(count > 20, f'100 changes: {count} messages reached all 20 members meanwhile')
        closes = server.metrics().by('ringcast_closes_total', 'reason')
        tap.equal({k: v for k, v in closes.items() if v and k not in ('http_done', 'peer_eof', 'peer_reset')}, {},
                  '100 changes: nobody was dropped')

        with open(chain, 'w', encoding='ascii') as file:
            file.write('nonsense\n')
        server.signal(signal.SIGHUP)
        tap.ok(wait_for(lambda: 'not reloaded, the old one stays' in server.output()),
               'a bad file is told and keeps the old certificate')
        tap.ok(shown(), 'a bad file: new handshakes still work')
        for member in members:
            member.close()


# --- Garbage

def last_words(tap, server, certificates):
    """What was queued when TLS broke is dropped, but the alert says what was wrong, and it is one error."""
    before = server.metrics().sum('ringcast_tls_errors_total')
    for size in (5, 100000):  # sealed at once, and by the backlog
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        engine = context_of(certificates).wrap_bio(incoming, outgoing, server_hostname='localhost')
        with socket.create_connection(('127.0.0.1', server.tls_port), PATIENCE_S) as connection:
            def drive(step, connection=connection, incoming=incoming, outgoing=outgoing):
                while True:
                    try:
                        return step()
                    except ssl.SSLWantReadError:
                        connection.sendall(outgoing.read())
                        incoming.write(connection.recv(65536))
            drive(engine.do_handshake)
            engine.write(upgrade_request('/echo'))
            connection.sendall(outgoing.read())
            drive(lambda engine=engine: engine.read(65536))
            engine.write(frame(TEXT, b'x' * size))
            server.signal(signal.SIGSTOP)
            connection.sendall(outgoing.read() + b'\x17\x03\x03\x00\x20' + bytes(32))
            server.signal(signal.SIGCONT)
            said = None
            while said is None:
                try:
                    drive(lambda engine=engine: engine.read(65536))
                    data = connection.recv(65536)
                    incoming.write(data) if data else incoming.write_eof()
                except ssl.SSLError as error:
                    said = error.reason
        tap.ok('ALERT' in said, f'an alert ends what was broken while {size} bytes were queued', said)
    tap.equal(server.metrics().sum('ringcast_tls_errors_total') - before, 2, 'each is one error')


def hostile(tap, server, certificates):
    """Random and truncated records at every state: nothing but a clean close, and others notice nothing."""
    random.seed(1)
    context = context_of(certificates)
    witness = TlsClient(server.tls_port, '/echo', context)

    def hello():
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        engine = context.wrap_bio(incoming, outgoing, server_hostname='localhost')
        try:
            engine.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return engine, incoming, outgoing, outgoing.read()

    def until_closed(connection):
        connection.settimeout(PATIENCE_S)
        try:
            while connection.recv(65536):
                pass
            return True
        except ConnectionError:
            return True
        except socket.timeout:
            return False

    bad = 0
    for i in range(150):
        with socket.create_connection(('127.0.0.1', server.tls_port)) as connection:
            state = i % 5
            junk = bytes([random.choice((20, 21, 22, 23, 24, random.randrange(256))), 3, random.randrange(5)])
            body = os.urandom(random.randrange(400))
            junk += random.choice((len(body), len(body) + 5, 0, 65535)).to_bytes(2, 'big') + body
            try:
                if state == 0:  # before everything
                    connection.sendall(junk)
                elif state == 1:  # a hello with one byte changed, or cut
                    data = bytearray(hello()[3])
                    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
                    connection.sendall(data[:random.choice((len(data), random.randrange(len(data))))])
                elif state == 2:  # behind the hello
                    connection.sendall(hello()[3] + junk)
                elif state == 3:  # in place of the end of the handshake
                    connection.sendall(hello()[3])
                    connection.recv(100)
                    connection.sendall(junk)
                else:  # on an open connection
                    wrapped = context.wrap_socket(connection.dup(), server_hostname='localhost')
                    wrapped.sendall(upgrade_request('/echo'))
                    wrapped.recv(1000)
                    os.write(wrapped.fileno(), junk)
                    wrapped.detach()
                connection.shutdown(socket.SHUT_WR)
            except ConnectionError:
                pass
            bad += not until_closed(connection)
        if i % 30 == 0:
            witness.send(TEXT, b'still here')
            if witness.receive() != (TEXT, b'still here'):
                bad += 1000
    tap.equal(bad, 0, '150 hostile connections in five states are closed, and nobody else notices')
    tap.ok(wait_for(lambda: server.metrics().sum('ringcast_tls_connections') == 1), 'nothing of them is left')
    witness.close()


def half_open(tap, certificates):
    with TlsServer(certificates, '--handshake-timeout', '500ms') as server:
        begun = time.monotonic()
        silent = [socket.create_connection(('127.0.0.1', server.tls_port)) for _ in range(20)]
        slow = socket.create_connection(('127.0.0.1', server.tls_port))
        slow.sendall(b'\x16\x03\x01')
        for connection in silent + [slow]:
            connection.settimeout(PATIENCE_S)
            tap_closed = connection.recv(10) == b''
            connection.close()
        tap.ok(tap_closed and time.monotonic() - begun >= 0.4, 'half-open handshakes are reaped at the deadline')
        tap.equal(server.metrics().by('ringcast_closes_total', 'reason')['handshake_timeout'], 21,
                  'and counted')


def configurations(tap, certificates, folder):
    ec, other = certificates.path('server-ec'), certificates.path('other')
    with open(os.path.join(folder, 'short.key'), 'wb') as file:
        file.write(b'short')
    table = [
        ('no certificate', [], 'tls_certificate is empty'),
        ('missing file', ['--tls-certificate', '/nonexistent.pem'], 'cannot read /nonexistent.pem'),
        ('key of another', ['--tls-certificate', ec + '.pem', '--tls-key', other + '.key'],
         "the private key is not this certificate's"),
        ('too few keys', ['--tls-certificate', f'{ec}.pem,{other}.pem', '--tls-key', ec + '.key'], 'fewer files'),
        ('too many keys', ['--tls-certificate', ec + '.pem', '--tls-key', f'{ec}.key,{other}.key'], 'more files'),
        ('client authentication without an authority',
         ['--tls-certificate', ec + '.pem', '--tls-key', ec + '.key', '--tls-client-auth', 'required'],
         'tls_client_ca'),
        ('short ticket key', ['--tls-certificate', ec + '.pem', '--tls-key', ec + '.key', '--tls-ticket-key',
                              os.path.join(folder, 'short.key')], 'at least 32 random'),
        ('unknown word', ['--tls-min-version', '1.1'], "none of 1.2|1.3"),
    ]
    for name, flags, said in table:
        for check in ([], ['--check-config']):
            done = subprocess.run([sys.argv[1], *check, '--listen', '127.0.0.1:0 tls', *flags], text=True,
                                  capture_output=True, timeout=PATIENCE_S, check=False)
            tap.ok(done.returncode == 2 and said in done.stderr and done.stderr.count('\n') <= 2,
                   f'{name}{" with --check-config" if check else ""}', done.stderr)
    both = os.path.join(folder, 'both.pem')
    with open(both, 'w', encoding='ascii') as out:
        for ending in ('key', 'pem'):
            with open(f'{ec}.{ending}', encoding='ascii') as file:
                out.write(file.read())
    done = subprocess.run([sys.argv[1], '--check-config', '--listen', '127.0.0.1:0 tls', '--tls-certificate', both],
                          capture_output=True, timeout=PATIENCE_S, check=False)
    tap.equal(done.returncode, 0, 'certificate and key in one file')
    with TlsServer(certificates, names=('ended',)) as server:
        tap.ok('has expired' in server.output(), 'an expired certificate is served, with a warning')
        expiry = parse_metrics(server.get('/metrics')[2].decode()).sum('ringcast_tls_certificate_expiry_seconds')
        tap.equal(expiry, 1580515200, 'when it expires is in /metrics')


def main():
    need('openssl', 'curl')
    with Tap() as tap, tempfile.TemporaryDirectory() as folder:
        certificates = Certificates(os.path.join(folder, 'certificates'))
        configurations(tap, certificates, folder)
        with TlsServer(certificates, threads=2) as server:
            openssl_says(tap, server, certificates)
            refused(tap, server)
            clients(tap, server, certificates)
            node(tap, server, certificates)
            last_words(tap, server, certificates)
            hostile(tap, server, certificates)
            chromium(tap, server)
        tickets(tap, certificates)
        shared_tickets(tap, certificates, folder)
        client_certificates(tap, certificates)
        half_open(tap, certificates)
        rotation(tap, certificates, folder)


if __name__ == '__main__':
    main()

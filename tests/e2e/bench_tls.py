# SPDX-License-Identifier: MIT
"""wss:// and PROXY headers of ringcast-bench: bench_tls.py RINGCAST RINGCAST-BENCH

Against this tree's server. RINGCAST_CERTIFICATES names the folder that tests/support/certificates filled.
"""

import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading

import ringcast

CERTIFICATES = os.environ.get('RINGCAST_CERTIFICATES', '')
SIGNATURE = b'\r\n\r\n\x00\r\nQUIT\n'


def file(name):
    return os.path.join(CERTIFICATES, name)


class TlsServer(ringcast.Server):
    """Listens with TLS and without, and both again behind PROXY headers."""

    def __init__(self, *flags, certificate='server-ec'):
        port, self.tls_port, self.proxy_port, self.proxy_tls_port = (ringcast.free_port() for _ in range(4))
        words = {port: '', self.tls_port: ' tls', self.proxy_port: ' proxy',
                 self.proxy_tls_port: ' proxy tls'}
        super().__init__('--listen', ','.join(f'127.0.0.1:{p}{word}' for p, word in words.items()),
                         '--tls-certificate', file(certificate + '.pem'),
                         '--tls-key', file(certificate + '.key'), *flags, port=port)


def run(scenario, url, *options):
    """(exit code, report, what it complained of)"""
    result = subprocess.run([sys.argv[2], scenario, url, '-q', '--json', '-', *options],
                            capture_output=True, text=True, timeout=120)
    report = json.loads(result.stdout) if result.stdout else {}
    return result.returncode, report, result.stderr


def whole(report):
    counts = report['whole_run']
    return counts['delivered'] == counts['expected'] > 0 and not report['verdict']['failed']


def check_loads(tap, server):
    """Every message arrives, whatever way it is cut into records and frames."""
    loads = {
        'fan-out over two threads': ['fanout', '-n', '60', '-r', '3', '-t', '2', '-w', '4'],
        'fan-out, open loop': ['fanout', '-n', '60', '--rate', '300'],
        'echo of 100 B': ['echo', '-n', '20', '-w', '8'],
        'echo of 70,000 B': ['echo', '-n', '4', '-w', '2', '-s', '70000', '-b'],
        'churn': ['churn', '-n', '60', '-r', '3', '--churn-rate', '100'],
    }
    for version in ('1.2', '1.3'):
        for name, (scenario, *options) in loads.items():
            code, report, error = run(scenario, f'wss://localhost:{server.tls_port}', '-d', '400ms',
                                      '--warmup', '0', '--tls-version', version,
                                      '--tls-ca', file('ca.pem'), *options)
            tap.ok(code == 0 and (scenario == 'churn' or whole(report)), f'TLS {version}: {name}',
                   f'{code} {error}')
            tap.equal(report['tls']['version'], f'TLSv{version}', f'TLS {version}: {name}: told so')


def check_connect(tap, server):
    code, report, error = run('connect', f'wss://127.0.0.1:{server.tls_port}', '-n', '50')
    tap.ok(code == 0, 'connect', error)
    tap.equal(report['tls']['certificate'], 'not checked', 'without --tls-ca that is said')
    tap.equal(report['tls_ns']['count'], 50, 'TLS handshakes are timed')
    tap.ok(0 < report['tls_ns']['p50'] <= report['handshake_ns']['p50'], 'TLS comes before the 101',
           report['tls_ns'])


def check_trust(tap, server):
    url, name = f'wss://127.0.0.1:{server.tls_port}', f'wss://localhost:{server.tls_port}'
    cases = [
        ('an address has no name to check', url, ['--tls-ca', file('ca.pem')], ''),
        ('the right name', url, ['--tls-ca', file('ca.pem'), '--tls-name', 'a.example.test'], ''),
        ('the wrong name', url, ['--tls-ca', file('ca.pem'), '--tls-name', 'wrong.test'], 'name mismatch'),
        ('the wrong authority', name, ['--tls-ca', file('other.pem')], 'could not be opened: TLS'),
        ('no authority', name, ['--tls-ca', file('none.pem')], 'cannot read'),
        ('not an authority', name, ['--tls-ca', file('ca.key')], 'certificates in PEM'),
        ('TLS options without TLS', f'ws://127.0.0.1:{server.port}', ['--tls-ca', file('ca.pem')],
         'need a wss:// URL'),
        ('ws:// where TLS is spoken', f'ws://127.0.0.1:{server.tls_port}', [], 'could not be opened'),
        ('wss:// where it is not', f'wss://127.0.0.1:{server.port}', [], 'could not be opened'),
    ]
    for what, where, options, wanted in cases:
        code, _, error = run('connect', where, '-n', '2', *options)
        good = code == 0 and not error if not wanted else code != 0 and wanted in error
        tap.ok(good, what, f'{code} {error}')


def check_client_certificate(tap):
    with TlsServer('--tls-client-auth', 'required', '--tls-client-ca', file('ca.pem')) as server:
        url = f'wss://127.0.0.1:{server.tls_port}'
        code, _, error = run('echo', url, '-n', '4', '-d', '200ms', '--tls-cert', file('client.pem'),
                             '--tls-key', file('client.key'))
        tap.ok(code == 0, 'the server asks for a certificate and gets it', error)
        code, _, error = run('echo', url, '-n', '4', '-d', '200ms', '--tls-version', '1.2')
        tap.ok(code == 1 and 'could not be opened' in error, 'or does not', error)
        code, _, error = run('echo', url, '-n', '4', '--tls-cert', file('client.pem'),
                             '--tls-key', file('other.key'))
        tap.ok(code == 2 and "not this certificate's" in error, 'a key of another certificate', error)


class Balancer:
    """Takes the PROXY header off and passes the rest on."""

    def __init__(self, backend_port):
        self.backend_port, self.seen, self.problems = backend_port, [], []
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            data = b''
            while True:
                data += client.recv(65536) or self.fail('it ended before its header did')
                split = self.split(data)
                if split:
                    break
            self.seen.append(split[:2])
            server = socket.create_connection(('127.0.0.1', self.backend_port))
            server.sendall(split[2])
            threading.Thread(target=pump, args=(server, client), daemon=True).start()
            pump(client, server)
        except (OSError, ValueError) as error:
            self.problems.append(repr(error))
            client.close()

    @staticmethod
    def fail(why):
        raise ValueError(why)

    def split(self, data):
        """(source, port, rest), or None: more is needed."""
        if data.startswith(SIGNATURE[:len(data)]):
            if len(data) < 28:
                return None
            if data[12:16] != b'\x21\x11\x00\x0c' or data[20:24] != b'\x7f\0\0\x01':
                self.fail(f'not a version 2 header over IPv4: {data[:28].hex()}')
            return socket.inet_ntoa(data[16:20]), struct.unpack('>H', data[24:26])[0], data[28:]
        if b'\r\n' not in data:
            return None
        match = re.match(rb'PROXY TCP4 (10\.[\d.]+) 127\.0\.0\.1 (\d+) (\d+)\r\n', data)
        if not match or int(match.group(3)) != self.port:
            self.fail(f'not a version 1 header: {data[:60]!r}')
        return match.group(1).decode(), int(match.group(2)), data[match.end():]


def pump(source, target):
    try:
        while True:
            piece = source.recv(65536)
            if not piece:
                break
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def check_proxy(tap, server):
    for version in ('v1', 'v2'):
        for scheme, backend in (('ws', server.port), ('wss', server.tls_port)):
            balancer = Balancer(backend)
            code, report, error = run('echo', f'{scheme}://127.0.0.1:{balancer.port}', '-n', '12', '-d',
                                      '200ms', '--proxy-header', version, '--proxy-clients', '5')
            balancer.listener.close()
            name = f'PROXY {version}, {scheme}'
            tap.ok(code == 0 and whole(report) and not balancer.problems, name,
                   f'{error} {balancer.problems}')
            wanted = sorted((f'10.0.0.{1 + n % 5}', 1024 + n // 5) for n in range(12))
            tap.equal(sorted(balancer.seen), wanted, f'{name}: who was named')


def check_address_limit(tap):
    """What the server allows per address, tried by PROXY headers."""
    with TlsServer('--address-connections', '2') as server:
        for url in (f'ws://127.0.0.1:{server.proxy_port}', f'wss://127.0.0.1:{server.proxy_tls_port}'):
            for clients, connections, refused in ((5, 10, 0), (5, 12, 2), (12, 12, 0)):
                code, report, error = run('connect', url, '-n', str(connections), '--proxy-header', 'v2',
                                          '--proxy-clients', str(clients))
                # Until the server has noticed that all of them are gone, they count.
                ringcast.wait_for(lambda: server.metrics().sum('ringcast_connections') == 1)
                tap.equal((code, report['whole_run']['failed']), (int(refused > 0), refused),
                          f'{url.split(":")[0]}, {connections} connections from {clients} addresses')
                tap.ok(not refused or 'could not be opened' in error, 'and that some are refused is told', error)


def main():
    if not os.path.exists(file('server-ec.pem')):
        ringcast.skip('this build has no TLS')
    with ringcast.Tap() as tap:
        with TlsServer() as server:
            check_loads(tap, server)
            check_connect(tap, server)
            check_trust(tap, server)
            check_proxy(tap, server)
        check_client_certificate(tap)
        check_address_limit(tap)
        with TlsServer(certificate='server-rsa') as server:
            code, report, error = run('echo', f'wss://127.0.0.1:{server.tls_port}', '-n', '4', '-d',
                                      '200ms', '--tls-ca', file('ca.pem'))
            tap.ok(code == 0 and whole(report), 'an RSA certificate', error)


main()

# SPDX-License-Identifier: MIT
"""ringcast-bench on servers that we did not write: npm ws, nginx with nchan, python3-websockets.

    bench_peers.py RINGCAST RINGCAST-BENCH             two seconds each: nothing is lost, figures are plausible
    bench_peers.py RINGCAST RINGCAST-BENCH --figures N  N interleaved repetitions with ringcast among them, as
                                                        a table of CPU per delivery, and ratios

The command is the same for all of them but for the URL and, where a server has a protocol of its own, the
templates. A server whose programs are missing is left out.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

import ringcast

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.path.join(HERE, 'peers')
PYTHON = '/usr/bin/python3' if os.path.exists('/usr/bin/python3') else 'python3'
TEMPLATES = ['--join', '{"op":"join","room":"r{room}"}', '--joined', '"joined"',
             '--publish', '{"op":"say","room":"r{room}","text":"{payload}"}']


def works(*command):
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def has_nchan():
    return shutil.which('nginx', path='/usr/sbin:' + os.environ['PATH']) and os.path.exists(
        '/usr/lib/nginx/modules/ngx_nchan_module.so')


class Peer:
    def __init__(self, name, command, path='', templates=(), echoes=True):
        self.name, self.command, self.path = name, command, path
        self.templates, self.echoes = list(templates), echoes

    def run(self, scenario, folder, *options, pin=False):
        """(exit code, report, what it complained of)"""
        port = ringcast.free_port()
        command = self.command.format(port=port, folder=os.path.join(folder, str(port)))
        url = f'ws://127.0.0.1:{port}' + (self.path if scenario == 'fanout' else '')
        templates = self.templates if scenario == 'fanout' else []
        if pin and (os.cpu_count() or 1) > 1:
            command, options = f'taskset -c 0 {command}', [*options, '--pin', '1']
        result = subprocess.run(
            [sys.argv[2], scenario, url, '-t', '1', '-q', '--json', '-', '--spawn', command, *templates,
             *options], capture_output=True, text=True, timeout=120, check=False)
        return result.returncode, json.loads(result.stdout) if result.stdout else {}, result.stderr


def peers():
    if shutil.which('node') and works('node', '-e', 'require("ws")'):
        yield Peer('npm ws', f'node {PEERS}/ws_server.js {{port}}')
    if has_nchan():
        yield Peer('nginx with nchan', f'env PATH="$PATH:/usr/sbin" {PEERS}/nchan_server {{port}} {{folder}}',
                   echoes=False)
    if works(PYTHON, '-c', 'import websockets'):
        yield Peer('python3-websockets', f'{PYTHON} {PEERS}/websockets_server.py {{port}}', '/', TEMPLATES)


def ourselves():
    return Peer('ringcast', f"{sys.argv[1]} --listen '127.0.0.1:{{port}}' --threads 1 --pin no --log-level error")


LOADS = {
    'closed loop': ['fanout', '-n', '100', '-r', '2', '-w', '4'],
    'open loop': ['fanout', '-n', '100', '-r', '4', '-p', '2', '--rate', '100'],
    'echo': ['echo', '-n', '50', '-w', '2'],
}


def check(tap, peer, folder):
    for name, (scenario, *options) in LOADS.items():
        if scenario == 'echo' and not peer.echoes:
            continue
        code, report, error = peer.run(scenario, folder, '-d', '2s', *options)
        what = f'{peer.name}, {name}'
        if not tap.ok(code == 0, f'{what}: nothing is lost', error):
            continue
        counts, latency = report['whole_run'], report['latency_ns']
        tap.equal(counts['delivered'], counts['expected'], f'{what}: all is delivered')
        least = 90 if '--rate' in options else 50  # messages a second, of which even a busy machine is capable
        most = 101 if '--rate' in options else 1e6
        tap.ok(least <= report['messages_per_s'] <= most, f'{what}: rate', report['messages_per_s'])
        tap.ok(1e4 < latency['p50'] <= latency['p99'] <= latency['max'] < 2e9, f'{what}: latencies',
               {k: latency[k] for k in ('p50', 'p99', 'max')})
        tap.ok(0 < report['server']['cpu_ns_per_delivery'] < 1e6, f'{what}: the server\'s CPU',
               report['server']['cpu_ns_per_delivery'])


FIGURES = {
    'fan-out to 1,000, W=1': ['fanout', '-n', '1000'],
    'fan-out to 1,000, W=16': ['fanout', '-n', '1000', '-w', '16'],
    'echo over 100': ['echo', '-n', '100'],
}


def figures(servers, repetitions, folder):
    rows = {(title, server.name): [] for title in FIGURES for server in servers}
    for number in range(repetitions):
        print(f'repetition {number + 1} of {repetitions}', file=sys.stderr)
        for title, (scenario, *options) in FIGURES.items():
            for server in servers:
                if scenario == 'echo' and not server.echoes:
                    continue
                code, report, error = server.run(scenario, folder, '-d', '1500ms', *options, pin=True)
                if code:
                    sys.exit(f'{server.name}: {error}')
                rows[title, server.name].append(report['server']['cpu_ns_per_delivery'] / 1e3)
    print('| server CPU per delivery, µs |', ' | '.join(server.name for server in servers), '|')
    print('|---|' + '---:|' * len(servers))
    for title in FIGURES:
        ours, cells = rows[title, servers[0].name], []
        for server in servers:
            values = rows[title, server.name]
            ratios = [value / our for value, our in zip(values, ours)]
            ratio = f' (× {statistics.median(ratios):.1f})' if values and server is not servers[0] else ''
            cells.append(f'{statistics.median(values):.2f}{ratio}' if values else '–')
        print(f'| {title} |', ' | '.join(cells), '|')


def main():
    # Where scripts/setup puts npm's packages.
    os.environ.setdefault('NODE_PATH', os.path.join(HERE, '../../.build/npm/node_modules'))
    with tempfile.TemporaryDirectory(prefix='bench-peers-') as folder:
        os.chmod(folder, 0o755)  # nginx's worker is another user
        if '--figures' in sys.argv:
            figures([ourselves(), *peers()], int(sys.argv[-1]), folder)
            return
        found = list(peers())
        if not found:
            ringcast.skip('none of these servers is installed')
        with ringcast.Tap() as tap:
            for peer in found:
                check(tap, peer, folder)


main()

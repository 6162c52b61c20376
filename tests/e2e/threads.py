# SPDX-License-Identifier: MIT
"""Four shards under load: threads.py RINGCAST RINGCAST-BENCH

The load tool numbers every message and fails when one is missing, doubled or out of order. In the thread
sanitizer's build, this is where the shards race each other for real.
"""

import subprocess
import sys

import ringcast

LOADS = {
    'a room of every shard': ['fanout', '-n', '200', '-r', '1', '-w', '8', '-s', '100', '-d', '3s'],
    'rooms with homes on every shard':
        ['fanout', '-n', '200', '-r', '40', '-w', '4', '-s', '100', '-d', '3s'],
    'echo': ['echo', '-n', '50', '-w', '2', '-d', '1s'],
}

with ringcast.Tap() as tap:
    with ringcast.Server(threads=4) as server:
        for name, arguments in LOADS.items():
            run = subprocess.run(
                [sys.argv[2], *arguments, f'ws://127.0.0.1:{server.port}'],
                capture_output=True, text=True, timeout=120)
            tap.ok(run.returncode == 0, f'nothing is lost: {name}', run.stdout + run.stderr)
        figures = server.metrics()
        used = [v for k, v in figures.items() if k[0] == 'ringcast_shard_deliveries_total']
        tap.ok(len(used) == 4 and min(used) > 0, 'every shard delivered', used)

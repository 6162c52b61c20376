# SPDX-License-Identifier: MIT
"""The scenarios of ringcast-bench against the real server: nobody loses anything, and what the scenario is about
happens, as often as it should. bench_scenarios.py RINGCAST-BENCH RINGCAST

Only counts are compared, and times with what they cannot be below: a busy machine fails nothing.
"""

import json
import subprocess
import sys

from ringcast import Server, Tap


def run(tap, scenario, *options, flags=()):
    """A good run's report."""
    with Server(*flags, binary=sys.argv[2]) as server:
        result = subprocess.run(
            [sys.argv[1], scenario, f'ws://127.0.0.1:{server.port}', '-q', '-t', '2', '--json', '-', '--pid',
             str(server.pid), *map(str, options)], capture_output=True, text=True, timeout=120, check=False)
    tap.ok(result.returncode == 0 and not result.stderr, f'{scenario}: exit code', result.stderr)
    report = json.loads(result.stdout)
    verdict = report['verdict']
    tap.equal([verdict[key] for key in ('failed', 'missing', 'doubled', 'reordered', 'stranded')],
              [False, 0, 0, 0, 0], f'{scenario}: all is well')
    return report


def check_connect(tap):
    # The first goes at once, each of the two threads paces its own half.
    report = run(tap, 'connect', '-n', 60, '--connect-rate', 100)
    opening = report['opening']
    tap.equal((opening['opened'], report['handshake_ns']['count']), (60, 60), 'connect: all are opened and timed')
    tap.ok(opening['seconds'] >= 0.57, 'connect: no faster than asked', opening)
    tap.ok(0 < report['handshake_ns']['p50'] <= opening['seconds'] * 1e9, 'connect: handshakes are timed',
           report['handshake_ns'])
    tap.ok(opening['server_cpu_ns'] > 0, 'connect: the server is accounted for', opening)


def check_idle(tap):
    report = run(tap, 'idle', '-n', 100, '-d', '1s', '--warmup', 0, flags=('--ping-interval', '300ms'))
    counts = report['whole_run']
    tap.equal((counts['opened'], counts['lost']), (100, 0), 'idle: held')
    tap.ok(counts['pings'] > 0, 'idle: pings are answered', counts)
    tap.ok(report['measured_s'] > 0.9, 'idle: for as long as asked', report['measured_s'])


def check_slow(tap):
    report = run(tap, 'slow', '-n', 60, '--rate', 200, '-s', 40000, '-d', '2s', '--warmup', 0,
                 flags=('--outbound-bytes', '256k', '--close-timeout', '500ms'))
    counts = report['whole_run']
    tap.equal((counts['slow_ended'], report['event_ns']['count']), (6, 6), 'slow: the slow ones are ended')
    # They never read, so the reset is all that reaches them.
    tap.equal((counts['slow_closed'], counts['slow_hung_up']), (0, 0), 'slow: by a reset')
    healthy = run(tap, 'slow', '-n', 60, '--rate', 200, '--slow', 0, '-d', '500ms', '--warmup', 0)
    tap.equal(healthy['whole_run']['slow_ended'], 0, 'slow: nobody is ended where nobody is slow')


def check_storm(tap):
    report = run(tap, 'storm', '-n', 200, '-r', 8, '--rate', 100, '--repeats', 2, '--wave', 50, '--every', '400ms')
    # The first of each room's 25 members publishes and stays; each wave has half of the others.
    drops = [(drop['dropped'], drop['recovered']) for drop in report['drops']]
    tap.equal(drops, [(96, 96)] * 4, 'storm: who is dropped comes back')
    tap.equal(report['event_ns']['count'], 384, 'storm: recoveries are timed')


def check_churn(tap):
    report = run(tap, 'churn', '-n', 100, '-r', 5, '-p', 2, '-w', 4, '--churn-rate', 200, '-d', '1s', '--warmup', 0)
    dropped = report['whole_run']['dropped']
    tap.ok(0 < dropped <= 205, 'churn: members come and go, no more often than asked', dropped)
    tap.ok(0 < report['event_ns']['count'] <= dropped, 'churn: rejoins are timed', report['event_ns']['count'])


def check_rates(tap):
    """An open loop sends what is due, no more; what is due in the warm-up is sent but not measured."""
    report = run(tap, 'fanout', '-n', 20, '-r', 2, '--rate', 400, '-d', '500ms', '--warmup', '500ms')
    counts, whole = report['counts'], report['whole_run']
    tap.ok(0 < counts['published'] < whole['published'] <= 402, 'fanout: at the rate', (counts, whole))
    tap.equal(whole['delivered'], whole['published'] * 10, 'fanout: to all members of the room')
    timed = report['latency_ns']['count']
    # 200 messages are due in the measured time, each to 10 members; a message held up is due all the same.
    tap.ok(timed % 10 == 0 and 0 < timed <= 2010, 'fanout: only what is due in the measured time is timed', timed)
    report = run(tap, 'echo', '-n', 10, '--rate', 400, '-d', '500ms', '--warmup', 0, '--sources', 3)
    whole = report['whole_run']
    tap.ok(0 < whole['published'] == whole['delivered'] <= 210, 'echo: at the rate', whole)
    tap.equal(report['sources'], 3, 'source addresses')


def main():
    with Tap() as tap:
        check_connect(tap)
        check_idle(tap)
        check_slow(tap)
        check_storm(tap)
        check_churn(tap)
        check_rates(tap)


main()

# SPDX-License-Identifier: MIT
"""ringcast-bench reports exactly what a scripted server does: bench_truth.py RINGCAST-BENCH

Only counts are compared, and latencies with what they cannot be below, so a busy machine fails nothing.
"""

import concurrent.futures
import json
import math
import subprocess
import sys

from ringcast import Tap
from scripted import Plan, ScriptedServer

MEMBERS = 4
PATIENCE = (0.8, 4, 20)  # seconds of load: a machine that is held up may need more for the whole plan


def run_bench(scenario, server, seconds, *options):
    """(exit code, report)"""
    load = ['--warmup', '0', '--drain', '1s'] if scenario != 'connect' else []
    load += ['--rate', '200'] if load and '-w' not in options else []
    load += ['-d', f'{seconds}s'] if load and scenario != 'storm' else []
    result = subprocess.run(
        [sys.argv[1], scenario, f'ws://127.0.0.1:{server.port}', '-n', str(MEMBERS), '-t', '1', '-q', *load,
         '--json', '-', *options], capture_output=True, text=True, timeout=120, check=False)
    return result.returncode, json.loads(result.stdout)


def run_plan(scenario, plan, options, wrap):
    """Until the plan has been met as a whole: (server, exit code, report)."""
    for seconds in PATIENCE:
        server = ScriptedServer(plan, wrap)
        code, report = run_bench(scenario, server, seconds, *options)
        if all(server.done[fate] == count for fate, count in plan.counts().items()):
            break
    return server, code, report


def verdict_of(plan):
    """What a plan should be reported as."""
    counts = plan.counts()
    damaged = counts['damage'] + counts['spoil']
    return {'missing': counts['drop'] + damaged + counts['stray'], 'doubled': counts['double'],
            'reordered': counts['swap'], 'damaged': damaged, 'misplaced': counts['stray'], 'other': 0}


def check_plan(name, scenario, plan, options=(), wrap=None):
    """[(good, name, detail)...]"""
    server, code, report = run_plan(scenario, plan, options, wrap)
    verdict, counts = report['verdict'], report['whole_run']
    wanted = verdict_of(plan)
    got = {key: counts[key] if key == 'other' else verdict[key] for key in wanted}
    published = sum(server.sent.values())
    receivers = MEMBERS - ('--no-self' in options) if scenario == 'fanout' else 1
    return [
        (got == wanted, name, f'{got}, by plan {wanted}'),
        (code == (1 if plan.fates else 0), f'{name}: exit code', code),
        (counts['published'] == published, f'{name}: sent', f'{counts["published"]}, read {published}'),
        (counts['expected'] == published * receivers, f'{name}: expected', counts['expected']),
        (counts['delivered'] == counts['expected'] - wanted['missing'], f'{name}: delivered',
         counts['delivered']),
    ]


def plans():
    """(name, scenario, plan, further options, how the server wraps)"""
    everything = {'drop': [(1, 1), (2, 2)], 'double': [(9, 0)], 'swap': [(40, 3)], 'damage': [(60, 1)],
                  'spoil': [(70, 2)], 'stray': [(75, 1)]}
    yield 'nothing wrong', 'fanout', Plan(), (), None
    yield 'drops', 'fanout', Plan(drop=[(3, 0), (4, 0), (5, 1), (99, 3)]), (), None
    yield 'doubles', 'fanout', Plan(double=[(0, 0), (7, 2), (50, 3)]), (), None
    yield 'reorders', 'fanout', Plan(swap=[(10, 1), (20, 1), (30, 2)]), (), None
    yield 'damages', 'fanout', Plan(damage=[(5, 1), (6, 1)], spoil=[(7, 1), (8, 3)]), (), None
    yield 'strays', 'fanout', Plan(stray=[(8, 0)]), (), None
    yield 'all at once', 'fanout', Plan(0.01, **everything), (), None
    # Neighbours are different publishers', between whom no order is looked for.
    yield 'two publishers', 'fanout', Plan(drop=[(3, 0), (4, 1)], double=[(8, 2), (9, 2)]), ('-p', '2'), None
    yield 'closed loop', 'fanout', Plan(**everything), ('-w', '4', '--lost-after', '100ms'), None
    yield 'echo', 'echo', Plan(**everything), (), None
    yield 'echo, closed loop', 'echo', Plan(**everything), ('-w', '2', '--lost-after', '100ms'), None
    template = ('--publish', '{"to":"{room}","from":{id},"data":"{payload}"}')
    yield 'large', 'fanout', Plan(drop=[(3, 1)], spoil=[(5, 0)], damage=[(7, 2)]), ('-s', '3000'), None
    yield ('wrapped by both sides', 'fanout', Plan(drop=[(3, 0), (5, 1)], double=[(7, 2)]), template,
           lambda payload: b'{"event":"said","what":' + payload + b'}')


def plans_by_threads():
    """With one thread of the tool and with two, which share what they count."""
    for name, scenario, plan, options, wrap in plans():
        yield name, scenario, plan, options, wrap
        yield f'{name}, two threads', scenario, plan, (*options, '-t', '2'), wrap


def check_plans(tap):
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for results in pool.map(lambda arguments: check_plan(*arguments), plans_by_threads()):
            for result in results:
                tap.ok(*result)


def check_given_up(tap):
    """Closed loop with one message outstanding: each that somebody does not get is given up, once."""
    plan = Plan(drop=[(2, 0), (4, 1), (4, 2)])
    _, code, report = run_plan('fanout', plan, ('-w', '1', '--lost-after', '100ms'), None)
    tap.equal((code, report['verdict']['missing'], report['whole_run']['given_up']), (1, 3, 2), 'given up')


def quantile(ordered, q):
    return ordered[max(math.ceil(q * len(ordered)), 1) - 1]


def check_distribution(tap):
    """Delays by a plan: every percentile is at least the plan's, and is what the buckets say. Each message is
    due at a known time, so how long it takes at least is known too: a delayed one holds up those behind it."""
    rate, seconds = 200, 1

    def delay_s(number, member):
        return 0.2 if number % 100 == 30 else 0.05 if number % 10 == 3 else 0.002 if member else 0.01

    planned = []
    for member in range(MEMBERS):
        free_s = 0
        for number in range(rate * seconds):
            free_s = max(free_s, number / rate + delay_s(number, member))
            planned.append((free_s - number / rate) * 1e9)
    planned.sort()
    for options in ((), ('-t', '2')):
        server = ScriptedServer(Plan(delay_s))
        code, report = run_bench('fanout', server, seconds, *options)
        latency, name = report['latency_ns'], f'planned delays {" ".join(options)}'
        tap.equal((code, latency['count']), (0, len(planned)), f'{name}: all are timed')
        found = [value for value, count in latency['buckets'] for _ in range(count)]
        tap.ok(all(a >= b - 1.5e6 for a, b in zip(found, planned)), f'{name}: none is faster than planned')
        for q, key in ((0.5, 'p50'), (0.9, 'p90'), (0.99, 'p99'), (0.999, 'p99.9')):
            tap.ok(latency[key] == min(quantile(found, q), latency['max']) >= quantile(planned, q) - 1.5e6,
                   f'{name}: {key}', f'{latency[key]}, planned {quantile(planned, q)}')
        mean_ns = sum(found) / len(found)
        tap.ok(abs(latency['mean'] - mean_ns) <= 0.008 * mean_ns, f'{name}: mean', latency['mean'])


def check_delay(tap):
    """Nothing can seem faster than it was. How much slower it was is bench_latency's to compare."""
    for delay_ms in (20, 80):
        _, code, report = run_plan('fanout', Plan(delay_ms / 1e3), (), None)
        least_ms = report['latency_ns']['buckets'][0][0] / 1e6
        # A timer of asyncio may be a clock tick early; a bucket is named after its largest value.
        tap.ok(code == 0 and least_ms >= delay_ms - 1.5, f'delay of {delay_ms} ms: the fastest', least_ms)
        timed = report['latency_ns']['count']
        tap.ok(0 < timed <= report['whole_run']['delivered'] and timed % MEMBERS == 0,
               f'delay of {delay_ms} ms: what was due in the measured time is timed', timed)


def check_stall(tap):
    """A server that stops reading is charged with everything that was due meanwhile: it is sent late, and
    what cannot be sent at all makes the run fail. Neither is the tool's own lag."""
    for stall_s, never in ((0.7, False), (60, True)):
        options = ('--rate', '1000', '-s', '8000', '--drain', '1s' if never else '20s')
        server = ScriptedServer(Plan(stall=(200, stall_s)))
        code, report = run_bench('fanout', server, 1, *options)
        name, counts = f'a server that reads nothing for {stall_s} s', report['whole_run']
        tap.equal(counts['published'] + counts['due_unsent'], 1000, f'{name}: all that was due')
        tap.ok((code, counts['due_unsent'] > 0) == (int(never), never), f'{name}: never sent', counts['due_unsent'])
        tap.ok(counts['held_back'] > 100, f'{name}: held back', counts['held_back'])
        least_s = 1 if never else stall_s / 2
        tap.ok(report['latency_ns']['max'] > least_s * 1e9, f'{name}: latency', report['latency_ns']['max'])
        tap.ok(report['own_lag_ns']['p50'] < 1e8, f'{name}: own lag', report['own_lag_ns']['p50'])


def check_connect_rate(tap):
    """Handshakes that are due while others hold the only place wait for it, and that is timed."""
    server = ScriptedServer(Plan(answer_s=0.05))
    code, report = run_bench('connect', server, 1, '-n', '20', '--connect-rate', '100', '-c', '1')
    slowest_ms, rate = report['handshake_ns']['max'] / 1e6, report['opening']['handshakes_per_s']
    tap.ok(code == 0 and slowest_ms > 20 * 50 - 200, 'late handshakes count from when they were due', slowest_ms)
    tap.ok(rate < 20, 'handshakes/s', rate)


def check_stranded(tap):
    """Members that are not let in again are missed, and the run fails."""
    for scenario, options in (('churn', ('--churn-rate', '40')), ('storm', ('--repeats', '1', '--every', '300ms'))):
        server = ScriptedServer(Plan(answers=MEMBERS))
        code, report = run_bench(scenario, server, 0.5, *options)
        stranded, error = report['verdict']['stranded'], report['verdict']['first_error']
        tap.equal((code, stranded, report['verdict']['missing']), (1, MEMBERS - 1, 0), f'stranded in {scenario}')
        tap.ok('come back' in error, f'stranded in {scenario}: said', error)


def check_waves(tap):
    """Exactly the share drops at a time, whatever rooms there are; everybody once a repeat; by the seed."""
    for rooms, wave, wanted in ((1, 30, [11, 12, 12, 4]), (20, 30, [6, 6, 6, 2]), (1, 60, [23, 16]), (1, 100, [39])):
        options = ('-n', '40', '-r', str(rooms), '--wave', str(wave), '--repeats', '2', '--every', '150ms')
        code, report = run_bench('storm', ScriptedServer(Plan()), 0, *options)
        dropped = [drop['dropped'] for drop in report['drops']]
        # The scripted server has one room, so more of them have strays.
        tap.equal((code, dropped), (int(rooms > 1), 2 * wanted), f'waves of {wave} % in {rooms} rooms')


def check_lost_publisher(tap):
    """The room's publisher loses its connection: another member goes on in its place. Between what the two
    sent no order is promised."""
    for options in ((), ('-p', '2'), ('-w', '2')):
        server = ScriptedServer(Plan(hang_up=(20, 0)))
        code, report = run_bench('fanout', server, 1.5, *options)
        name = f'lost publisher {" ".join(options)}'
        tap.equal((code, report['whole_run']['lost'], report['verdict']['missing']), (1, 1, 0), name)
        published = report['whole_run']['published']
        tap.ok(published == server.sent['room'] > 25, f'{name}: the room goes on', published)


def main():
    with Tap() as tap:
        check_plans(tap)
        check_given_up(tap)
        check_distribution(tap)
        check_delay(tap)
        check_stall(tap)
        check_connect_rate(tap)
        check_stranded(tap)
        check_waves(tap)
        check_lost_publisher(tap)


main()

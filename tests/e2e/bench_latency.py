# SPDX-License-Identifier: MIT
"""The load tool's latencies against those of the packets: bench_latency.py RINGCAST RINGCAST-BENCH

tshark captures a fan-out on the loopback interface. Each message carries its number and when it was due; the
kernel's time of the packet that brings it to a member is a clock that the tool has nothing to do with. The
percentiles of an open loop have to agree within 5 %. Those of a closed loop, which is read in coarser steps, are
shown beside them.

It compares times, so it wants a machine that does nothing else. As far as it may, it gives the tool precedence
over others; what is judged is the median over some runs, without those in which the tool was held up.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import ringcast

MEMBERS = 1000
WITHIN = 0.05
RUNS, ATTEMPTS = 5, 15
WAITED_SHARE = 0.05  # of its own work
# Packets that carry data.
FILTER = 'tcp port {} and (((ip[2:2] - ((ip[0] & 0xf) << 2)) - ((tcp[12] & 0xf0) >> 2)) != 0)'
STAMP_CHARACTERS = 48


class Capture:
    def __init__(self, port, path):
        self.path, self.port = path, port
        self.process = subprocess.Popen(
            ['tshark', '-q', '-i', 'lo', '-s', '256', '-B', '64', '-f', FILTER.format(port), '-w', path],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {0}))  # not where the tool is
        if not ringcast.wait_for(lambda: self.process.poll() is not None or self.sees()):
            raise RuntimeError('tshark does not begin')
        if self.process.poll() is not None:
            ringcast.skip(f'tshark may not capture here: {self.process.stderr.read().strip()[-200:]}')

    def sees(self):
        """Whether what goes over the interface reaches the file."""
        ringcast.Client(self.port, '/echo').close()
        time.sleep(0.2)
        return os.path.exists(self.path) and os.path.getsize(self.path) > 1000

    def stop(self):
        """What it said in the end: how many packets, and how many it missed."""
        time.sleep(0.5)
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=60)[1]

    def packets(self):
        """(time in ns since 1970, whether the server sent it, payload)"""
        fields = ['-e', 'frame.time_epoch', '-e', 'tcp.srcport', '-e', 'tcp.payload']
        text = subprocess.run(['tshark', '-n', '-r', self.path, '-T', 'fields', '--disable-protocol', 'http',
                               '--disable-protocol', 'websocket', *fields],
                              capture_output=True, text=True, check=True).stdout
        for line in text.splitlines():
            when, source, payload = line.split('\t')
            seconds, _, fraction = when.partition('.')
            at_ns = int(seconds) * 10 ** 9 + int(fraction.ljust(9, '0'))
            yield at_ns, int(source) == self.port, bytes.fromhex(payload.replace(':', ''))


def letters_value(letters):
    value = 0
    for letter in letters:
        value = value << 4 | letter - ord('a')
    return value


def read_stamp(payload):
    """(sequence, due in monotonic ns) of a message's text, or None."""
    letters = payload[:STAMP_CHARACTERS]
    if len(letters) < STAMP_CHARACTERS or not all(ord('a') <= c <= ord('p') for c in letters):
        return None
    return letters_value(letters[24:32]), letters_value(letters[32:48])


def frames(data):
    """Payloads of the server's whole frames in one packet."""
    while True:
        split = ringcast.split_frame(data)
        if not split:
            return
        yield split[1]
        data = split[2]


def unmask(data):
    """The text of a client's frame of 100 bytes, or None."""
    if len(data) < 6 or data[0] != 0x81 or data[1] != 0x80 | 100:
        return None
    return ringcast.mask_bytes(data[6:106], data[2:6])


def latencies(capture, offset_ns, from_ns, until_ns):
    """(from due to the packet, from the publisher's packet to it), both sorted, in ns."""
    published, arrived = {}, []
    for at_ns, from_server, data in capture.packets():
        if not from_server:
            stamp = read_stamp(unmask(data) or b'')
            if stamp:
                published[stamp[0]] = at_ns
        elif data[:4] != b'HTTP':
            stamps = (read_stamp(payload) for payload in frames(data))
            arrived += [(at_ns, *stamp) for stamp in stamps if stamp and from_ns <= stamp[1] < until_ns]
    return (sorted(at_ns - offset_ns - due_ns for at_ns, _, due_ns in arrived),
            sorted(at_ns - published[number] for at_ns, number, _ in arrived if number in published))


def quantile(values, share):
    return values[min(len(values) - 1, int(share * len(values)))]


def precedence():
    """Nobody else's work comes between the tool and its CPU, where we may ask for that."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pass


def measure(server, folder, load):
    """(report, by due, by packet)"""
    capture = Capture(server.port, os.path.join(folder, 'capture.pcapng'))
    pin = ['--pin', str((os.cpu_count() or 1) - 1)]
    # Realtime and monotonic clock apart: read as close to each other as it goes.
    offsets = [time.time_ns() - time.monotonic_ns() for _ in range(1000)]
    result = subprocess.run(
        [sys.argv[2], 'fanout', f'ws://127.0.0.1:{server.port}', '-n', str(MEMBERS), '-t', '1', '-q',
         '--pid', str(server.pid), '--json', '-', *pin, *load],
        capture_output=True, text=True, timeout=120, check=False, preexec_fn=precedence)
    said = capture.stop()
    if result.returncode:
        raise RuntimeError(result.stderr)
    report = json.loads(result.stdout)
    print('#', said.strip().splitlines()[-1] if said.strip() else '')
    return (report, *latencies(capture, sorted(offsets)[500], *report['measured_ns']))


def held_up(report):
    """Why a run says more about the machine than about the tool, or ''."""
    tool = report['tool_cpu']
    waited = tool['waited_for_cpu_ns'] / tool['cpu_ns']
    if waited > WAITED_SHARE:
        return f'for each second of work the tool waited {waited:.2f} s for a CPU'
    return report['bottleneck'] or ''


def show(report, by_due, by_packet):
    tool = report['latency_ns']
    print(f'# {len(by_due)} packets of {tool["count"]} deliveries; own lag p50 '
          f'{report["own_lag_ns"]["p50"] / 1e3:.0f} µs; {held_up(report) or "not held up"}')
    print(f'# {"µs":6}{"tool":>10}{"packets":>10}{"apart":>9}{"from the publish":>20}')
    apart = {}
    for name, share in (('p50', 0.5), ('p90', 0.9), ('p99', 0.99)):
        packets = quantile(by_due, share)
        apart[name] = tool[name] / packets - 1
        print(f'# {name:6}{tool[name] / 1e3:10.0f}{packets / 1e3:10.0f}{apart[name]:+9.1%}'
              f'{quantile(by_packet, share) / 1e3:20.0f}', flush=True)
    return apart


def check(tap, server, folder, name, load, judged):
    runs = []
    for _ in range(ATTEMPTS):
        print(f'# {name}')
        report, by_due, by_packet = measure(server, folder, load)
        if len(by_due) < 0.99 * report['latency_ns']['count']:
            print('# the capture has gaps')
            continue
        apart = show(report, by_due, by_packet)
        if not held_up(report):
            runs.append(apart)
        if len(runs) == RUNS:
            break
    tap.equal(len(runs), RUNS, f'{name}: runs that nothing held up')
    for share in runs[0] if runs else ():
        value = statistics.median(run[share] for run in runs)
        tap.ok(abs(value) <= WITHIN or not judged, f'{name}: {share} is {value:+.1%} apart')


def main():
    ringcast.need('tshark')
    with ringcast.Tap() as tap, tempfile.TemporaryDirectory() as folder:
        with ringcast.Server(threads=1) as server:
            for thread in os.listdir(f'/proc/{server.pid}/task'):
                os.sched_setaffinity(int(thread), {0})
            check(tap, server, folder, 'open loop', ['--rate', '20', '-d', '4s'], True)
            check(tap, server, folder, 'closed loop', ['-w', '1', '-d', '700ms'], False)


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Scenarios slow, storm and churn of ringcast-bench against the real server: nobody loses anything.

    bench_scenarios.py path/to/ringcast-bench path/to/ringcast
"""
import json
import os
import socket
import subprocess
import sys
import tempfile


def run(tool, server, folder, scenario, *options, flags=""):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = os.path.join(folder, scenario + ".json")
    command = f"{server} --listen 127.0.0.1:{port} --threads 2 --log-level error {flags}"
    result = subprocess.run(
        [tool, scenario, f"ws://127.0.0.1:{port}", "-q", "-t", "2", "--json", path, "--spawn",
         command, *options], capture_output=True, text=True, timeout=60, check=False)
    if result.returncode:
        sys.exit(f"FAIL {scenario}: exit code {result.returncode}: {result.stderr}")
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    expect(f"{scenario}: missing", report["verdict"]["missing"], lambda n: n == 0)
    return report


def expect(what, value, good):
    if not good(value):
        sys.exit(f"FAIL {what}: {value}")
    print(f"ok   {what}: {value}")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    tool, server = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="bench-scenarios-") as folder:
        slow = run(tool, server, folder, "slow", "-n", "60", "--rate", "200", "-s", "20000", "-d",
                   "3s", flags="--outbound-bytes 256k --close-timeout 500ms")
        expect("slow: ended by the server", slow["whole_run"]["slow_ended"], lambda n: n == 6)
        expect("slow: ends timed", slow["event_ns"]["count"], lambda n: n == 6)
        storm = run(tool, server, folder, "storm", "-n", "400", "-r", "8", "--rate", "100",
                    "--repeats", "2", "--wave", "50", "--every", "400ms")
        expect("storm: drops", len(storm["drops"]), lambda n: n == 4)
        # The first of each room's 50 members publishes and stays.
        for drop in storm["drops"]:
            expect("storm: all are back", drop,
                   lambda d: d["recovered"] == d["dropped"] == (400 - 8) // 2)
        churn = run(tool, server, folder, "churn", "-n", "300", "-r", "10", "-p", "2", "-w", "4",
                    "--churn-rate", "500", "-d", "2s")
        expect("churn: members that came and went", churn["whole_run"]["dropped"],
               lambda n: n > 500)
        expect("churn: rejoins timed", churn["event_ns"]["count"], lambda n: n > 500)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ringcast-bench against a scripted server that delays, drops, doubles, reorders and damages by a
known plan: the tool has to report exactly that plan. And its page has to show the JSON's figures.

    bench_truth.py path/to/ringcast-bench
"""
import asyncio
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MEMBERS = 4


class Plan:
    """What happens to message n of a room on its way to a member (by order of joining)."""

    def __init__(self, delay=0.0, drop=(), double=(), swap=(), damage=(), stray=(),
                 hang_up=None):
        self.delay, self.hang_up = delay, hang_up
        self.drop, self.double, self.swap = set(drop), set(double), set(swap)
        self.damage, self.stray = set(damage), set(stray)


def frame(payload):
    head = bytes([0x81, len(payload)]) if len(payload) < 126 else (
        b"\x81\x7e" + len(payload).to_bytes(2, "big"))
    return head + payload


class Server:
    """Rooms over WebSocket in a thread of its own, just enough for the tool."""

    def __init__(self, plan):
        self.plan, self.members, self.sent, self.held = plan, [], 0, {}
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        self.ready.wait()

    def run(self):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        self.loop.run_forever()

    async def serve(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            key = re.search(rb"Sec-WebSocket-Key: (\S+)", head).group(1)
            accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                         b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
            self.members.append(writer)
            while True:
                first, length = await reader.readexactly(2)
                length &= 0x7F
                if length == 126:
                    length = int.from_bytes(await reader.readexactly(2), "big")
                mask = await reader.readexactly(4)
                masked = await reader.readexactly(length)
                if first & 0x0F != 1:
                    break
                payload = bytes(c ^ mask[i % 4] for i, c in enumerate(masked))
                self.publish(payload)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            if writer in self.members:  # those behind it keep their numbers
                self.members[self.members.index(writer)] = None
            writer.close()

    def publish(self, payload):
        number, self.sent = self.sent, self.sent + 1
        for member, writer in enumerate(self.members):
            if writer is None:
                continue
            if self.plan.hang_up == (number, member):
                writer.close()
                self.members[member] = None
                continue
            for out in self.fate(number, member, payload):
                if self.plan.delay:
                    self.loop.call_later(self.plan.delay, writer.write, frame(out))
                else:
                    writer.write(frame(out))

    def fate(self, number, member, payload):
        plan, event = self.plan, (number, member)
        out = [payload]
        if event in plan.drop:
            out = []
        elif event in plan.double:
            out = [payload, payload]
        elif event in plan.damage:
            out = [payload[:-1]]
        elif event in plan.stray:
            out = [payload[:8] + b"aaaaaaab" + payload[16:]]  # the stamp's second word is the room
        elif event in plan.swap:
            self.held[member] = payload
            return []
        return out + ([self.held.pop(member)] if member in self.held else [])


def run_bench(tool, folder, server, *options):
    path = os.path.join(folder, "run.json")
    if os.path.exists(path):
        os.unlink(path)
    result = subprocess.run(
        [tool, "fanout", f"ws://127.0.0.1:{server.port}", "-n", str(MEMBERS), "-t", "1", "-q",
         "--rate", "200", "-d", "800ms", "--warmup", "0", "--drain", "500ms", "--json", path,
         *options], capture_output=True, text=True, timeout=60, check=False)
    with open(path, encoding="utf-8") as file:
        return result.returncode, json.load(file)


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"FAIL {what}: {got!r}, by plan {wanted!r}")
    print(f"ok   {what}: {got!r}")


def check_plan(tool, folder, name, plan, wanted):
    code, report = run_bench(tool, folder, Server(plan))
    verdict = report["verdict"]
    keys = ("missing", "doubled", "reordered", "misplaced", "damaged")
    expect(name, {key: verdict[key] for key in keys}, {**dict.fromkeys(keys, 0), **wanted})
    expect(f"{name}: exit code", code, 1 if wanted else 0)
    expect(f"{name}: deliveries", report["whole_run"]["delivered"],
           report["whole_run"]["expected"] - wanted.get("missing", 0))
    return report


def check_delay(tool, folder):
    for delay_ms in (20, 80):
        report = check_plan(tool, folder, f"delay of {delay_ms} ms", Plan(delay=delay_ms / 1e3), {})
        for quantile in ("p50", "p99"):
            got = report["latency_ns"][quantile] / 1e6
            # A timer of asyncio may be a millisecond early or late, and so may a busy machine's.
            if not delay_ms - 1.5 <= got <= delay_ms * 1.05 + 8:
                sys.exit(f"FAIL delay of {delay_ms} ms: {quantile} is {got:.2f} ms")
            print(f"ok   delay of {delay_ms} ms: {quantile} is {got:.2f} ms")


def check_lost_publisher(tool, folder):
    """The room's publisher loses its connection: another member goes on in its place."""
    for mode in (["--rate", "200"], ["--rate", "200", "--publishers", "2"]):
        code, report = run_bench(tool, folder, Server(Plan(hang_up=(20, 0))), *mode)
        expect("lost publisher: exit code", code, 1)
        expect("lost publisher: lost", report["whole_run"]["lost"], 1)
        expect("lost publisher: missing", report["verdict"]["missing"], 0)
        expect("lost publisher: the room goes on", report["whole_run"]["published"] > 120, True)


def check_page(tool, folder):
    page = os.path.join(folder, "run.html")
    _, report = run_bench(tool, folder, Server(Plan()), "--html", page)
    with open(page, encoding="utf-8") as file:
        text = file.read()
    runs = re.search(r'<script type="application/json" id="runs">(.*?)</script>', text, re.S)
    expect("page: holds the JSON", json.loads(runs.group(1)) == [report], True)
    expect("page: no address outside", re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?http", text), [])
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        print("skip the page in a browser: no chromium")
        return
    dom = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu",
         f"--user-data-dir={folder}/chromium", "--dump-dom", f"file://{page}"],
        capture_output=True, text=True, timeout=120, check=True).stdout
    cells = re.findall(r'data-figure="([^"]+)" data-value="([^"]+)"', dom)
    for figure, value in cells:
        wanted = report
        for key in figure.split("/"):
            wanted = wanted[key]
        if float(value) != float(wanted):
            sys.exit(f"FAIL page: {figure} shows {value}, the JSON says {wanted}")
    expect("page: enough figures", len(cells) >= 10, True)
    expect("page: enough plots", len(re.findall(r'role="img"', dom)) >= 4, True)
    column = report["series"]["columns"].index("delivered")
    rows, before, most = report["series"]["rows"], 0, 0
    for row in rows:
        most = max(most, row[column] / ((row[0] - before) / 1e9))
        before = row[0]
    top = re.search(r'aria-label="Deliveries per second" data-top="([^"]+)"', dom)
    expect("page: top of the deliveries' plot", round(float(top.group(1)), 3), round(most, 3))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tool = sys.argv[1]
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-truth-") as folder:
        check_plan(tool, folder, "nothing wrong", Plan(), {})
        check_plan(tool, folder, "drops", Plan(drop=[(3, 0), (4, 0), (5, 1), (99, 3)]),
                   {"missing": 4})
        check_plan(tool, folder, "doubles", Plan(double=[(0, 0), (7, 2), (50, 3)]), {"doubled": 3})
        check_plan(tool, folder, "reorders", Plan(swap=[(10, 1), (20, 1), (30, 2)]),
                   {"reordered": 3})
        check_plan(tool, folder, "damages", Plan(damage=[(5, 1), (6, 1)]),
                   {"damaged": 2, "missing": 2})
        check_plan(tool, folder, "strays", Plan(stray=[(8, 0)]), {"misplaced": 1, "missing": 1})
        check_plan(tool, folder, "all at once",
                   Plan(delay=0.01, drop=[(1, 1), (2, 2)], double=[(9, 0)], swap=[(40, 3)],
                        damage=[(60, 1)]),
                   {"missing": 3, "doubled": 1, "reordered": 1, "damaged": 1})
        check_delay(tool, folder)
        check_lost_publisher(tool, folder)
        check_page(tool, folder)
    print(f"all of it in {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main()

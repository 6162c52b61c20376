# SPDX-License-Identifier: MIT
"""The report's page in headless Chromium: what it shows is what the JSON says, for one run and for several
compared.

bench_page.py RINGCAST-BENCH [FOLDER]: screenshots, light and dark, are kept in the folder when one is named.
"""

import json
import math
import os
import re
import subprocess
import sys
import tempfile

from browser import Browser
from ringcast import Tap
from scripted import Plan, ScriptedServer

# Everything that stands on the page with a number behind it.
CELLS = """return [...document.querySelectorAll('[data-figure]')].map(cell =>
    [cell.dataset.figure, Number(cell.dataset.value), cell.textContent, cell.cellIndex - 1])"""
PLOTS = """return [...document.querySelectorAll('svg[role=img]')].map(plot => ({
    title: plot.getAttribute('aria-label'), top: Number(plot.dataset.top),
    curves: plot.querySelectorAll('.curve').length,
    box: plot.getBoundingClientRect().toJSON(), right: Number(plot.dataset.right),
    paths: [...plot.querySelectorAll('.curve')].map(path => path.getAttribute('d'))}))"""
FITS = 'return document.documentElement.scrollWidth <= innerWidth'
UNITS = {'%': 0.01, 'ns': 1, 'µs': 1e3, 'ms': 1e6, 's': 1e9, 'k': 1e3, 'M': 1e6, 'G': 1e9, 'B': 1, 'kB': 1e3,
         'MB': 1e6, 'GB': 1e9, '': 1}


def run(folder, name, scenario, *options):
    """A run against a scripted server: its report and its page."""
    server = ScriptedServer(Plan(0.005, drop=[(3, 0)]))
    report, page = os.path.join(folder, name + '.json'), os.path.join(folder, name + '.html')
    subprocess.run([sys.argv[1], scenario, f'ws://127.0.0.1:{server.port}', '-t', '1', '-q', '--pid',
                    str(os.getpid()), '--json', report, '--html', page, *options],
                   capture_output=True, timeout=60, check=False)
    with open(report, encoding='utf-8') as file:
        return json.load(file), page


def run_fanout(folder, name, rate):
    return run(folder, name, 'fanout', '-n', '4', '--rate', rate, '--warmup', '0', '-d', '1500ms', '--drain',
               '300ms')


def at(report, path):
    for key in path.split('/'):
        report = report[key]
    return report


def shown(text):
    """The number that a cell's text stands for, without the ratio behind it."""
    match = re.match(r'^(-?[\d.]+)(?: (\S+?))?(?: \(.*\))?$', text)
    return float(match.group(1)) * UNITS[match.group(2) or '']


def check_cells(tap, browser, name, reports):
    cells = browser.run(CELLS)
    tap.ok(len(cells) >= 8 * len(reports), f'{name}: figures', len(cells))
    wrong = [cell for cell in cells if cell[1] != at(reports[cell[3]], cell[0])]
    tap.equal(wrong, [], f'{name}: the figures are the JSON\'s')
    # Three digits are shown.
    wrong = [cell for cell in cells if abs(shown(cell[2]) - cell[1]) > 0.0051 * abs(cell[1]) + 1e-9]
    tap.equal(wrong, [], f'{name}: and so is what one reads')


# --- What each plot should show, from the JSON: curves of (x, y)

def over_time(value):
    """A curve of value(row, seconds of the row), without the points where that is None."""
    def curve(report):
        columns, before, out = report['series']['columns'], 0, []
        for values in report['series']['rows']:
            row = dict(zip(columns, values))
            y = value(row, (row['at_ns'] - before) / 1e9)
            before = row['at_ns']
            if y is not None:
                out.append((row['at_ns'] / 1e9, y))
        return out
    return curve


def rate(column, scale=1):
    return over_time(lambda row, seconds: row[column] / seconds / scale)


def level(column):
    return over_time(lambda row, _: row[column])


def timed(column):
    return over_time(lambda row, _: row[column] or None)


def by_percentile(member):
    def curve(report):
        total, seen, out = report[member]['count'], 0, []
        for value, count in report[member]['buckets']:
            out.append((-math.log10(1 - seen / total), value))
            seen += count
        return out + [(math.log10(total), value)] if out else []
    return curve


def wanted_plots(many):
    longest = [] if many else [timed('max_ns')]
    return {
        'Latency by percentile': [by_percentile('latency_ns')],
        'Handshakes by percentile': [by_percentile('handshake_ns'), by_percentile('tls_ns')],
        'Latency over time': [timed('p50_ns'), timed('p99_ns'), *longest],
        'Deliveries per second': [rate('delivered')],
        'Messages sent per second': [rate('published')],
        'Handshakes per second': [rate('opened')],
        'CPU over time': [rate('server_cpu_ns', 1e7), rate('tool_cpu_ns', 1e7)],
        'Server memory over time': [level('server_bytes')],
        'Open connections': [level('connections')],
    }


def expected_plots(reports):
    """{title: curves}, as far as there is something to see."""
    plots = {}
    for title, makers in wanted_plots(len(reports) > 1).items():
        curves = [maker(report) for report in reports for maker in makers]
        if any(y for curve in curves for _, y in curve):
            plots[title] = [curve for curve in curves if len(curve) > 1]
    return {title: curves for title, curves in plots.items() if curves}


def points(path):
    return [tuple(map(float, pair)) for pair in re.findall(r'[ML]([\d.]+) ([\d.]+)', path)]


def is_drawn(path, curve, right, top):
    """The plot's area: 62 to 546 across, 240 up to 10, with air above the highest."""
    drawn = [((x - 62) / 484 * right, (240 - y) / 230 * 1.05 * top) for x, y in points(path)]
    return len(drawn) == len(curve) and all(
        abs(x - a) <= 0.002 * right and abs(y - b) <= 0.002 * top for (x, y), (a, b) in zip(drawn, curve))


def check_plots(tap, browser, name, reports):
    plots = {plot['title']: plot for plot in browser.run(PLOTS)}
    expected = expected_plots(reports)
    tap.equal(sorted(plots), sorted(expected), f'{name}: plots')
    tap.ok(all(plot['box']['width'] > 200 and plot['box']['height'] > 100 for plot in plots.values()),
           f'{name}: plots have a size', plots)
    for title, curves in expected.items():
        plot = plots[title]
        top = max(y for curve in curves for _, y in curve)
        right = max(x for curve in curves for x, _ in curve)
        tap.ok(abs(plot['top'] - top) < 1e-6 * top and abs(plot['right'] - max(right, 1 if 'percentile' in title
                                                                              else 0)) < 1e-6 * right,
               f'{name}: {title}: the axes', f'{plot["top"]} {top}, {plot["right"]} {right}')
        good = len(plot['paths']) == len(curves) and all(
            is_drawn(path, curve, plot['right'], top) for path, curve in zip(plot['paths'], curves))
        tap.ok(good, f'{name}: {title}: the curves', (plot['paths'], curves))


def check_page(tap, browser, name, path, reports, folder):
    with open(path, encoding='utf-8') as file:
        text = file.read()
    runs = re.search(r'<script type="application/json" id="runs">(.*?)</script>', text, re.S)
    tap.equal(json.loads(runs.group(1)), reports, f'{name}: holds the JSON')
    tap.equal(re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?http', text), [], f'{name}: no address outside')
    for scheme in ('light', 'dark'):
        browser.call('POST', './goog/cdp/execute', {'cmd': 'Emulation.setEmulatedMedia', 'params': {
            'features': [{'name': 'prefers-color-scheme', 'value': scheme}]}})
        browser.go('file://' + path)
        tap.ok(browser.run(FITS), f'{name}, {scheme}: nothing overflows')
        if folder:
            with open(os.path.join(folder, f'{name}-{scheme}.png'), 'wb') as file:
                file.write(browser.screenshot())
    check_cells(tap, browser, name, reports)
    check_plots(tap, browser, name, reports)
    tap.equal(browser.errors(), [], f'{name}: the browser complains of nothing')


def main():
    folder = sys.argv[2] if len(sys.argv) > 2 else None
    with Tap() as tap, Browser(1200, 2000) as browser, tempfile.TemporaryDirectory() as scratch:
        first, page = run_fanout(scratch, 'one', '200')
        check_page(tap, browser, 'one run', page, [first], folder)
        second, _ = run_fanout(scratch, 'two', '300')
        both = os.path.join(scratch, 'both.html')
        compared = subprocess.run(
            [sys.argv[1], 'compare', '--html', both, os.path.join(scratch, 'one.json'),
             os.path.join(scratch, 'two.json')], capture_output=True, text=True, check=False)
        tap.ok(compared.returncode == 0 and 'Deliveries per second' in compared.stdout, 'compare', compared.stderr)
        check_page(tap, browser, 'compared', both, [first, second], folder)
        # Handshakes are all there is.
        opened, page = run(scratch, 'connect', 'connect', '-n', '60', '--connect-rate', '100', '--interval', '50ms')
        check_page(tap, browser, 'connect', page, [opened], folder)
        tap.ok(len(opened['series']['rows']) > 5, 'connect: curves while it opens', opened['series'])


main()

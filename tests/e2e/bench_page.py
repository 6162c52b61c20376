# SPDX-License-Identifier: MIT
"""The report's page in headless Chromium: what it shows is what the JSON says, for one run and for several
compared.

bench_page.py RINGCAST-BENCH [FOLDER]: screenshots, light and dark, are kept in the folder when one is named.
"""

import json
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
    box: plot.getBoundingClientRect().toJSON(),
    paths: [...plot.querySelectorAll('.curve')].map(path => path.getAttribute('d'))}))"""
FITS = 'return document.documentElement.scrollWidth <= innerWidth'
UNITS = {'ns': 1, 'µs': 1e3, 'ms': 1e6, 's': 1e9, 'k': 1e3, 'M': 1e6, 'G': 1e9, 'B': 1, 'kB': 1e3,
         'MB': 1e6, 'GB': 1e9, '': 1}


def run(folder, name, *options):
    """A run against a scripted server: its report and its page."""
    server = ScriptedServer(Plan(0.005, drop=[(3, 0)]))
    report, page = os.path.join(folder, name + '.json'), os.path.join(folder, name + '.html')
    subprocess.run([sys.argv[1], 'fanout', f'ws://127.0.0.1:{server.port}', '-n', '4', '-t', '1', '-q',
                    '--warmup', '0', '-d', '1500ms', '--drain', '300ms', '--pid', str(os.getpid()),
                    '--json', report, '--html', page, *options],
                   capture_output=True, timeout=60, check=False)
    with open(report, encoding='utf-8') as file:
        return json.load(file), page


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
    tap.ok(len(cells) >= 12 * len(reports), f'{name}: figures', len(cells))
    wrong = [cell for cell in cells if cell[1] != at(reports[cell[3]], cell[0])]
    tap.equal(wrong, [], f'{name}: the figures are the JSON\'s')
    # Three digits are shown.
    wrong = [cell for cell in cells if abs(shown(cell[2]) - cell[1]) > 0.0051 * abs(cell[1]) + 1e-9]
    tap.equal(wrong, [], f'{name}: and so is what one reads')


def rates(report, column):
    """Per second, row by row."""
    index, before, out = report['series']['columns'].index(column), 0, []
    for row in report['series']['rows']:
        out.append(row[index] / ((row[0] - before) / 1e9))
        before = row[0]
    return out


def points(path):
    return [tuple(map(float, pair)) for pair in re.findall(r'[ML]([\d.]+) ([\d.]+)', path)]


def check_plots(tap, browser, name, reports):
    plots = {plot['title']: plot for plot in browser.run(PLOTS)}
    wanted = {'Latency by percentile', 'Latency over time', 'Deliveries per second',
              'Messages sent per second', 'CPU over time', 'Server memory over time', 'Open connections'}
    tap.equal(set(plots), wanted, f'{name}: plots')
    tap.ok(all(plot['box']['width'] > 200 and plot['box']['height'] > 100 for plot in plots.values()),
           f'{name}: plots have a size', plots)
    for title, column in (('Deliveries per second', 'delivered'), ('Messages sent per second', 'published')):
        values = [rates(report, column) for report in reports]
        top = max(max(value) for value in values)
        plot = plots[title]
        tap.ok(abs(plot['top'] - top) < 1e-6 * top, f'{name}: {title}: the axis', f'{plot["top"]} {top}')
        # Heights above the axis are in proportion to the values (1.05: air above the highest).
        heights = [[(240 - y) / 230 * 1.05 * top for _, y in points(path)] for path in plot['paths']]
        apart = [abs(a - b) for curve, value in zip(heights, values) for a, b in zip(curve, value)]
        good = [len(curve) for curve in heights] == [len(value) for value in values]
        tap.ok(good and max(apart) < 0.002 * top, f'{name}: {title}: the curve', (heights, values))


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
        first, page = run(scratch, 'one', '--rate', '200')
        check_page(tap, browser, 'one run', page, [first], folder)
        second, _ = run(scratch, 'two', '--rate', '300')
        both = os.path.join(scratch, 'both.html')
        compared = subprocess.run(
            [sys.argv[1], 'compare', '--html', both, os.path.join(scratch, 'one.json'),
             os.path.join(scratch, 'two.json')], capture_output=True, text=True, check=False)
        tap.ok(compared.returncode == 0 and 'messages/s' in compared.stdout, 'compare', compared.stderr)
        check_page(tap, browser, 'compared', both, [first, second], folder)


main()

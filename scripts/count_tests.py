#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts test cases in meson's testlog.json:  count_tests.py FILE  prints  PASSED FAILED SKIPPED

One meson test is usually one program with many cases, so the cases are counted wherever the program
reports them: as TAP, by Criterion's own summary, or by a last line `N passed, N failed[, N skipped]`.
A program that reports nothing counts as one.
"""

import json
import re
import sys

TAP_LINE = re.compile(r'^(not )?ok\b(.*)$', re.MULTILINE)
TAP_PLAN = re.compile(r'^1\.\.(\d+)', re.MULTILINE)
CRITERION = re.compile(
    r'Synthesis: Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+) \| Crashing: (\d+)')
SUMMARY = re.compile(r'^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$', re.MULTILINE)


def count_cases(output):
    """(passed, failed, skipped) as the program reports them, None if it does not."""
    plan = TAP_PLAN.search(output)
    if plan:
        passed = failed = skipped = 0
        for line in TAP_LINE.finditer(output):
            if '# skip' in line.group(2).lower():
                skipped += 1
            elif line.group(1):
                failed += 1
            else:
                passed += 1
        # Cases that were announced and never reported: the program died on the way.
        failed += max(0, int(plan.group(1)) - passed - failed - skipped)
        return passed, failed, skipped
    criterion = CRITERION.findall(output)
    if criterion:
        _, passing, failing, crashing = map(int, criterion[-1])
        return passing, failing + crashing, 0
    summary = SUMMARY.findall(output)
    if summary:
        return tuple(int(number or 0) for number in summary[-1])
    return None


def count_test(record):
    result = record['result']
    if result == 'SKIP':
        return 0, 0, 1
    good = result in ('OK', 'EXPECTEDFAIL')
    cases = count_cases(record.get('stdout', '') + '\n' + record.get('stderr', ''))
    if cases is None or sum(cases) == 0:
        return (1, 0, 0) if good else (0, 1, 0)
    passed, failed, skipped = cases
    # A time-out, a crash or a sanitizer's report after the last case is a failure of its own.
    if not good and failed == 0:
        failed = 1
    return passed, failed, skipped


def count_log(lines):
    totals = (0, 0, 0)
    for line in lines:
        if line.strip():
            totals = tuple(map(sum, zip(totals, count_test(json.loads(line)))))
    return totals


if __name__ == '__main__':
    with open(sys.argv[1], encoding='utf-8', errors='replace') as log:
        print(*count_log(log))

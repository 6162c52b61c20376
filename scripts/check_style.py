#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the style rules a formatter does not know:  check_style.py [ROOT]

Relies on clang-format for one thing: a function's body is what stands between a line `{` and a line
`}`, both in the first column.
"""

import re
import sys
from pathlib import Path

LINE_MAX_COLUMNS = 100
FUNCTION_MAX_LINES = 70
FILE_WARN_LINES = 500
FILE_MAX_LINES = 800

# (what, pattern, paths where it is allowed, what to do instead). A path ending in / is a folder.
BANNED = [
    ('unbounded string function',
     r'\b(?:strcpy|strcat|sprintf|vsprintf|gets|strtok|stpcpy)\s*\(', [],
     'use snprintf or memcpy with a checked length'),
    ('atoi', r'\bato(?:i|l|ll|f)\s*\(', [],
     'use strtol and check what it says'),
    ('output', r'\b(?:v?printf|puts|putchar|perror)\s*\(|\bv?fprintf\s*\(\s*stderr\b',
     ['src/main.c', 'src/server/', 'src/base/check.c', 'src/base/log.c', 'bench/', 'tests/'],
     'use base/log.h; a library prints nothing'),
    ('clock', r'\b(?:clock_gettime|gettimeofday|time|clock|timespec_get)\s*\(',
     ['src/base/clock.c', 'bench/', 'tests/'],
     'time is an argument; only base/clock.c reads it'),
    ('lock', r'\bpthread_(?:mutex|rwlock|spin|cond)_|\b(?:mtx|cnd)_\w+\s*\(',
     ['src/server/', 'src/embed/', 'bench/', 'tests/'],
     'shards share nothing: post through a queue (base/spsc.h, base/mpsc.h)'),
]

# Modules without a tests/unit/<layer>/test_<module>.c, and what tests them instead.
# layer/module: reason
COVERED_ELSEWHERE = {
    'codec/jwt_key_none': 'the build without TLS, in scripts/test',
    'codec/sha1_md': 'test_ws_handshake.c, in a build without TLS',
    'codec/sha1_wolfssl': 'test_ws_handshake.c',
    'codec/tls_context': 'test_tls.c',
    'codec/tls_key': 'test_tls.c',
    'codec/tls_none': 'the build without TLS, in scripts/test',
    'conn/conn': 'tests/sim and tests/e2e/lifecycle.py',
    'conn/conn_answers': 'tests/sim and test_callbacks.c',
    'conn/conn_http': 'tests/sim and tests/e2e/conformance.py',
    'conn/conn_memory': 'tests/sim and tests/e2e/slow.py',
    'conn/conn_timer': 'tests/sim and tests/e2e/lifecycle.py',
    'conn/conn_upgrade': 'tests/sim and tests/e2e/access.py',
    'conn/conn_waiting': 'tests/sim and test_callbacks.c',
    'conn/conn_ws': 'tests/sim and tests/e2e/conformance.py',
    'embed/options': 'test_instance.c',
    'embed/request': 'test_callbacks.c and test_own.c',
    'embed/secure': 'tests/e2e/tls.py and access.py',
    'embed/threads': 'test_instance.c',
    'hub/hub_flush': 'test_hub.c',
    'hub/hub_home': 'test_hub.c',
    'net/front': 'tests/sim',
    'net/inline': 'tests/sim',
    'net/link': 'tests/sim',
    'net/net': 'tests/sim',
    'net/output': 'tests/sim',
    'net/slow': 'tests/sim',
    'shard/adopt': 'tests/sim and tests/unit/embed',
    'shard/broadcast': 'test_registry.c',
    'shard/dispatch': 'tests/sim',
    'shard/drain': 'tests/sim and tests/e2e/lifecycle.py',
    'shard/memory': 'tests/sim and tests/e2e/slow.py',
    'shard/mail': 'test_registry.c and tests/sim',
    'shard/shard': 'test_registry.c and tests/sim',
    'server/access': 'tests/e2e/access.py',
    'server/certificates': 'tests/e2e/tls.py',
    'server/environment': 'test_activation.c and test_config.c',
    'server/main': 'tests/e2e starts the binary',
    'server/notify': 'tests/e2e/service.py',
    'server/pages': 'tests/e2e asks for every page',
    'server/privileges': 'tests/e2e/service.py',
    'server/reload': 'tests/e2e/tls.py and lifecycle.py',
    'server/server': 'tests/e2e starts and ends it',
    'server/signals': 'tests/e2e sends them',
}

COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def blank(text):
    """The text without comments and without the contents of strings, line by line as before."""
    return COMMENT_OR_STRING.sub(
        lambda m: re.sub(r'[^\n]', ' ', m.group()) if m.group()[0] == '/' else '""', text)


def is_allowed(path, places):
    return any(path.startswith(p) if p.endswith('/') else path == p for p in places)


def check_text(path, text):
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > LINE_MAX_COLUMNS:
            problems.append((number, f'{len(line)} columns: break the line at {LINE_MAX_COLUMNS}'))
        if re.search(r'\b(?:FIXME|XXX)\b', line):
            problems.append((number, 'FIXME/XXX: repair it now or write TODO(name)'))
        if re.search(r'\bTODO\b(?!\([^)\s]+\))', line):
            problems.append((number, 'TODO without a name: write TODO(name) or open an issue'))
    if not text.startswith('// SPDX-License-Identifier: MIT\n'):
        problems.append((1, 'the first line has to be: // SPDX-License-Identifier: MIT'))
    return problems


def check_banned(path, text):
    problems = []
    for number, line in enumerate(blank(text).splitlines(), 1):
        for what, pattern, places, instead in BANNED:
            match = re.search(pattern, line)
            if match and not is_allowed(path, places):
                problems.append((number, f'{what} `{match.group().strip()}` is banned here: {instead}'))
    return problems


def first_line_of(lines, body):
    """Index of the first line of the signature whose body begins at index `body`."""
    first = body
    while first > 0:
        above = lines[first - 1]
        if not above.strip() or above.rstrip().endswith((';', '}', '*/')) or above.startswith(('#', '//')):
            break
        first -= 1
    return first


def has_long_reason(lines, first):
    """Whether the comment directly above line index `first` says `long:` and why."""
    above = first - 1
    while above >= 0 and lines[above].lstrip().startswith(('//', '/*', '*')):
        if re.search(r'(?<!\w)long:\s*\S', lines[above]):
            return True
        above -= 1
    return False


def check_functions(path, text):
    problems = []
    lines = text.splitlines()
    body = None
    for index, line in enumerate(lines):
        if line == '{':
            body = index
        elif line == '}' and body is not None:
            first = first_line_of(lines, body)
            length = index - first + 1
            if length > FUNCTION_MAX_LINES and not has_long_reason(lines, first):
                problems.append((first + 1, f'function of {length} lines: split it at {FUNCTION_MAX_LINES}, '
                                 'or say why not in a comment `long: REASON` directly above it'))
            body = None
    return problems


def check_length(path, text):
    """(problems, warnings) about the length of a file of src/."""
    count = len(text.splitlines())
    if not path.startswith('src/') or count <= FILE_WARN_LINES:
        return [], []
    message = f'{count} lines: '
    if count > FILE_MAX_LINES:
        return [(count, message + f'split the file, {FILE_MAX_LINES} is the limit')], []
    return [], [(count, message + f'think of splitting the file before it has {FILE_MAX_LINES}')]


def check_mirrors(root, covered):
    """Every module of src/ has a unit test of its own name, or a reason."""
    problems = []
    modules = {f.relative_to(root / 'src').with_suffix('').as_posix()
               for f in (root / 'src').glob('*/*.c')}
    for module in sorted(modules):
        layer, name = module.split('/')
        has_test = (root / 'tests/unit' / layer / f'test_{name}.c').is_file()
        if not has_test and module not in covered:
            problems.append(f'src/{module}.c:1: has no tests/unit/{layer}/test_{name}.c: write it, or say '
                            'what covers it in COVERED_ELSEWHERE of check_style.py')
        if has_test and module in covered:
            problems.append(f'scripts/check_style.py:1: {module} has a unit test by now: '
                            'remove its row from COVERED_ELSEWHERE')
    for module in sorted(set(covered) - modules):
        problems.append(f'scripts/check_style.py:1: there is no src/{module}.c: '
                        'remove its row from COVERED_ELSEWHERE')
    return problems


def check_tree(root, covered=None):
    """(problems, warnings), each a list of lines FILE:LINE: what is wrong and what to do."""
    problems, warnings = [], []
    for folder in ('src', 'include', 'bench', 'tests'):
        for file in sorted((root / folder).rglob('*.[ch]')):
            path = file.relative_to(root).as_posix()
            text = file.read_text(encoding='utf-8', errors='replace')
            too_long, nearly = check_length(path, text)
            found = (check_text(path, text) + check_banned(path, text) + check_functions(path, text)
                     + too_long)
            problems += [f'{path}:{number}: {message}' for number, message in sorted(found)]
            warnings += [f'{path}:{number}: warning: {message}' for number, message in nearly]
    problems += check_mirrors(root, COVERED_ELSEWHERE if covered is None else covered)
    return problems, warnings


if __name__ == '__main__':
    tree = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    errors, soft = check_tree(tree)
    for message_line in soft + errors:
        print(message_line)
    sys.exit(1 if errors else 0)

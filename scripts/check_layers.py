#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks who includes whom:  check_layers.py [ROOT]

A folder of src/ is a layer. A layer sees itself and the layers that its row names, nothing else; that
is what keeps codecs testable without sockets and the ring replaceable by a fake one.
"""

import fnmatch
import re
import sys
from pathlib import Path

# layer -> the other layers whose headers it may include
LAYERS = {
    'base': '',
    'ring': 'base',
    'codec': 'base',
    'hub': 'base',
    'net': 'base ring codec hub',
    'conn': 'base codec hub net',
    'shard': 'base ring codec hub net conn',
    'embed': 'base ring codec hub net conn shard ringcast',
    'server': 'base ring ringcast',
}
BENCH_MAY_USE = 'base ring codec ringcast'
MICRO_MAY_USE = BENCH_MAY_USE + ' hub'  # bench/micro measures single structures

# header pattern -> the only files below src/, include/ and bench/ that may include it
CONFINED = {
    'liburing.h': ['src/ring/*.c', 'src/ring/ring_flags.h'],
    'liburing/*': ['src/ring/*.c'],
    'wolfssl/*': ['src/codec/tls*', 'src/codec/jwt_key.c', 'src/codec/sha1_wolfssl.c'],
    'sha1.h': ['src/codec/sha1_md.c'],
    'jansson.h': ['src/codec/json_strict.c', 'src/codec/jwt.c', 'src/codec/jwt_jwk.c',
                  'src/codec/jwt_keys.c', 'src/codec/claims.c', 'bench/load/json_read.c'],
    'ini.h': ['src/server/*'],
    'zlib.h': ['src/codec/ws_deflate.c'],
}

# Programs as other people write them, who have what is installed and nothing else.
OUTSIDE = ('tests/examples/', 'tests/package/')

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SOURCES = ('.c', '.h', '.def')


def allowed_layers(path):
    """Layers that the file may include from, and how to call the place; None where all are allowed."""
    parts = path.parts
    if parts[0] == 'src' and len(parts) > 2:
        layer = parts[1]
        return {layer, *LAYERS.get(layer, '').split()}, f'src/{layer}'
    if parts[0] == 'include':
        return {'ringcast'}, 'include/'
    if parts[:2] == ('bench', 'micro'):
        return set(MICRO_MAY_USE.split()), 'bench/micro/'
    if parts[0] == 'bench':
        return set(BENCH_MAY_USE.split()), 'bench/'
    return None, ''


def check_confined(path, header):
    if path.parts[0] == 'tests':
        return None
    for pattern, places in CONFINED.items():
        if fnmatch.fnmatch(header, pattern):
            if not any(fnmatch.fnmatch(path.as_posix(), place) for place in places):
                return (f'<{header}> is confined to {", ".join(places)}: '
                        'put what you need behind a function of our own there')
    return None


def check_own(root, path, quote, header):
    """The rules for our own headers, which are those found below src/ or include/, or in quotes."""
    layer = header.split('/')[0]
    ours = (root / 'src' / header).is_file() or (root / 'include' / header).is_file()
    if path.as_posix().startswith(OUTSIDE) and ours:
        installed = quote == '<' and layer == 'ringcast'
        return None if installed else f'"{header}" is not what a program outside writes: <ringcast/...> is'
    if quote == '<':
        if ours and '/' in header:
            return f'<{header}> is ours: write it in quotes'
        return None
    if header.endswith('.def') and '/' not in header:
        return None
    if '/' not in header or header.startswith('.'):
        return f'"{header}" is not path-qualified: write "FOLDER/{Path(header).name}"'
    allowed, place = allowed_layers(path)
    if place.startswith('src/') and place[4:] not in LAYERS:
        return f'{place} has no row in LAYERS of check_layers.py: add it'
    if allowed is None or (path.parts[0] == 'bench' and not ours and layer not in LAYERS):
        folder = path.parts[0]
        local = any((root / base / header).is_file() for base in (folder, '.', 'bench', 'tests'))
        if not ours and not local:
            return f'"{header}" is neither below src/ nor below {folder}/: correct the path'
        return None
    if layer not in allowed:
        if layer not in LAYERS and layer != 'ringcast':
            return f'"{header}" is in no layer: add a row to LAYERS in check_layers.py or correct the path'
        return (f'{place} must not see {layer}/ (it may: {" ".join(sorted(allowed))}): move the code down '
                'or let the lower layer call up through a struct of function pointers that it declares')
    return None


def check_file(root, path):
    problems = []
    text = (root / path).read_text(encoding='utf-8', errors='replace')
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            quote, header = match.groups()
            problem = check_confined(path, header) or check_own(root, path, quote, header)
            if problem:
                problems.append(f'{path}:{number}: {problem}')
    return problems


def check_tree(root):
    problems = []
    for folder in ('src', 'include', 'bench', 'tests'):
        for file in sorted((root / folder).rglob('*')):
            if file.suffix in SOURCES and file.is_file():
                problems += check_file(root, file.relative_to(root))
    return problems


if __name__ == '__main__':
    tree = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    found = check_tree(tree)
    print('\n'.join(found), end='\n' if found else '')
    sys.exit(1 if found else 0)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a static library that shows only its API:

    static_library.py OUTPUT.a PREFIX [--lto] [--objcopy X] [--ar X] --cc CC... --whole A.a... --needed [A.a...]

The members of the archives become one object, in which every symbol that does not begin with PREFIX is
local: a program may have functions of the same names. Of `--needed` archives comes what the others lack.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

# Turns intermediate code into machine code, which is what can be made local. GCC's.
LTO = ['-flto', '-flinker-output=nolto-rel']


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        sys.exit(f'{" ".join(command)}\n{done.stdout}')
    return done.stdout


def make(options):
    with tempfile.TemporaryDirectory(dir=Path(options.output).parent) as folder:
        joined = str(Path(folder) / (Path(options.output).stem + '.o'))
        run(*options.cc, '-r', '-nostdlib', *(LTO if options.lto else []), '-o', joined,
            '-Wl,--whole-archive', *options.whole, '-Wl,--no-whole-archive', *options.needed)
        run(options.objcopy, '--wildcard', f'--keep-global-symbol={options.prefix}*', joined)
        Path(options.output).unlink(missing_ok=True)
        run(options.ar, 'rcsD', options.output, joined)


def parse(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument('output')
    parser.add_argument('prefix')
    parser.add_argument('--lto', action='store_true')
    parser.add_argument('--objcopy', default='objcopy')
    parser.add_argument('--ar', default='ar')
    parser.add_argument('--cc', nargs='+', required=True)
    parser.add_argument('--whole', nargs='+', required=True)
    parser.add_argument('--needed', nargs='*', default=[])
    return parser.parse_args(arguments)


if __name__ == '__main__':
    make(parse(sys.argv[1:]))

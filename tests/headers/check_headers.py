#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every header compiles alone, and twice in a row:  check_headers.py ROOT --cc CC... [--cxx CXX...]

Headers of src/ as the project compiles its C; those of include/ringcast/ as strict C11 and, with a C++
compiler, as strict C++11, because they are compiled by other people. Reports TAP.
"""

import subprocess
import sys
from pathlib import Path

WARNINGS = ['-fsyntax-only', '-Wall', '-Wextra', '-Werror']
INTERNAL = ['-x', 'c', '-std=gnu11', '-D_GNU_SOURCE', '-Isrc', '-Iinclude']
PUBLIC_C = ['-x', 'c', '-std=c11', '-pedantic-errors', '-Iinclude']
PUBLIC_CXX = ['-x', 'c++', '-std=c++11', '-pedantic-errors', '-Iinclude']


def compiles(root, command, header):
    source = f'#include "{header}"\n#include "{header}"\ntypedef int no_empty_unit;\n'
    done = subprocess.run([*command, *WARNINGS, '-'], input=source, cwd=root, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode == 0, done.stdout


def list_cases(root, compiler, compiler_cxx):
    """(name, command, header) of all compilations."""
    for file in sorted((root / 'src').rglob('*.h')):
        header = file.relative_to(root / 'src').as_posix()
        yield header, compiler + INTERNAL, header
    for file in sorted((root / 'include').rglob('*.h')):
        header = file.relative_to(root / 'include').as_posix()
        yield f'{header} as C11', compiler + PUBLIC_C, header
        if compiler_cxx:
            yield f'{header} as C++11', compiler_cxx + PUBLIC_CXX, header


def main(arguments):
    split = arguments.index('--cxx') if '--cxx' in arguments else len(arguments)
    root, compiler = Path(arguments[0]), arguments[arguments.index('--cc') + 1:split]
    cases = list(list_cases(root, compiler, arguments[split + 1:]))
    all_good = True
    print('TAP version 13')
    print(f'1..{len(cases)}')
    for name, command, header in cases:
        good, output = compiles(root, command, header)
        print(f'{"ok" if good else "not ok"} - {name}')
        for line in output.splitlines():
            print(f'# {line}')
        all_good = all_good and good
    return 0 if all_good else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns a file into C:  embed.py INPUT OUTPUT.c HEADER SYMBOL

Defines `const unsigned char SYMBOL[]` and `const size_t SYMBOL_bytes`, which HEADER declares.
"""

import sys
from pathlib import Path


def embed(data, header, symbol):
    lines = [', '.join(f'{byte}' for byte in data[i:i + 20]) for i in range(0, len(data), 20)]
    body = ',\n    '.join(lines)
    return (f'#include "{header}"\n\n'
            f'const unsigned char {symbol}[] = {{\n    {body}}};\n'
            f'const size_t {symbol}_bytes = sizeof {symbol};\n')


if __name__ == '__main__':
    source, target, its_header, its_symbol = sys.argv[1:]
    Path(target).write_text(embed(Path(source).read_bytes(), its_header, its_symbol), encoding='utf-8')

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `meson install` gives:  check_package.py BUILD --version V --cc CC... [--cxx CXX...]

Installs into a temporary folder, looks at the symbols of both libraries, and links programs with each by
what pkg-config says. Reports TAP.
"""

import argparse
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAM = HERE / 'program.c'
# A library does not print, exit, install signal handlers or change limits.
FORBIDDEN = {'printf', 'puts', 'putchar', 'perror', 'exit', '_exit', 'quick_exit', 'atexit', 'signal',
             'sigaction', 'setrlimit', 'prlimit', 'setlocale', 'chdir', 'umask'}


def run(*command, **arguments):
    return subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **arguments)


def output(*command, **arguments):
    done = run(*command, **arguments)
    if done.returncode:
        raise RuntimeError(f'{command} ended with {done.returncode}\n{done.stdout}')
    return done.stdout


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def ok(self, good, name, detail=''):
        self.count += 1
        self.failed += not good
        print(f'{"ok" if good else "not ok"} {self.count} - {name}')
        for line in [] if good else str(detail).splitlines():
            print('#', line)

    def same(self, got, wanted, name):
        self.ok(got == wanted, name, f'got    {got}\nwanted {wanted}')


# --- What there is

def documented_functions(header):
    """Names of all functions that the header declares."""
    return set(re.findall(r'RINGCAST_API[^;]*?\b(ringcast_\w+)\(', header.read_text(encoding='utf-8')))


def symbols(file, kinds, *flags):
    """Names of the symbols of these kinds (nm's letters)."""
    found = set()
    for line in output('nm', '--format=posix', *flags, file).splitlines():
        words = line.split()
        if len(words) >= 2 and words[1] in kinds:
            found.add(words[0].split('@')[0])
    return found


def install(build, folder):
    meson = shlex.split(os.environ['MESONINTROSPECT'])[:-1] if 'MESONINTROSPECT' in os.environ else ['meson']
    output(*meson, 'install', '-C', build, '--no-rebuild', '--destdir', folder)
    return next(folder.rglob('libringcast.so')).parent


class Installed:
    """The installed tree, and how pkg-config sees it."""

    def __init__(self, folder, libdir):
        self.folder, self.libdir = folder, libdir
        self.path = ':'.join([str(libdir / 'pkgconfig'), os.environ.get('PKG_CONFIG_PATH', '')])

    def config(self, *flags):
        environment = dict(os.environ, PKG_CONFIG_PATH=self.path)
        # The folder stands before what the file itself names. The system's folders are the system's.
        text = output('pkg-config', f'--define-variable=prefix={self.prefix()}', *flags, 'ringcast',
                      env=environment)
        return shlex.split(text)

    def prefix(self):
        text = (self.libdir / 'pkgconfig/ringcast.pc').read_text(encoding='utf-8')
        return str(self.folder) + re.search(r'^prefix=(.*)$', text, re.MULTILINE).group(1)

    def without_shared(self, folder):
        """A copy in which -lringcast means the static one."""
        shutil.copytree(self.folder, folder, symlinks=True)
        copy = Installed(folder, folder / self.libdir.relative_to(self.folder))
        for file in copy.libdir.glob('libringcast.so*'):
            file.unlink()
        return copy


# --- Programs

def try_program(tap, name, compiler, sources, tree, folder, *, shared, flags=(), behind=()):
    """Compiles, links and runs it, and looks which library it needs at run time."""
    target = folder / re.sub(r'\W+', '_', name)
    config = tree.config('--cflags', '--libs', *([] if shared else ['--static']))
    built = run(*compiler, '-Wall', '-Wextra', '-Werror', *sources, *flags, *config, *behind, '-o', target)
    if built.returncode:
        tap.ok(False, name, built.stdout)
        return
    ran = run(target, env=dict(os.environ, LD_LIBRARY_PATH=str(tree.libdir)))
    needed = 'libringcast.so.0' in output('readelf', '-d', target)
    tap.ok(ran.returncode == 0 and needed == shared, name,
           f'{ran.stdout}\nexit code {ran.returncode}, needs the shared library: {needed}')


def write_namesakes(archive, folder, compiler):
    """A source with functions of the same names as all that the archive hides. (file, how many)"""
    libc = Path(output(*compiler, '-print-file-name=libc.so.6').strip())
    taken = symbols(archive, 'U') | symbols(libc, 'TWi', '-D')
    names = sorted(name for name in symbols(archive, 't') - taken
                   if re.fullmatch(r'[A-Za-z][a-z0-9]+[A-Z]*_\w+', name))
    lines = ['#include <stdlib.h>']
    lines += [f'void {name}(void); void {name}(void) {{ abort(); }}' for name in names]
    source = folder / 'namesakes.c'
    source.write_text('\n'.join(lines) + '\n', encoding='ascii')
    return source, names


# --- The README's program

def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def connect(port):
    """A WebSocket there, now or a little later."""
    request = (b'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
               b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n')
    for _ in range(200):
        try:
            s = socket.create_connection(('127.0.0.1', port), timeout=10)
        except ConnectionRefusedError:
            time.sleep(0.05)
            continue
        s.sendall(request)
        head = b''
        while not head.endswith(b'\r\n\r\n'):
            byte = s.recv(1)
            if not byte:
                break
            head += byte
        return s if head.startswith(b'HTTP/1.1 101 ') else None
    return None


def talks(port):
    """Of two in its room, each hears what the other one says, and not itself."""
    one, other = connect(port), connect(port)
    if not one or not other:
        return 'no handshake'
    for speaker, text in ((one, b'hello'), (other, b'hello yourself')):
        speaker.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
        listener = other if speaker is one else one
        heard = listener.recv(2 + len(text), socket.MSG_WAITALL)
        if heard != bytes([0x81, len(text)]) + text:
            return f'{heard} instead of {text}'
        speaker.settimeout(0.2)
        try:
            return f'{speaker.recv(100)} came back'
        except TimeoutError:
            speaker.settimeout(10)
    return ''


def try_readme(tap, tree, folder, compiler):
    """What is to be copied out of it works, but for the port."""
    text = (ROOT / 'README.md').read_text(encoding='utf-8')
    port = free_port()
    program = re.search(r'```c\n(.*?)```', text, re.DOTALL).group(1)
    command = re.search(r'^cc (first\.c .*) && ./first$', text, re.MULTILINE).group(1)
    (folder / 'first.c').write_text(program.replace('8080', str(port)), encoding='utf-8')
    environment = dict(os.environ, PKG_CONFIG_PATH=tree.path, LD_LIBRARY_PATH=str(tree.libdir))
    command = command.replace('pkg-config', f'pkg-config --define-variable=prefix={tree.prefix()}')
    built = run('sh', '-c', f'{shlex.join(compiler)} -Wall {command}', cwd=folder, env=environment)
    if built.stdout or built.returncode:
        tap.ok(False, "the README's first program", built.stdout)
        return
    with subprocess.Popen([folder / 'first'], env=environment) as first:
        tap.same(talks(port), '', "the README's first program")
        first.kill()


# --- All of it

def check_tree(tap, tree, version):
    files = {f.relative_to(tree.folder).as_posix() for f in tree.folder.rglob('*') if not f.is_dir()}
    for wanted in (f'libringcast.so.{version}', 'libringcast.so.0', 'libringcast.so', 'libringcast.a',
                   'pkgconfig/ringcast.pc', 'include/ringcast/ringcast.h', 'include/ringcast/version.h',
                   'bin/ringcast', 'bin/ringcast-bench'):
        tap.ok(any(f.endswith('/' + wanted) for f in files), f'{wanted} is installed', sorted(files))
    tap.ok('Library soname: [libringcast.so.0]' in output('readelf', '-d', tree.libdir / 'libringcast.so'),
           'soname')
    tap.same(tree.config('--modversion'), [version], "pkg-config's version")


def check_symbols(tap, tree):
    wanted = documented_functions(ROOT / 'include/ringcast/ringcast.h')
    shared, static = tree.libdir / 'libringcast.so', tree.libdir / 'libringcast.a'
    tap.same(symbols(shared, 'TDBRVWi', '-D', '--defined-only'), wanted, 'the shared library shows its API')
    tap.same(symbols(static, 'TDBRVWCi', '--defined-only'), wanted, 'the static library shows its API')
    tap.same(symbols(shared, 'U', '-D') & FORBIDDEN, set(), 'neither prints, exits nor handles signals')
    tap.ok('RINGCAST_0' in output('readelf', '--version-info', shared), 'symbols have a version')


def check_programs(tap, tree, folder, options):
    only_static = tree.without_shared(folder / 'static')
    namesakes, names = write_namesakes(tree.libdir / 'libringcast.a', folder, options.cc)
    known = {'log_write', 'shard_tick', 'hub_init'}
    tap.ok(len(names) > 200 and known & set(names), 'there are names to take', names[:20])
    strict = ['-std=c11', '-pedantic-errors']
    for kind, use, shared in (('shared', tree, True), ('static', only_static, False)):
        try_program(tap, f'{kind}, C', options.cc, [PROGRAM], use, folder, shared=shared, flags=strict)
        if options.cxx:
            try_program(tap, f'{kind}, C++', options.cxx, ['-x', 'c++', PROGRAM, '-x', 'none'], use, folder,
                        shared=shared, flags=['-std=c++11', '-pedantic-errors'])
        try_program(tap, f'{kind}, with functions of our names', options.cc, [PROGRAM, namesakes], use, folder,
                    shared=shared)
    # Debian has archives of all that we need. Its wolfssl.pc forgets what wolfSSL itself needs.
    behind = ['-lm'] if '-lwolfssl' in only_static.config('--libs', '--static') else []
    try_program(tap, 'all static', options.cc, [PROGRAM], only_static, folder, shared=False,
                flags=['-static'], behind=behind)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('build')
    parser.add_argument('--version', required=True)
    parser.add_argument('--cc', nargs='+', required=True)
    parser.add_argument('--cxx', nargs='+')
    options = parser.parse_args()
    tap = Tap()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tree = Installed(folder / 'installed', install(options.build, folder / 'installed'))
        check_tree(tap, tree, options.version)
        check_symbols(tap, tree)
        check_programs(tap, tree, folder, options)
        try_readme(tap, tree, folder, options.cc)
    print(f'1..{tap.count}')
    return 1 if tap.failed else 0


if __name__ == '__main__':
    sys.exit(main())

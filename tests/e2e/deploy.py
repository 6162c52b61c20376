#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The files of scripts/deploy at work: nginx in front, the unit under systemd-analyze and the server under its
system call filter, the seccomp profile in force, the container's parts. balanced.py has HAProxy."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from ringcast import (PATIENCE_S, TEXT, Client, Server, Tap, deployed, end_process, free_port, need, wait_for)
from tls import Certificates, TlsClient, context_of

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
DEPLOY = os.path.join(ROOT, 'scripts/deploy')
CLONE_NEWUSER, CLONE_NEWNS, AF_NETLINK = 0x10000000, 0x20000, 16


def read(name):
    with open(os.path.join(DEPLOY, name), encoding='utf-8') as file:
        return file.read()


def run(*command, **options):
    """(exit code, all that it said)"""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=PATIENCE_S, check=False, **options)
    return done.returncode, done.stdout


def configuration(tap, certificates, folder):
    """ringcast.ini, with this machine's files."""
    for name in ('ticket.key', 'jwks.json'):
        with open(os.path.join(folder, name), 'w', encoding='ascii') as file:
            file.write(json.dumps({'keys': [{'kty': 'oct', 'k': 'QUFB' * 12}]}))
    path = deployed('ringcast.ini', folder, {
        '/etc/ringcast/tls.pem': certificates.path('server-ec.pem'),
        '/etc/ringcast/tls.key': certificates.path('server-ec.key'), '/etc/ringcast/': folder + '/'})
    code, said = run(sys.argv[1], '--check-config', '--config', path)
    tap.equal((code, said), (0, 'the configuration is right\n'), 'ringcast.ini is right')


# --- nginx

def nginx(tap, certificates, folder):
    program, = need('nginx')
    module = '/usr/lib/nginx/modules/ngx_stream_module.so'
    if not os.path.exists(module):
        print('# skipped: nginx has no stream module (libnginx-mod-stream)')
        return
    ports = [free_port() for _ in range(5)]
    port, *secure = ports[:3]
    path = deployed('nginx-stream.conf', folder, {
        '192.0.2.11:8443': f'127.0.0.1:{secure[0]}', '192.0.2.12:8443': f'127.0.0.1:{secure[1]}',
        'listen 443': f'listen 127.0.0.1:{port}', '/var/log/nginx': folder})
    main = os.path.join(folder, 'nginx.conf')
    with open(main, 'w', encoding='ascii') as file:
        file.write(f'load_module {module};\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\ndaemon off;\n'
                   f'worker_processes 1;\nevents {{}}\ninclude {path};\n')
    code, said = run(program, '-t', '-p', folder, '-c', main)
    if not tap.ok(code == 0, 'nginx accepts nginx-stream.conf', said):
        return

    def start(index):
        plain = ports[3 + index]
        return Server('--listen', f'127.0.0.1:{plain}, 127.0.0.1:{secure[index]} proxy tls', '--origins', 'same',
                      *certificates.flags('server-ec'), '--address-connections', 4, port=plain)
    servers = [start(0), start(1)]
    process = subprocess.Popen([program, '-p', folder, '-c', main], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    context = context_of(certificates)

    def connect(source='127.0.0.1', path='/echo'):
        try:
            client = TlsClient(port, path, context, source=source)
        except OSError:
            return None
        return client
    try:
        first = wait_for(connect)
        if not tap.ok(first and first.status == 101, 'nginx is up, over TLS'):
            return
        clients = [first] + [connect(path='/room/a') for _ in range(5)]
        for client in clients[1:]:
            client.send(TEXT, b'hello')
            if client.receive() != (TEXT, b'hello'):
                tap.ok(False, 'nginx: messages come back')
        per_server = [s.metrics().sum('ringcast_websockets') for s in servers]
        tap.ok(sum(per_server) == 6 and all(per_server), 'both servers have clients', per_server)
        for client in clients:
            client.close()

        stranger = TlsClient(port, '/echo', context, source='127.0.0.41', extra='Origin: https://nowhere.example\r\n')
        address = f'127.0.0.41:{stranger.socket.getsockname()[1]}'
        tap.ok(stranger.status == 403 and wait_for(lambda: any(
            f'handshake refused client={address} ' in s.output() for s in servers)), f'the log has {address}')
        crowd = [connect('127.0.0.42') for _ in range(10)]
        others = [connect('127.0.0.43') for _ in range(2)]
        tap.equal([sum(c.status == 101 for c in some) for some in (crowd, others)], [8, 2],
                  'clients are counted, not nginx: four connections on each server')
        for client in crowd + others + [stranger]:
            client.close()

        # One of them goes: nginx takes the other, at once.
        tap.equal(servers[0].stop(), '', 'one server ends')
        tap.equal([getattr(connect(f'127.0.0.{50 + i}'), 'status', None) for i in range(8)], [101] * 8,
                  'the other one serves all')
        servers[0] = start(0)
        tap.ok(wait_for(lambda: connect('127.0.0.60') and servers[0].metrics().sum('ringcast_handshakes_total')),
               'started again, it is used again')
    finally:
        end_process(process)
        problems = [server.stop() for server in servers]
    tap.equal(problems, ['', ''], 'both ended well')


# --- Filters of system calls

def filter_of(default, rules):
    """For preexec_fn: loads a filter. rules: (action, call, arguments of libseccomp). Names that this
    architecture does not have are left out, as container runtimes do."""
    import seccomp
    program = seccomp.SyscallFilter(default)
    for action, call, *arguments in rules:
        try:
            number = seccomp.resolve_syscall(seccomp.Arch(), call)
        except ValueError:
            number = -1
        if number >= 0 and action != default:
            program.add_rule(action, number, *arguments)
    return program.load


def rules_of_profile(profile):
    """What a container runtime makes of the profile."""
    import seccomp
    actions = {'SCMP_ACT_ALLOW': lambda entry: seccomp.ALLOW,
               'SCMP_ACT_ERRNO': lambda entry: seccomp.ERRNO(entry.get('errnoRet', profile['defaultErrnoRet']))}
    compare = {'SCMP_CMP_EQ': lambda a: seccomp.Arg(a['index'], seccomp.EQ, a['value']),
               'SCMP_CMP_MASKED_EQ': lambda a: seccomp.Arg(a['index'], seccomp.MASKED_EQ, a['value'], a['valueTwo'])}
    rules = [(actions[entry['action']](entry), name, *(compare[a['op']](a) for a in entry.get('args', ())))
             for entry in profile['syscalls'] for name in entry['names']]
    return actions[profile['defaultAction']]({}), rules


def serves_under(tap, name, load, certificates, flags=()):
    """All that a server does in its life, with this filter loaded."""
    port, secure = free_port(), free_port()
    with Server('--listen', f'127.0.0.1:{port}, 127.0.0.1:{secure} tls', *certificates.flags('server-ec'), *flags,
                port=port, preexec_fn=load, threads=2) as server:
        with open(f'/proc/{server.pid}/status', encoding='ascii') as status:
            tap.ok(re.search(r'^Seccomp:\s+2$', status.read(), re.MULTILINE), f'{name}: the filter is in force')
        members = [Client(server.port, '/room/a') for _ in range(8)]
        members.append(TlsClient(secure, '/room/a', context_of(certificates)))
        members[0].send(TEXT, b'x' * 100000)
        tap.equal({c.receive() for c in members}, {(TEXT, b'x' * 100000)}, f'{name}: a room, with and without TLS')
        tap.equal(server.status('/metrics'), 200, f'{name}: pages')
        server.signal(signal.SIGHUP)
        tap.ok(wait_for(lambda: 'reloaded' in server.output()), f'{name}: SIGHUP')
        for member in members:
            member.close()


def refused_under(tap, name, load):
    """What nobody should be able to do from within."""
    tried = f"""
import ctypes, os, socket, threading
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    return 'allowed' if libc.syscall(*arguments) >= 0 else ctypes.get_errno()
def netlink():
    try:
        socket.socket({AF_NETLINK}, socket.SOCK_RAW)
    except OSError as error:
        return error.errno
done = []
thread = threading.Thread(target=done.append, args=[1])
thread.start()
thread.join()
print([call(272, {CLONE_NEWUSER}), call(165, b'none', b'/', b'tmpfs', 0, 0), call(250, 0, 0, 0), call(101, 0, 0, 0),
       call(321, 0, 0, 0), netlink(), len(done)])
"""
    said = run(sys.executable, '-c', tried, preexec_fn=load)
    tap.equal(said, (0, '[1, 1, 1, 1, 1, 1, 1]\n'),
              f'{name}: no namespace, mount, keys, ptrace, bpf or netlink, but threads')


def profile(tap, certificates):
    try:
        import seccomp  # noqa: F401
    except ImportError:
        print('# skipped: python3-seccomp is not installed')
        return
    content = json.loads(read('seccomp.json'))
    default, rules = rules_of_profile(content)
    load = filter_of(default, rules)
    flags = ['--user', 'nobody', '--zerocopy-threshold', '16k'] if os.getuid() == 0 else []
    serves_under(tap, 'seccomp.json', load, certificates, flags)
    if os.uname().machine == 'x86_64':  # numbers of system calls
        refused_under(tap, 'seccomp.json', load)
    without = filter_of(default, [r for r in rules if not r[1].startswith('io_uring')])
    code, said = run(sys.argv[1], '--listen', '127.0.0.1:0', preexec_fn=without)
    tap.ok(code == 1 and 'seccomp' in said, 'a profile like it without io_uring: the server says what is missing', said)


# --- systemd

def system_calls(analyze, groups):
    """Names in groups like @system-service."""
    names = set()
    for group in groups:
        if not group.startswith('@'):
            names.add(group)
            continue
        listed = re.findall(r'^    (@?[\w-]+)', run(analyze, 'syscall-filter', group)[1], re.MULTILINE)
        names |= system_calls(analyze, listed)
    return names


def calls_of_unit(analyze, text):
    """What the lines SystemCallFilter= of a unit allow, one after the other."""
    allowed = system_calls(analyze, ['@default'])
    for value in re.findall(r'^SystemCallFilter=(.*)$', text, re.MULTILINE):
        names = system_calls(analyze, value.lstrip('~').split())
        allowed = allowed - names if value.startswith('~') else allowed | names
    return allowed


def unit(tap, certificates, folder):
    analyze, = need('systemd-analyze')
    path = deployed('ringcast.service', folder, {'/usr/local/bin/ringcast': os.path.abspath(sys.argv[1])})
    socket_path = deployed('ringcast.socket', folder, {})
    for name in (path, socket_path):
        code, said = run(analyze, 'verify', '--man=no', name)
        tap.equal((code, said), (0, ''), f'systemd-analyze verify: {os.path.basename(name)}')
    code, said = run(analyze, 'security', '--offline=yes', '--threshold=20', path)
    tap.ok(code == 0, f'systemd-analyze security: {said.strip().splitlines()[-1]}', said)
    text = read('ringcast.service')
    try:
        import seccomp
    except ImportError:
        print('# skipped: python3-seccomp is not installed')
        return
    allowed = calls_of_unit(analyze, text)
    tap.ok({'io_uring_setup', 'accept4'} <= allowed and not {'mount', 'ptrace', 'setuid', 'keyctl', 'bpf'} & allowed,
           f'the filter of the unit: {len(allowed)} calls', sorted(allowed))
    # systemd loads it as the last thing before it starts the program.
    rules = [(seccomp.ALLOW, name) for name in sorted(allowed)]
    serves_under(tap, 'the filter of ringcast.service', filter_of(seccomp.ERRNO(1), rules), certificates)


# --- The container

def container(tap):
    """No engine here, so: what it copies is there, the build needs no more than that, and its commands are ours."""
    text = read('Containerfile').replace('\\\n', ' ')
    copied = [word for line in re.findall(r'^COPY (?!--from)(.*)$', text, re.MULTILINE) for word in line.split()[:-1]]
    missing = [name for name in copied if not os.path.exists(os.path.join(ROOT, name))]
    tap.ok(len(copied) > 5 and not missing, f'Containerfile: all {len(copied)} things that it copies are there', missing)
    runs = re.findall(r'^RUN (.*)$', text, re.MULTILINE)
    with tempfile.TemporaryDirectory() as context:
        for name in copied:
            source, target = os.path.join(ROOT, name), os.path.join(context, name)
            os.makedirs(os.path.dirname(target.rstrip('/')), exist_ok=True)
            (shutil.copytree if name.endswith('/') else shutil.copy)(source, target)
        library = os.path.join(ROOT, '.build/wolfssl')  # in the image, scripts/setup builds it
        if os.path.isdir(library):
            shutil.copytree(library, os.path.join(context, '.build/wolfssl'))
        build = next(command for command in runs if 'meson' in command)
        done = subprocess.run(['sh', '-ec', build], cwd=context, capture_output=True, text=True, timeout=150, check=False)
        binary = re.search(r'COPY --from=build /ringcast/(\S+)', text).group(1)
        built = os.path.join(context, binary)
        tap.ok(done.returncode == 0 and os.access(built, os.X_OK), 'Containerfile: it builds from these alone',
               (done.stdout + done.stderr)[-2000:])
        needed = set(re.findall(r'(lib\w+)\.so', run('ldd', built)[1])) - {'libc', 'libm', 'libdl', 'libpthread'}
        installed = re.search(r'recommends ([\w \-]+)', runs[-1]).group(1).split()
        packages = {re.match(r'(lib[a-z]+)', package).group(1) for package in installed}
        tap.ok({name.lower() for name in needed if not name.startswith(('libasan', 'libubsan'))} <= packages,
               f'Containerfile: the libraries that the server needs are installed: {sorted(needed)}', packages)
    user = re.search(r'^USER (\d+)', text, re.MULTILINE)
    tap.ok(user and int(user.group(1)) > 0, 'Containerfile: nobody is root in it')


def main():
    need('openssl', 'systemd-analyze')
    with Tap() as tap, tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        certificates = Certificates(os.path.join(folder, 'certificates'))
        configuration(tap, certificates, folder)
        nginx(tap, certificates, folder)
        unit(tap, certificates, folder)
        profile(tap, certificates)
        container(tap)


if __name__ == '__main__':
    sys.exit(main())

# SPDX-License-Identifier: MIT
"""What the end-to-end tests share: the server as a process, a WebSocket client on a raw socket, TAP.

A test is called with the server's binary as its first argument.
"""

import base64
import hashlib
import http.client
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0
KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
SKIPPED = 77
# A sanitizer's report may not change the exit code of a process that ends by a signal.
REPORT = re.compile(r'Sanitizer|runtime error:|CHECK failed|assertion', re.IGNORECASE)
# Under a sanitizer everything takes longer; nothing here measures time, so waiting is cheap.
PATIENCE_S = 30


# --- TAP

class Tap:
    """Prints one line a case; `with Tap() as tap` ends the program with the right exit code."""

    def __init__(self):
        self.count = self.failed = 0

    def ok(self, good, name, detail=''):
        self.count += 1
        if not good:
            self.failed += 1
            for line in str(detail).splitlines():
                print('#', line)
        print(f'{"ok" if good else "not ok"} {self.count} - {name.replace("#", "")}', flush=True)
        return good

    def equal(self, got, wanted, name):
        return self.ok(got == wanted, name, f'got    {shorten(got)}\nwanted {shorten(wanted)}')

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None and not issubclass(kind, SystemExit):
            import traceback
            self.ok(False, f'no exception ({kind.__name__})',
                    ''.join(traceback.format_exception(kind, error, trace)))
        elif kind is not None:
            return False
        print(f'1..{self.count}', flush=True)
        sys.exit(1 if self.failed else 0)


def shorten(value, limit=600):
    text = repr(value)
    return text if len(text) <= limit else f'{text[:limit]}... ({len(text)} characters)'


def skip(reason):
    print('skipped:', reason)
    sys.exit(SKIPPED)


def need(*programs):
    """Paths of the programs; the test is skipped when one is missing."""
    paths = []
    for program in programs:
        path = shutil.which(program) or shutil.which(program, path='/usr/sbin:/sbin')
        if not path:
            skip(f'{program} is not installed')
        paths.append(path)
    return paths


# --- Processes

def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def wait_for(condition, timeout_s=PATIENCE_S, pause_s=0.02):
    """The condition's first true value, or its last one when the time is up."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(pause_s)


def end_process(process, timeout_s=PATIENCE_S):
    """SIGTERM, and SIGKILL when that does not help. Returns the exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


class Server:
    """A running ringcast. Leaving the `with` ends it and checks how it ended. environment: variables
    beside those of this process; launcher: a command that ends in the server; options: of Popen."""

    def __init__(self, *flags, binary=None, threads=2, port=None, expect_exit=0, fast_drain=True,
                 environment=None, launcher=(), **options):
        self.port = port or free_port()
        self.expect_exit = expect_exit
        self.binary = binary or sys.argv[1]
        self.log = tempfile.TemporaryFile()
        command = [*launcher, self.binary, '--listen', f'127.0.0.1:{self.port}', '--threads', str(threads),
                   '--pin', 'no', *map(str, flags)]
        if fast_drain and '--drain-deadline' not in flags:
            command += ['--drain-deadline', '0']
        clean = {k: v for k, v in os.environ.items() if not k.startswith('RINGCAST_')}
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        env=clean | (environment or {}), **options)
        self.pid = self.process.pid
        if not wait_for(self.is_ready_or_dead) or self.process.poll() is not None:
            end_process(self.process)
            raise RuntimeError(f'the server did not start: {command}\n{self.output()}')

    def is_ready_or_dead(self):
        return self.process.poll() is not None or self.status('/readyz') == 200

    def output(self):
        size = os.fstat(self.log.fileno()).st_size
        return os.pread(self.log.fileno(), size, 0).decode(errors='replace')

    def get(self, path, method='GET'):
        """(status, headers, body); (None, ...) when there was no answer."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        except (OSError, http.client.HTTPException):
            return None, {}, b''
        finally:
            connection.close()

    def status(self, path):
        return self.get(path)[0]

    def metrics(self):
        return parse_metrics(self.get('/metrics')[2].decode())

    def rss_kib(self):
        with open(f'/proc/{self.pid}/status', encoding='ascii') as status:
            return int(re.search(r'VmRSS:\s+(\d+)', status.read()).group(1))

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout_s=PATIENCE_S):
        """The exit code, or None when it does not end."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self):
        """Ends it. Returns what was wrong with that, '' if nothing."""
        code = end_process(self.process)
        output = self.output()
        problems = []
        if self.expect_exit is not None and code != self.expect_exit:
            problems.append(f'exit code {code}, not {self.expect_exit}')
        if REPORT.search(output):
            problems.append('a sanitizer or a check reported')
        return '\n'.join(problems + [output[-6000:]]) if problems else ''

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        problem = self.stop()
        self.log.close()
        if problem and kind is None:
            raise RuntimeError(f'the server ended badly: {problem}')
        if problem:
            print('\n'.join('# ' + line for line in problem.splitlines()))


def deployed(name, folder, replacements):
    """Path of a copy of a file of scripts/deploy, with what is different here in it."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts/deploy', name)
    with open(source, encoding='utf-8') as file:
        text = file.read()
    for old, new in replacements.items():
        if old not in text:
            raise ValueError(f'{name} has no {old!r}')
        text = text.replace(old, new)
    path = os.path.join(folder, name)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    return path


# --- Metrics (Prometheus' text format)

SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\]|\\.)*",?)*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


class Metrics(dict):
    """{(name, ((label, value), ...)): number}"""

    def sum(self, name, **labels):
        wanted = set(labels.items())
        return sum(v for (n, have), v in self.items() if n == name and wanted <= set(have))

    def by(self, name, label):
        sums = {}
        for (n, have), value in self.items():
            if n == name and label in dict(have):
                key = dict(have)[label]
                sums[key] = sums.get(key, 0) + value
        return sums

    def names(self):
        return {name for name, _ in self}


def parse_metrics(text):
    """Raises ValueError on a line that is not the format's."""
    metrics = Metrics()
    for line in text.splitlines():
        if not line or re.match(r'# (HELP|TYPE) [a-zA-Z_:]', line):
            continue
        match = SAMPLE.match(line)
        if not match:
            raise ValueError(f'not a sample: {line!r}')
        name, labels, value = match.groups()
        key = name, tuple(sorted(LABEL.findall(labels or '')))
        if key in metrics:
            raise ValueError(f'twice: {line!r}')
        metrics[key] = float(value)
    return metrics


# --- WebSocket

def mask_bytes(payload, mask):
    if not payload or mask == b'\0\0\0\0':
        return payload
    repeated = (mask * (len(payload) // 4 + 1))[:len(payload)]
    return (int.from_bytes(payload, 'big') ^ int.from_bytes(repeated, 'big')).to_bytes(
        len(payload), 'big')


def frame(opcode, payload=b'', fin=True, rsv=0, mask=b'\x37\xfa\x21\x3d', length_bytes=None,
          announced=None):
    """A client's frame. length_bytes (0, 2, 8) and announced make it lie about its length."""
    if isinstance(payload, str):
        payload = payload.encode()
    length = len(payload) if announced is None else announced
    if length_bytes is None:
        length_bytes = 0 if length < 126 else 2 if length < 65536 else 8
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    masked = 0x80 if mask is not None else 0
    if length_bytes == 0:
        head += bytes([masked | length])
    elif length_bytes == 2:
        head += bytes([masked | 126]) + struct.pack('>H', length)
    else:
        head += bytes([masked | 127]) + struct.pack('>Q', length)
    if mask is None:
        return head + payload
    return head + mask + mask_bytes(payload, mask)


def close_frame(code=None, reason=b''):
    if code is None:
        return frame(CLOSE)
    return frame(CLOSE, struct.pack('>H', code) + reason)


def split_frame(data):
    """(opcode, payload, rest) of a server's frame at the start of data, or None: more is needed."""
    if len(data) < 2:
        return None
    length, at = data[1], 2
    if data[0] & 0x70 or not data[0] & 0x80 or data[1] & 0x80:
        raise ValueError(f'not a whole, unmasked frame: {data[:16].hex()}')
    if length == 126:
        if len(data) < 4:
            return None
        length, at = struct.unpack('>H', data[2:4])[0], 4
        if length < 126:
            raise ValueError('length is not in its shortest form')
    elif length == 127:
        if len(data) < 10:
            return None
        length, at = struct.unpack('>Q', data[2:10])[0], 10
        if length < 65536:
            raise ValueError('length is not in its shortest form')
    if len(data) < at + length:
        return None
    return data[0] & 15, bytes(data[at:at + length]), data[at + length:]


def split_frames(data):
    """[(opcode, payload)...]; what is left over is an error."""
    frames = []
    while data:
        split = split_frame(data)
        if split is None:
            raise ValueError(f'{len(data)} bytes of an unfinished frame: {data[:16].hex()}')
        frames.append(split[:2])
        data = split[2]
    return frames


def accept_of(key):
    digest = hashlib.sha1((key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()
    return base64.b64encode(digest).decode()


def upgrade_request(path, extra=''):
    return (f'GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n'
            f'Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\n'
            f'Sec-WebSocket-Version: 13\r\n{extra}\r\n').encode()


class Client:
    """A blocking client, for when every byte matters. source: the address it comes from; prefix: what
    it sends in front of the request, e.g. a PROXY header; extra: further header lines."""

    def __init__(self, port, path, receive_buffer=None, timeout_s=PATIENCE_S, extra='', source=None,
                 prefix=b''):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.socket.bind((source, 0))
        self.socket.settimeout(timeout_s)
        self.socket.connect(('127.0.0.1', port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b''
        try:
            self.socket.sendall(prefix + upgrade_request(path, extra))
            while b'\r\n\r\n' not in self.data:
                piece = self.socket.recv(65536)
                if not piece:
                    break
                self.data += piece
        except ConnectionError:
            pass
        head, _, self.data = self.data.partition(b'\r\n\r\n')
        self.status = int(head[9:12]) if head else None
        self.head = head.decode()

    def body(self):
        """What a refusal says."""
        while piece := self.socket.recv(65536):
            self.data += piece
        return self.data.decode()

    def send(self, opcode, payload=b''):
        self.socket.sendall(frame(opcode, payload))

    def receive(self):
        """(opcode, payload), or (None, b'') at the end of the connection."""
        while True:
            split = split_frame(self.data)
            if split:
                self.data = split[2]
                return split[:2]
            try:
                piece = self.socket.recv(262144)
            except ConnectionResetError:
                piece = b''
            if not piece:
                return None, b''
            self.data += piece

    def receive_close(self):
        """Code of the next Close frame, None when there was none."""
        while True:
            opcode, payload = self.receive()
            if opcode == CLOSE:
                return struct.unpack('>H', payload[:2])[0] if payload else 1005
            if opcode is None:
                return None

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def in_thread(function, *arguments):
    """Runs it; .result() of what is returned waits and raises what it raised."""
    box = {}

    def run():
        try:
            box['value'] = function(*arguments)
        except BaseException as error:  # handed to whoever asks for the result
            box['error'] = error
    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    class Handle:
        def result(self, timeout_s=120):
            thread.join(timeout_s)
            if thread.is_alive():
                raise TimeoutError(f'{function.__name__} does not end')
            if 'error' in box:
                raise box['error']
            return box['value']
    return Handle()

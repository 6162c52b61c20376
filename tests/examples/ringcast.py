# SPDX-License-Identifier: MIT
"""ringcast.h for Python, by ctypes: a server is a subclass of Server, its callbacks are methods.

Callbacks run on the shards' threads; Python's lock lets one run at a time, so they are for deciding and
counting, while the library does the fan-out without it. Methods of Server may be called from any thread.
An error is an OSError, so -EAGAIN is BlockingIOError.

RINGCAST_LIBRARY in the environment names another library than the system's.
"""

import ctypes
import os
import threading
from ctypes import (CFUNCTYPE, POINTER, Structure, addressof, c_bool, c_char, c_char_p, c_int, c_int64,
                    c_size_t, c_uint, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p, sizeof)
from dataclasses import dataclass

TO_PROGRAM, TO_ROOM, ECHO = range(3)
TEXT, BINARY = 1, 2
ADDRESS_BYTES = 56


# --- Structures, as the header has them

class Id(Structure):
    """A connection. A value: compare it, keep it, use it as a key."""
    _fields_ = [('value', c_uint64)]

    def __eq__(self, other):
        return isinstance(other, Id) and self.value == other.value

    def __hash__(self):
        return hash(self.value)

    def __repr__(self):
        return f'Id({self.value:#x})'


NOBODY = Id(0)


class RoomName(Structure):
    _fields_ = [('len', c_uint8), ('bytes', c_char * 200)]


class Decision(Structure):
    _fields_ = [('status', c_int), ('reason', c_char_p), ('mode', c_int), ('exclude_self', c_bool),
                ('connection', c_void_p), ('room_count', c_size_t), ('rooms', RoomName * 16)]


class Answer(Structure):
    _fields_ = [('status', c_int), ('content_type', c_char_p), ('headers', c_char_p), ('body', c_char_p),
                ('body_bytes', c_size_t), ('owned', c_void_p)]


class End(Structure):
    _fields_ = [('code', c_uint16), ('reason', c_char_p)]


class Callbacks(Structure):
    _fields_ = [
        ('on_upgrade', CFUNCTYPE(None, c_void_p, c_void_p, POINTER(Decision))),
        ('on_http', CFUNCTYPE(None, c_void_p, c_void_p, POINTER(Answer))),
        ('on_open', CFUNCTYPE(None, c_void_p, Id, c_void_p)),
        ('on_message', CFUNCTYPE(c_int, c_void_p, Id, c_void_p, c_int, c_void_p, c_size_t)),
        ('on_joined', CFUNCTYPE(None, c_void_p, Id, c_void_p, c_void_p, c_size_t, c_bool)),
        ('on_close', CFUNCTYPE(None, c_void_p, Id, c_void_p, POINTER(End))),
        ('on_tick', CFUNCTYPE(None, c_void_p, c_uint, c_uint64)),
        ('on_room_end', CFUNCTYPE(None, c_void_p, c_void_p, c_size_t, c_void_p)),
        ('reserved', c_void_p * 7),
    ]


class Listener(Structure):
    _fields_ = [('address', c_char_p), ('fd', c_int), ('tls', c_bool), ('proxy', c_bool)]


LOG = CFUNCTYPE(None, c_void_p, c_int, c_char_p)
CLOCK = CFUNCTYPE(c_uint64)


class Options(Structure):
    _fields_ = [
        ('size', c_size_t), ('listeners', POINTER(Listener)), ('listener_count', c_size_t),
        ('callbacks', POINTER(Callbacks)), ('user', c_void_p),
        ('threads', c_uint), ('pin', c_bool), ('max_connections', c_uint64), ('max_rooms', c_uint32),
        ('max_message_bytes', c_uint64), ('outbound_messages', c_uint32), ('outbound_bytes', c_uint64),
        ('outbound_age_ms', c_uint32), ('ping_interval_ms', c_uint32), ('idle_timeout_ms', c_uint32),
        ('handshake_timeout_ms', c_uint32), ('close_timeout_ms', c_uint32), ('tick_interval_ms', c_uint32),
        ('messages_per_second', c_uint32), ('bytes_per_second', c_uint64),
        ('address_connections', c_uint32), ('address_connections_per_second', c_uint32),
        ('proxy_networks', c_char_p), ('inbox_commands', c_uint32), ('inbox_bytes', c_uint64),
        ('recv_buffers', c_uint32), ('recv_buffer_bytes', c_uint32), ('send_memory_bytes', c_uint64),
        ('zerocopy_threshold_bytes', c_uint32), ('log', LOG), ('log_user', c_void_p), ('log_level', c_int),
        ('clock_ms', CLOCK), ('clock_unix_ms', CLOCK), ('message_timeout_ms', c_uint32),
        ('client_memory_bytes', c_uint64),
    ]


class Registration(Structure):
    _fields_ = [('decision', POINTER(Decision)), ('claims', c_char_p), ('early', c_char_p),
                ('early_bytes', c_size_t)]


# --- Functions

_PROTOTYPES = {  # name: (result, parameters...)
    'options_init': (None, POINTER(Options), c_size_t),
    'create': (c_int, POINTER(c_void_p), POINTER(Options), c_char_p, c_size_t),
    'start': (c_int, c_void_p, c_char_p, c_size_t),
    'stop': (None, c_void_p, c_uint32),
    'wait': (None, c_void_p),
    'destroy': (None, c_void_p),
    'local_address': (c_int, c_void_p, c_size_t, c_char_p, c_size_t),
    'metrics': (c_void_p, c_void_p, POINTER(c_size_t)),
    'free': (None, c_void_p),
    'connection_count': (c_uint64, c_void_p),
    'register': (c_int, c_void_p, c_int, POINTER(Registration)),
    'close': (c_int, c_void_p, Id, c_uint16, c_char_p),
    'close_all': (c_int64, c_void_p, c_uint16, c_char_p),
    'touch': (c_int, c_void_p, Id),
    'join_room': (c_int, c_void_p, Id, c_char_p, c_size_t),
    'leave_room': (c_int, c_void_p, Id, c_char_p, c_size_t),
    'decision_join': (c_int, POINTER(Decision), c_char_p, c_size_t),
    'send_text': (c_int, c_void_p, Id, c_char_p, c_size_t),
    'send_binary': (c_int, c_void_p, Id, c_char_p, c_size_t),
    'broadcast_text': (c_int, c_void_p, c_char_p, c_size_t),
    'broadcast_binary': (c_int, c_void_p, c_char_p, c_size_t),
    'broadcast_room_text': (c_int, c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, Id),
    'broadcast_room_binary': (c_int, c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, Id),
    'request_method': (c_void_p, c_void_p, POINTER(c_size_t)),
    'request_path': (c_void_p, c_void_p, POINTER(c_size_t)),
    'request_query': (c_void_p, c_void_p, POINTER(c_size_t)),
    'request_header': (c_void_p, c_void_p, c_char_p, POINTER(c_size_t)),
    'request_parameter': (c_int, c_void_p, c_char_p, c_char_p, c_size_t),
    'request_peer': (c_char_p, c_void_p, c_char_p),
    'request_subject': (c_char_p, c_void_p),
}


def _load():
    library = ctypes.CDLL(os.environ.get('RINGCAST_LIBRARY', 'libringcast.so.0'))
    for name, (result, *parameters) in _PROTOTYPES.items():
        function = getattr(library, 'ringcast_' + name)
        function.restype, function.argtypes = result, parameters
    return library


_c = _load()


def _call(name, *arguments):
    result = getattr(_c, 'ringcast_' + name)(*arguments)
    if result < 0:
        raise OSError(-result, f'ringcast_{name}: {os.strerror(-result)}')
    return result


def _call_told(name, *arguments):
    """The same for functions that have a sentence for what is wrong."""
    error = ctypes.create_string_buffer(256)
    result = getattr(_c, 'ringcast_' + name)(*arguments, error, sizeof(error))
    if result < 0:
        raise OSError(-result, error.value.decode())


# --- What callbacks are given, and give

class Request:
    """An HTTP request. Good within the callback that it was given to."""

    def __init__(self, pointer):
        self._pointer = pointer

    def _text(self, name, *arguments):
        length = c_size_t()
        text = getattr(_c, 'ringcast_request_' + name)(self._pointer, *arguments, length)
        return None if text is None else ctypes.string_at(text, length.value).decode('latin-1')

    method = property(lambda self: self._text('method'))
    path = property(lambda self: self._text('path'))  # as sent: percent-encoded
    query = property(lambda self: self._text('query'))

    def header(self, name):
        """Its value, or None."""
        return self._text('header', name.encode())

    def parameter(self, name, default=None):
        """Of the query, decoded."""
        value = ctypes.create_string_buffer(1024)
        length = _c.ringcast_request_parameter(self._pointer, name.encode(), value, sizeof(value))
        return default if length < 0 else value.raw[:length].decode(errors='replace')

    @property
    def peer(self):
        return _c.ringcast_request_peer(self._pointer, ctypes.create_string_buffer(ADDRESS_BYTES)).decode()

    @property
    def subject(self):
        subject = _c.ringcast_request_subject(self._pointer)
        return None if subject is None else subject.decode()


@dataclass
class Accept:
    """Of on_upgrade and register. `connection` is any object: the connection's callbacks are given it."""
    rooms: tuple = ()
    mode: int = TO_PROGRAM
    exclude_self: bool = False
    connection: object = None


@dataclass
class Refuse:
    status: int = 404
    reason: str = 'not here'


@dataclass
class Page:
    """Of on_http."""
    body: object = b''
    status: int = 200
    content_type: str = 'text/plain; charset=utf-8'


def _bytes(text):
    return text.encode() if isinstance(text, str) else bytes(text)


# --- The server

class Server:
    """Subclasses have some of these, which run on the shards' threads:

    on_upgrade(request) -> Accept or Refuse         on_http(request) -> Page
    on_open(id, connection)                         on_joined(id, connection, room, accepted)
    on_message(id, connection, message)             on_close(id, connection, code, reason)
    on_tick(shard, now_ms)

    A message is str or bytes. BlockingIOError out of on_message holds the connection: the same message is
    offered again. on_close is also given what was never opened, with NOBODY for an id.

    `with Server('127.0.0.1:8080', threads=2) as server:` runs it; options are those of the header.
    """

    def __init__(self, *addresses, **options):
        self._objects = {}  # of connections, by the numbers that the library keeps as their pointers
        self._next_object = 1
        self._lock = threading.Lock()
        self._kept = threading.local()  # what the library reads once a callback has returned
        self._callbacks = self._make_callbacks()
        filled = Options()
        _c.ringcast_options_init(filled, sizeof(filled))
        assert filled.size == sizeof(Options)
        listeners = (Listener * len(addresses))(*(Listener(address.encode()) for address in addresses))
        filled.listeners, filled.listener_count = listeners, len(addresses)
        filled.callbacks = ctypes.pointer(self._callbacks)
        for name, value in options.items():
            setattr(filled, name, value)
        self._rc = c_void_p()
        _call_told('create', self._rc, filled)

    def _make_callbacks(self):
        """Those that the subclass has; on_close always, since objects have to be forgotten."""
        types = dict(Callbacks._fields_)
        return Callbacks(**{name: kind(getattr(self, '_' + name)) for name, kind in types.items()
                            if hasattr(self, name) or name == 'on_close'})

    # --- Life

    def start(self):
        _call_told('start', self._rc)

    def stop(self, deadline_ms=0):
        """Begins the end; wait() returns at it."""
        _c.ringcast_stop(self._rc, deadline_ms)

    def wait(self):
        _c.ringcast_wait(self._rc)

    def destroy(self):
        """Nothing may be called any more, from any thread."""
        _c.ringcast_destroy(self._rc)
        self._rc = c_void_p()

    def __enter__(self):
        try:
            self.start()
        except OSError:
            self.destroy()
            raise
        return self

    def __exit__(self, *_):
        self.stop(1000)
        self.wait()
        self.destroy()

    # --- The registry, from any thread

    @property
    def connection_count(self):
        return _c.ringcast_connection_count(self._rc)

    def address(self, listener=0):
        text = ctypes.create_string_buffer(ADDRESS_BYTES)
        _call('local_address', self._rc, listener, text, sizeof(text))
        return text.value.decode()

    def metrics(self):
        length = c_size_t()
        text = _c.ringcast_metrics(self._rc, length)
        if text is None:
            raise MemoryError
        try:
            return ctypes.string_at(text, length.value).decode()
        finally:
            _c.ringcast_free(text)

    def register(self, fd, accept=Accept(), claims=None, early=b''):
        """Takes over a socket that another server has upgraded; the descriptor is the library's then."""
        decision = Decision()
        self._fill(decision, accept)
        registration = Registration(ctypes.pointer(decision), claims and claims.encode(), early, len(early))
        try:
            _call('register', self._rc, fd, registration)
        except OSError:
            self._forget(decision.connection)
            raise

    def close(self, id, code=1000, reason=''):
        _call('close', self._rc, id, code, reason.encode())

    def close_all(self, code=1001, reason=''):
        return _call('close_all', self._rc, code, reason.encode())

    def touch(self, id):
        _call('touch', self._rc, id)

    def join(self, id, room):
        """Answered by on_joined."""
        _call('join_room', self._rc, id, room.encode(), len(room.encode()))

    def leave(self, id, room):
        _call('leave_room', self._rc, id, room.encode(), len(room.encode()))

    def send(self, id, message):
        kind, data = self._message(message)
        _call('send_' + kind, self._rc, id, data, len(data))

    def broadcast(self, message):
        kind, data = self._message(message)
        _call('broadcast_' + kind, self._rc, data, len(data))

    def publish(self, room, message, but=NOBODY):
        """To a room, but for one connection."""
        kind, data = self._message(message)
        name = room.encode()
        _call('broadcast_room_' + kind, self._rc, name, len(name), data, len(data), but)

    @staticmethod
    def _message(message):
        return ('text' if isinstance(message, str) else 'binary'), _bytes(message)

    # --- Objects of connections

    def _remember(self, connection):
        if connection is None:
            return None
        with self._lock:
            key, self._next_object = self._next_object, self._next_object + 1
            self._objects[key] = connection
        return key

    def _forget(self, key):
        with self._lock:
            return self._objects.pop(key, None)

    # --- Callbacks

    def _fill(self, decision, accept):
        for room in accept.rooms:
            _call('decision_join', decision, room.encode(), len(room.encode()))
        decision.mode, decision.exclude_self = accept.mode, accept.exclude_self
        decision.connection = self._remember(accept.connection)

    def _on_upgrade(self, _, request, decision):
        decision = decision.contents
        decision.status, decision.reason = 500, b'the program failed'  # unless it comes to the end
        accept = self.on_upgrade(Request(request))
        if isinstance(accept, Refuse):
            self._kept.reason = accept.reason.encode()
            decision.status, decision.reason = accept.status, self._kept.reason
            return
        self._fill(decision, accept)
        decision.status = 0

    def _on_http(self, _, request, answer):
        answer = answer.contents
        answer.status = 500
        page = self.on_http(Request(request))
        body, kind = _bytes(page.body), page.content_type.encode()
        self._kept.page = body, kind
        answer.status, answer.content_type, answer.body, answer.body_bytes = page.status, kind, body, len(body)

    def _on_open(self, _, id, key):
        self.on_open(id, self._objects.get(key))

    def _on_message(self, _, id, key, kind, data, length):
        message = ctypes.string_at(data, length) if length else b''
        try:
            self.on_message(id, self._objects.get(key), message.decode() if kind == TEXT else message)
        except BlockingIOError as error:
            return -error.errno
        return 0

    def _on_joined(self, _, id, key, room, length, accepted):
        self.on_joined(id, self._objects.get(key), ctypes.string_at(room, length).decode(), accepted)

    def _on_close(self, _, id, key, end):
        connection = self._forget(key)
        if hasattr(self, 'on_close'):
            self.on_close(id, connection, end.contents.code, end.contents.reason.decode())

    def _on_tick(self, _, shard, now_ms):
        self.on_tick(shard, now_ms)

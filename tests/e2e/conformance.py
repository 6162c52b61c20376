#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What RFC 6455 (and RFC 9110/9112 around it) demands of a server, one row a demand.

Every row is run whole, byte by byte, and cut at five random places, on a connection of its own. A row
of frames is right when the frames up to the end of the connection are exactly those expected. The row's
bytes stop where the server has to answer, so a server that waits for more does not pass.
"""

import random
import re
import socket
import struct
import sys
import time

from ringcast import (BINARY, CLOSE, CONTINUATION, KEY, PATIENCE_S, PING, PONG, TEXT, Server, Tap,
                      accept_of, close_frame, frame, shorten, split_frames, upgrade_request, wait_for)

SEED = 6455
CUTS = 5
MAX_MESSAGE_BYTES = 1 << 20
BYTEWISE_EDGE = 400  # of long inputs only so much at both ends goes byte by byte
CONT = CONTINUATION

rows = []


def row(section, name, sent, answers, code='peer', may_reset=False):
    """answers: [(opcode, payload)]. code: of the server's Close frame; 'peer': the row is fine, so the
    test closes with 1000 and hears 1000 back; None: a Close frame without a code."""
    if code == 'peer':
        sent += close_frame(1000)
        code = 1000
    rows.append((section, name, sent, answers, code, may_reset))


def text_row(section, name, payload, good):
    if good:
        row(section, name, frame(TEXT, payload), [(TEXT, payload)])
    else:
        row(section, name, frame(TEXT, payload), [], 1007)


def bulk(size):
    return random.Random(size).randbytes(size)


def frame_rows():
    a = b'\x37\xfa\x21\x3d'
    # --- 5.1, 5.3: masks
    for opcode, name in ((TEXT, 'text'), (BINARY, 'binary'), (PING, 'ping'), (PONG, 'pong'),
                         (CLOSE, 'close')):
        row('5.1', f'unmasked {name} fails', frame(opcode, b'', mask=None), [], 1002)
    row('5.1', 'unmasked frame fails before its payload', frame(TEXT, b'', mask=None, announced=5),
        [], 1002)
    row('5.1', 'unmasked continuation fails',
        frame(TEXT, b'a', fin=False) + frame(CONT, b'', mask=None), [], 1002)
    row('5.3', 'mask of zeros', frame(TEXT, b'zero', mask=bytes(4)), [(TEXT, b'zero')])
    row('5.3', 'mask of ones', frame(BINARY, bytes(range(256)), mask=b'\xff' * 4),
        [(BINARY, bytes(range(256)))])
    row('5.3', 'a mask of its own for every frame',
        frame(TEXT, b'one', mask=a) + frame(TEXT, b'two', mask=b'abcd') +
        frame(TEXT, b'three', mask=b'\0\1\2\3'), [(TEXT, b'one'), (TEXT, b'two'), (TEXT, b'three')])

    # --- 5.2: reserved bits and opcodes
    for rsv in range(1, 8):
        row('5.2', f'RSV bits {rsv:03b} on text fail', frame(TEXT, b'', rsv=rsv), [], 1002)
    for opcode, name in ((BINARY, 'binary'), (PING, 'ping'), (PONG, 'pong'), (CLOSE, 'close')):
        row('5.2', f'RSV1 on {name} fails', frame(opcode, b'', rsv=4), [], 1002)
    row('5.2', 'RSV1 on a continuation fails',
        frame(TEXT, b'a', fin=False) + frame(CONT, b'b', rsv=4), [], 1002)
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        row('5.2', f'reserved opcode {opcode} fails', frame(opcode), [], 1002)
        row('5.2', f'reserved opcode {opcode} without FIN fails', frame(opcode, b'x', fin=False), [],
            1002)
    row('5.2', 'reserved opcode between fragments fails', frame(TEXT, b'a', fin=False) + frame(3), [],
        1002)
    row('5.2', 'what came before a violation is answered', frame(TEXT, b'good') + frame(5),
        [(TEXT, b'good')], 1002)

    # --- 5.2: lengths
    for size in (0, 1, 2, 124, 125, 126, 127, 128, 255, 256, 4095, 4096, 4097, 65535, 65536, 65537,
                 200000):
        row('5.2', f'binary message of {size} bytes', frame(BINARY, bulk(size)),
            [(BINARY, bulk(size))])
    row('5.2', 'text message of 65536 bytes', frame(TEXT, b'\xc3\xa9' * 32768),
        [(TEXT, b'\xc3\xa9' * 32768)])
    row('5.2', 'message of exactly the limit', frame(BINARY, bulk(MAX_MESSAGE_BYTES)),
        [(BINARY, bulk(MAX_MESSAGE_BYTES))])
    for size in (0, 1, 125):
        row('5.2', f'{size} bytes in a 16-bit length fail',
            frame(BINARY, bytes(size), length_bytes=2), [], 1002)
    for size in (0, 125, 126, 65535):
        row('5.2', f'{size} bytes in a 64-bit length fail',
            frame(BINARY, b'', length_bytes=8, announced=size), [], 1002)
    row('5.2', '64-bit length with its top bit set fails',
        frame(BINARY, b'', length_bytes=8, announced=1 << 63), [], 1002)
    row('5.2', '64-bit length of all ones fails',
        frame(BINARY, b'', length_bytes=8, announced=(1 << 64) - 1), [], 1002)
    row('7.4.1', 'one byte above the limit, announced only',
        frame(BINARY, b'', announced=MAX_MESSAGE_BYTES + 1), [], 1009)
    row('7.4.1', '2^63 - 1 bytes, announced only', frame(TEXT, b'', announced=(1 << 63) - 1), [], 1009)
    row('7.4.1', 'above the limit by fragments, announced only',
        frame(BINARY, bytes(10), fin=False) + frame(CONT, b'', announced=MAX_MESSAGE_BYTES - 9), [],
        1009)
    row('7.4.1', 'the sum of two lengths must not overflow',
        frame(BINARY, bytes(10), fin=False) + frame(CONT, b'', announced=(1 << 63) - 1), [], 1009)

    # --- 5.4: fragmentation
    for opcode, name in ((TEXT, 'text'), (BINARY, 'binary')):
        row('5.4', f'{name} in two fragments',
            frame(opcode, b'Hel', fin=False) + frame(CONT, b'lo'), [(opcode, b'Hello')])
        row('5.4', f'{name} in fragments of one byte',
            frame(opcode, b'f', fin=False) +
            b''.join(frame(CONT, b'%c' % c, fin=False) for c in b'ragment') + frame(CONT, b's'),
            [(opcode, b'fragments')])
        row('5.4', f'{name} in empty fragments',
            frame(opcode, b'', fin=False) + frame(CONT, b'', fin=False) + frame(CONT, b''),
            [(opcode, b'')])
        row('5.4', f'{name} with empty fragments at the ends',
            frame(opcode, b'', fin=False) + frame(CONT, b'mid', fin=False) + frame(CONT, b''),
            [(opcode, b'mid')])
    row('5.4', '1000 fragments', frame(BINARY, b'0', fin=False) +
        frame(CONT, b'1', fin=False) * 998 + frame(CONT, b'2'), [(BINARY, b'0' + b'1' * 998 + b'2')])
    row('5.4', 'fragments of 40000 bytes', frame(BINARY, bulk(40000), fin=False) +
        frame(CONT, bulk(40000)), [(BINARY, bulk(40000) * 2)])
    row('5.4', 'two fragmented messages after each other',
        (frame(TEXT, b'a', fin=False) + frame(CONT, b'b')) * 2, [(TEXT, b'ab')] * 2)
    row('5.4', 'whole message behind a fragmented one',
        frame(TEXT, b'a', fin=False) + frame(CONT, b'b') + frame(BINARY, b'c'),
        [(TEXT, b'ab'), (BINARY, b'c')])
    for fin in (True, False):
        row('5.4', f'continuation of nothing fails (FIN {int(fin)})', frame(CONT, b'x', fin=fin), [],
            1002)
        for opcode in (TEXT, BINARY):
            row('5.4', f'opcode {opcode} within a fragmented message fails (FIN {int(fin)})',
                frame(TEXT, b'a', fin=False) + frame(opcode, b'b', fin=fin), [], 1002)
    row('5.4', 'continuation behind a finished message fails',
        frame(TEXT, b'a', fin=False) + frame(CONT, b'b') + frame(CONT, b'c'), [(TEXT, b'ab')], 1002)
    row('5.4', 'continuation behind a whole message fails', frame(TEXT, b'a') + frame(CONT, b'b'),
        [(TEXT, b'a')], 1002)

    # --- 5.5: control frames
    for opcode, name in ((PING, 'ping'), (PONG, 'pong'), (CLOSE, 'close')):
        row('5.5', f'fragmented {name} fails', frame(opcode, b'', fin=False), [], 1002)
        for size in (126, 127, 1000):
            row('5.5', f'{name} of {size} bytes fails', frame(opcode, b'', announced=size), [], 1002)
        row('5.5', f'{name} with a 64-bit length fails',
            frame(opcode, b'', length_bytes=8, announced=65536), [], 1002)
        row('5.5', f'{name} with a needless 16-bit length fails',
            frame(opcode, b'', length_bytes=2, announced=5), [], 1002)
    row('5.5', 'continuation does not extend a ping', frame(PING, b'a') + frame(CONT, b'b'),
        [(PONG, b'a')], 1002)
    for size in (0, 1, 124, 125):
        row('5.5.2', f'ping of {size} bytes is echoed', frame(PING, bulk(size)), [(PONG, bulk(size))])
    row('5.5.2', 'a ping need not be UTF-8', frame(PING, b'\xff\xfe\x00'), [(PONG, b'\xff\xfe\x00')])
    row('5.5.2', 'ten pings in order', b''.join(frame(PING, b'%d' % i) for i in range(10)),
        [(PONG, b'%d' % i) for i in range(10)])
    row('5.4', 'ping between fragments', frame(TEXT, b'a', fin=False) + frame(PING, b'p') +
        frame(CONT, b'b'), [(PONG, b'p'), (TEXT, b'ab')])
    row('5.4', 'pings and pongs between all fragments',
        frame(TEXT, b'a', fin=False) + frame(PING, b'1') + frame(CONT, b'b', fin=False) +
        frame(PONG, b'x') + frame(PING, b'2') + frame(CONT, b'c') + frame(PING, b'3'),
        [(PONG, b'1'), (PONG, b'2'), (TEXT, b'abc'), (PONG, b'3')])
    row('5.4', 'ping within a character',
        frame(TEXT, b'\xe2\x82', fin=False) + frame(PING, b'\x82') + frame(CONT, b'\xac'),
        [(PONG, b'\x82'), (TEXT, '\u20ac'.encode())])
    row('5.5.3', 'unsolicited pong is ignored', frame(PONG, b'hello') + frame(TEXT, b'x'),
        [(TEXT, b'x')])
    row('5.5.3', 'empty pong is ignored', frame(PONG) + frame(PING, b'y'), [(PONG, b'y')])

    # --- 5.6: messages come back as what they were
    row('5.6', 'empty text', frame(TEXT), [(TEXT, b'')])
    row('5.6', 'empty binary', frame(BINARY), [(BINARY, b'')])
    row('5.6', 'binary need not be UTF-8', frame(BINARY, b'\xff\xc0\x80'), [(BINARY, b'\xff\xc0\x80')])
    row('5.6', 'text may hold NUL', frame(TEXT, b'a\0b'), [(TEXT, b'a\0b')])
    row('5.6', 'a hundred messages in order', b''.join(frame(TEXT, b'%d' % i) for i in range(100)),
        [(TEXT, b'%d' % i) for i in range(100)])
    row('5.6', 'text and binary in turn', frame(TEXT, b't') + frame(BINARY, b'\x80') + frame(TEXT, b'u'),
        [(TEXT, b't'), (BINARY, b'\x80'), (TEXT, b'u')])


def utf8_rows():
    good = {'all lengths': 'a\u00e9\u20ac\U0001d11e', 'U+0080': '\x80', 'U+07FF': '\u07ff',
            'U+0800': '\u0800', 'U+D7FF': '\ud7ff', 'U+E000': '\ue000', 'U+FFFD': '\ufffd',
            'noncharacter U+FFFF': '\uffff', 'U+10000': '\U00010000', 'U+10FFFF': '\U0010ffff',
            'byte order mark': '\ufeffx', 'Greek': '\u03ba\u1f79\u03c3\u03bc\u03b5'}
    for name, text in good.items():
        text_row('8.1', f'good UTF-8: {name}', text.encode(), True)
    bad = {'lone continuation 80': b'\x80', 'lone continuation BF': b'\xbf',
           'overlong C0 80': b'\xc0\x80', 'overlong C1 BF': b'\xc1\xbf',
           'overlong E0 80 80': b'\xe0\x80\x80', 'overlong E0 9F BF': b'\xe0\x9f\xbf',
           'overlong F0 80 80 80': b'\xf0\x80\x80\x80', 'overlong F0 8F BF BF': b'\xf0\x8f\xbf\xbf',
           'surrogate D800': b'\xed\xa0\x80', 'surrogate DFFF': b'\xed\xbf\xbf',
           'pair of surrogates': b'\xed\xa0\xb4\xed\xb4\x9e', 'U+110000': b'\xf4\x90\x80\x80',
           'F5': b'\xf5\x80\x80\x80', 'five bytes': b'\xf8\x88\x80\x80\x80',
           'six bytes': b'\xfc\x84\x80\x80\x80\x80', 'FE': b'\xfe', 'FF': b'\xff',
           'two for one: E2 28': b'\xe2\x28\xa1', 'E2 82 28': b'\xe2\x82\x28',
           'F0 28': b'\xf0\x28\x8c\xbc', 'new start in a character': b'\xe2\x82\xe2\x82\xac',
           'behind 70 good bytes': b'x' * 70 + b'\xff' + b'y' * 70,
           'in the last of 5000 bytes': b'x' * 4999 + b'\x80'}
    for name, data in bad.items():
        text_row('8.1', f'bad UTF-8: {name}', data, False)
    for name, data in {'C3': b'\xc3', 'E2 82': b'\xe2\x82', 'F0 9D 84': b'\xf0\x9d\x84',
                       'behind 64 bytes': b'x' * 64 + b'\xe2'}.items():
        text_row('8.1', f'ends within a character: {name}', data, False)
        row('8.1', f'ends within a character, empty last fragment: {name}',
            frame(TEXT, data, fin=False) + frame(CONT), [], 1007)
    # Fail fast: the message, even the frame, would still go on.
    row('8.1', 'fails at a bad byte of an unfinished frame', frame(TEXT, b'ab\xff', announced=100), [],
        1007)
    row('8.1', 'fails at a bad byte of an unfinished fragment',
        frame(TEXT, b'good', fin=False) + frame(CONT, b'\xc0', announced=100, fin=False), [], 1007)
    row('8.1', 'fails at a bad first fragment', frame(TEXT, b'\xed\xa0', fin=False), [], 1007)
    row('8.1', 'fails at F4 90 across fragments',
        frame(TEXT, b'\xf4', fin=False) + frame(CONT, b'\x90', fin=False), [], 1007)
    row('8.1', 'fails at a start where a continuation is due',
        frame(TEXT, b'\xe2\x82', fin=False) + frame(CONT, b'a', fin=False), [], 1007)
    sample = '\u03ba\u20ac\U0001d11e!'.encode()
    for cut in range(1, len(sample)):
        row('8.1', f'character cut by fragments at byte {cut}',
            frame(TEXT, sample[:cut], fin=False) + frame(CONT, sample[cut:]), [(TEXT, sample)])
    row('8.1', 'every byte a fragment', frame(TEXT, sample[:1], fin=False) +
        b''.join(frame(CONT, bytes([c]), fin=False) for c in sample[1:]) + frame(CONT),
        [(TEXT, sample)])


def close_rows():
    row('5.5.1', 'Close without a payload is answered without one', close_frame(), [], None)
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999,
                 4000, 4999):
        row('7.4', f'code {code} is echoed', close_frame(code), [], code)
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        row('7.4', f'code {code} fails', close_frame(code), [], 1002)
    row('5.5.1', 'Close with one byte fails', frame(CLOSE, b'\x03'), [], 1002)
    row('5.5.1', 'reason of 123 bytes', close_frame(1000, b'r' * 123), [], 1000)
    row('5.5.1', 'reason in UTF-8', close_frame(1000, '\u20ac'.encode()), [], 1000)
    row('8.1', 'reason that is not UTF-8 fails', close_frame(1000, b'\xff'), [], 1007)
    row('8.1', 'reason that ends within a character fails', close_frame(1000, b'ok\xe2\x82'), [], 1007)
    row('5.5.1', 'Close between fragments', frame(TEXT, b'a', fin=False) + close_frame(1000), [], 1000)
    row('5.5.1', 'messages before the Close are answered first',
        frame(TEXT, b'a') + frame(PING, b'p') + close_frame(1001), [(TEXT, b'a'), (PONG, b'p')], 1001)
    # A client must not do this (5.5.1), so it may lose the Close frame to a reset when the server has
    # closed before the rest arrives.
    for name, more in (('text', frame(TEXT, b'late')), ('ping', frame(PING, b'late')),
                       ('a second Close', close_frame(1001)), ('garbage', b'\xff' * 50)):
        row('5.5.1', f'{name} behind the Close is ignored', close_frame(1000) + more, [], 1000, True)
    row('7.1.7', 'text behind a violation is ignored', frame(3) + frame(TEXT, b'late'), [], 1002)


# --- The handshake

http_rows = []


def http_row(section, name, request, status, headers=None, body=None):
    """headers: {name: value, pattern, or None for absent}. A 101 is followed by a Close and its
    echo."""
    http_rows.append((section, name, request, status, headers or {}, body))


HANDSHAKE = (('Host', 'localhost'), ('Upgrade', 'websocket'), ('Connection', 'Upgrade'),
             ('Sec-WebSocket-Key', KEY), ('Sec-WebSocket-Version', '13'))


def request(target='/echo', method='GET', version='HTTP/1.1', without=(), headers=HANDSHAKE, add=(),
            **changed):
    changed = {k.replace('_', '-').lower(): v for k, v in changed.items()}
    lines = [f'{method} {target} {version}']
    lines += [f'{k}: {changed.get(k.lower(), v)}' for k, v in headers if k not in without]
    lines += [f'{k}: {v}' for k, v in add]
    return ('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1')


PLAIN = (('Host', 'localhost'),)
SWITCHED = {'Upgrade': 'websocket', 'Connection': 'Upgrade', 'Sec-WebSocket-Accept': accept_of(KEY),
            'Sec-WebSocket-Extensions': None, 'Sec-WebSocket-Protocol': None}
WANTS_UPGRADE = {'Upgrade': 'websocket', 'Sec-WebSocket-Version': '13'}


def handshake_rows():
    ok = 101, SWITCHED
    http_row('4.2.2', 'a correct handshake', request(), *ok)
    http_row('1.3', "the RFC's own key and answer", request(), 101,
             {'Sec-WebSocket-Accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='})
    http_row('4.2.1', 'names of headers in lower case',
             request(headers=[(k.lower(), v) for k, v in HANDSHAKE]), *ok)
    http_row('4.2.1', 'names of headers in upper case',
             request(headers=[(k.upper(), v) for k, v in HANDSHAKE]), *ok)
    http_row('4.2.1', 'headers in reverse order', request(headers=HANDSHAKE[::-1]), *ok)
    http_row('4.2.1', 'Upgrade: WebSocket', request(upgrade='WebSocket'), *ok)
    http_row('4.2.1', 'Upgrade: h2c, websocket', request(upgrade='h2c, websocket'), *ok)
    http_row('4.2.1', 'Connection: keep-alive, Upgrade', request(connection='keep-alive, Upgrade'), *ok)
    http_row('4.2.1', 'Connection: upgrade,keep-alive', request(connection='upgrade,keep-alive'), *ok)
    http_row('4.2.1', 'Connection on two lines', request(add=[('Connection', 'keep-alive')]), *ok)
    http_row('9112 5', 'blanks around a value', request(upgrade=' \t websocket \t '), *ok)
    http_row('9112 5', 'no blank before a value',
             request().replace(b'Upgrade: websocket', b'Upgrade:websocket'), *ok)
    http_row('9112 2.2', 'empty line before the request', b'\r\n' + request(), *ok)
    http_row('9.1', 'an offered extension is not taken',
             request(add=[('Sec-WebSocket-Extensions', 'permessage-deflate')]), *ok)
    http_row('4.2.2', 'an offered subprotocol is not taken',
             request(add=[('Sec-WebSocket-Protocol', 'chat, superchat')]), *ok)
    http_row('4.1', 'Origin and cookies do not matter',
             request(add=[('Origin', 'http://localhost'), ('Cookie', 'a=b; c=d')]), *ok)
    http_row('4.1', 'a query behind /echo', request('/echo?x=1'), *ok)
    for name, target in (('plain', '/room/lobby'), ('encoded', '/room/%C3%A9%F0%9F%8E%89'),
                         ('with a slash', '/room/a%2Fb'), ('of 200 bytes', '/room/' + 'r' * 200),
                         ('self=0', '/room/x?self=0'), ('self=1', '/room/x?a=b&self=1')):
        http_row('room', f'name {name}', request(target), *ok)
    for name, target in (('empty', '/room/'), ('of 201 bytes', '/room/' + 'r' * 201),
                         ('not UTF-8', '/room/%ff'), ('with a broken escape', '/room/%zz'),
                         ('cut escape', '/room/a%2'), ('self=2', '/room/x?self=2'),
                         ('self=', '/room/x?self=')):
        http_row('room', f'name {name} is refused', request(target), 400)

    bad = 400, {'Connection': 'close'}
    http_row('4.2.1', 'no Host', request(without=['Host']), *bad)
    http_row('9112 3.2', 'two Hosts', request(add=[('Host', 'other')]), *bad)
    http_row('9112 3.2', 'malformed Host', request(host='a/b'), *bad)
    http_row('4.2.1', 'no Connection', request(without=['Connection']), *bad)
    http_row('4.2.1', 'Connection: keep-alive', request(connection='keep-alive'), *bad)
    http_row('4.2.1', 'Connection: NotUpgrade', request(connection='NotUpgrade'), *bad)
    http_row('4.2.1', 'no Upgrade', request(without=['Upgrade']), 426, WANTS_UPGRADE)
    http_row('4.2.1', 'Upgrade: h2c', request(upgrade='h2c'), 426, WANTS_UPGRADE)
    http_row('4.2.1', 'Upgrade: websockets', request(upgrade='websockets'), 426, WANTS_UPGRADE)
    http_row('4.2.1', 'no key', request(without=['Sec-WebSocket-Key']), *bad)
    http_row('11.3.1', 'two keys', request(add=[('Sec-WebSocket-Key', KEY)]), *bad)
    for name, key in (('empty', ''), ('of 15 bytes', 'MTIzNDU2Nzg5MDEyMzQ1'),
                      ('of 17 bytes', 'MTIzNDU2Nzg5MDEyMzQ1Njc='), ('not base64', '!' * 22 + '=='),
                      ('without padding', KEY[:-2]), ('not canonical', KEY[:-3] + 'R=='),
                      ('with a blank', KEY[:10] + ' ' + KEY[10:])):
        http_row('4.2.1', f'key {name}', request(sec_websocket_key=key), *bad)
    http_row('4.4', 'no version', request(without=['Sec-WebSocket-Version']), 426, WANTS_UPGRADE)
    for version in ('0', '8', '12', '14', '130', '013', '+13', 'x', '13, 8'):
        http_row('4.4', f'version {version}', request(sec_websocket_version=version), 426,
                 WANTS_UPGRADE)
    http_row('11.3.5', 'two versions', request(add=[('Sec-WebSocket-Version', '13')]), *bad)
    for method in ('POST', 'PUT', 'OPTIONS', 'get', 'X'):
        http_row('4.2.1', f'handshake by {method}', request(method=method), *bad)
    http_row('4.2.1', 'handshake by HEAD', request(method='HEAD'), *bad, b'')
    http_row('4.2.1', 'handshake by HTTP/1.0', request(version='HTTP/1.0'), *bad)
    http_row('4.2.1', 'handshake with a body', request(add=[('Content-Length', '3')]) + b'abc', *bad)
    http_row('4.2.2', 'handshake for what there is not', request('/nowhere'), 404)
    http_row('4.2.2', 'handshake for a page', request('/healthz'), 404)


def page_rows():
    http_row('9110 15.5.22', 'plain GET of /echo', request(headers=PLAIN), 426, WANTS_UPGRADE)
    http_row('9110 15.5.22', 'plain GET of a room', request('/room/x', headers=PLAIN), 426,
             WANTS_UPGRADE)
    http_row('9110 15.5.22', 'POST to /echo', request(method='POST', headers=PLAIN), 426, WANTS_UPGRADE)
    http_row('9110 9.3.2', 'HEAD of /echo has no body', request(method='HEAD', headers=PLAIN), 426,
             WANTS_UPGRADE, b'')
    http_row('9110 15.5.5', 'GET of what there is not', request('/nowhere', headers=PLAIN), 404,
             {'Connection': 'close'})
    http_row('9110 9.3.2', 'HEAD of what there is not', request('/nowhere', 'HEAD', headers=PLAIN), 404,
             {}, b'')
    for target in ('/', '/healthz', '/readyz', '/metrics'):
        answer = {'Content-Type': re.compile('text/'), 'Content-Length': re.compile(r'\d+')}
        http_row('pages', f'GET {target}', request(target, headers=PLAIN), 200, answer)
        http_row('9110 9.3.2', f'HEAD {target}', request(target, 'HEAD', headers=PLAIN), 200, answer,
                 b'')
        http_row('9112 6.3', f'HTTP/1.0 GET {target}', request(target, version='HTTP/1.0', headers=()),
                 200, answer)
        http_row('9110 15.5.6', f'DELETE {target}', request(target, 'DELETE', headers=PLAIN), 405,
                 {'Allow': 'GET, HEAD'})
    http_row('9110 15.5.6', 'POST with a body',
             request('/healthz', 'POST', headers=PLAIN, add=[('Content-Length', '5')]) + b'hello', 405)
    http_row('9112 9.3', 'GET with a body',
             request('/healthz', headers=PLAIN, add=[('Content-Length', '5')]) + b'hello', 200)
    http_row('9112 9.3', 'a second request is not smuggled in',
             request('/healthz', headers=PLAIN) + request('/nowhere', headers=PLAIN), 200)
    http_row('pages', 'a query behind a page', request('/healthz?x=y', headers=PLAIN), 200)

    http_row('9112 3', 'target of 2049 bytes', request('/' + 'a' * 2048), 414)
    http_row('9112 3', 'target that never ends', b'GET /' + b'a' * 2100, 414)
    http_row('6585 5', '65 headers', request(add=[(f'X-{i}', 'y') for i in range(60)]), 431)
    http_row('6585 5', '64 headers', request(add=[(f'X-{i}', 'y') for i in range(59)]), 101, SWITCHED)
    http_row('6585 5', 'head of more than 8192 bytes', request(add=[('X', 'y' * 8192)]), 431)
    http_row('6585 5', 'header that never ends', b'GET / HTTP/1.1\r\nX: ' + b'y' * 8200, 431)
    for version, status in (('HTTP/2.0', 505), ('HTTP/1.2', 505), ('HTTP/0.9', 505), ('HTTP/3', 505),
                            ('HTTP/1', 400), ('HTTP/x.y', 400), ('http/1.1', 400), ('ICY', 400)):
        http_row('9110 15.6.6', f'version {version}', request(version=version), status)
    bad = 400, {'Connection': 'close'}
    http_row('9112 3', 'no version', b'GET /\r\n\r\n', *bad)
    http_row('9112 3', 'two blanks', b'GET  / HTTP/1.1\r\n', *bad)
    http_row('9112 3.2.2', 'absolute target', request('http://localhost/echo'), 101, SWITCHED)
    http_row('9112 3.2.2', 'absolute target of ws', request('ws://elsewhere:1/echo'), 101, SWITCHED)
    http_row('9112 3.2.2', 'absolute target without a host', request('http:///echo'), *bad)
    http_row('9112 3.2.2', 'absolute target with a user', request('http://u@h/echo'), *bad)
    http_row('9112 3.2', 'target of another scheme', request('ftp://localhost/echo'), *bad)
    http_row('9112 3.2', 'target *', request('*', 'OPTIONS'), *bad)
    http_row('9112 3.2', 'fragment in the target', request('/echo#x'), *bad)
    http_row('9112 3.2', 'byte above ASCII in the target', request('/room/\xe9'), *bad)
    http_row('9112 2.2', 'bare LF', request().replace(b'\r\n', b'\n'), *bad)
    http_row('9112 2.2', 'bare CR', request().replace(b'localhost\r\n', b'local\rhost\r\n'), *bad)
    http_row('9112 5.1', 'blank before the colon', request().replace(b'Host:', b'Host :'), *bad)
    http_row('9112 5.2', 'folded header', request().replace(b'Host: ', b'Host:\r\n '), *bad)
    http_row('9112 5', 'header without a colon', request().replace(b'Host: localhost', b'Host'), *bad)
    http_row('9112 5', 'header without a name', request().replace(b'Host', b''), *bad)
    http_row('9110 5.5', 'NUL in a value', request(add=[('X', 'a\0b')]), *bad)
    http_row('9112 6.3', 'Content-Length that is no number', request(add=[('Content-Length', '-1')]),
             *bad)
    http_row('9112 6.3', 'two Content-Lengths', request(add=[('Content-Length', '0')] * 2), *bad)
    http_row('9112 6.1', 'Content-Length and Transfer-Encoding',
             request(add=[('Content-Length', '1'), ('Transfer-Encoding', 'chunked')]), *bad)
    http_row('silence', 'TLS hello', bytes.fromhex('160301020001fc0303') + bulk(200), 400, {},
             re.compile(b'TLS'))
    http_row('silence', 'HTTP/2 preface', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', *bad)
    http_row('silence', 'SSH', b'SSH-2.0-OpenSSH_9.2\r\n', *bad)
    http_row('silence', 'a frame instead of a request', frame(TEXT, b'hello'), *bad)
    http_row('silence', 'zeros', bytes(64), *bad)
    http_row('silence', 'all bytes', bytes(range(255, -1, -1)), *bad)


# --- Running

def pieces(data, mode, rng):
    if mode == 'whole':
        return [data]
    if mode == 'cut':
        cuts = sorted({rng.randrange(1, len(data)) for _ in range(rng.randint(1, 6))})
        return [data[a:b] for a, b in zip([0] + cuts, cuts + [len(data)])]
    edge = BYTEWISE_EDGE
    single = [data[i:i + 1] for i in range(len(data))]
    if len(data) <= 4 * edge:
        return single
    return single[:edge] + [data[edge:-edge]] + single[-edge:]


def converse(port, parts):
    """Sends them and reads to the end. (bytes, was reset)"""
    with socket.create_connection(('127.0.0.1', port), PATIENCE_S) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        got, reset = b'', False
        try:
            for part in parts:
                s.sendall(part)
                if 1 < len(parts) < 10:
                    time.sleep(0.001)  # or the kernel joins the pieces again
        except (ConnectionResetError, BrokenPipeError):
            reset = True
        s.settimeout(PATIENCE_S)
        try:
            while piece := s.recv(1 << 20):
                got += piece
        except ConnectionResetError:
            reset = True
        return got, reset


def split_answer(data):
    head, separator, rest = data.partition(b'\r\n\r\n')
    if not separator:
        raise ValueError(f'no HTTP answer: {data[:200]!r}')
    lines = head.decode('latin-1').split('\r\n')
    match = re.fullmatch(r'HTTP/1\.1 (\d{3}) [\w -]*', lines[0])
    if not match:
        raise ValueError(f'no status line: {lines[0]!r}')
    headers = {}
    for line in lines[1:]:
        key, _, value = line.partition(':')
        if key.lower() in headers:
            raise ValueError(f'{key} twice')
        headers[key.lower()] = value.strip()
    return int(match.group(1)), headers, rest


def matches(value, wanted):
    if wanted is None or value is None:
        return value is wanted
    if isinstance(wanted, re.Pattern):
        return bool(wanted.search(value))
    return value.lower() == wanted.lower() if isinstance(value, str) else value == wanted


def close_code(frames):
    """(frames before the Close, its code or None when empty); raises when there is not exactly one."""
    if not frames or frames[-1][0] != CLOSE:
        raise ValueError(f'no Close frame at the end: {shorten(frames)}')
    payload = frames[-1][1]
    if len(payload) == 1 or len(payload) > 125:
        raise ValueError(f'malformed Close payload: {payload!r}')
    payload[2:].decode()
    return frames[:-1], struct.unpack('>H', payload[:2])[0] if payload else None


def run_row(port, sent, answers, code, may_reset, mode, rng):
    head = upgrade_request('/echo')
    # The frames right behind the request in one piece, or the request first by itself: both must do.
    parts = pieces(head + sent, mode, rng) if mode != 'bytes' else [head] + pieces(sent, mode, rng)
    data, reset = converse(port, parts)
    if reset and may_reset:
        return
    status, _, rest = split_answer(data)
    if status != 101:
        raise ValueError(f'status {status}')
    frames, got_code = close_code(split_frames(rest))
    if reset:
        raise ValueError('connection reset')
    if frames != answers or got_code != code:
        raise ValueError(f'got    {shorten(frames)}, close {got_code}\n'
                         f'wanted {shorten(answers)}, close {code}')


def run_http_row(port, sent, status, headers, body, mode, rng):
    if status == 101:
        sent += close_frame(1000)
    data, reset = converse(port, pieces(sent, mode, rng))
    if reset:
        raise ValueError('connection reset')
    got, have, rest = split_answer(data)
    if got != status:
        raise ValueError(f'status {got}, not {status}: {rest[:200]!r}')
    for name, wanted in headers.items():
        if not matches(have.get(name.lower()), wanted):
            raise ValueError(f'{name}: {have.get(name.lower())!r}, not {wanted!r}')
    if status == 101:
        if split_frames(rest) != [(CLOSE, struct.pack('>H', 1000))]:
            raise ValueError(f'behind the 101: {rest!r}')
        return
    if body is not None and not matches(rest, body):
        raise ValueError(f'body {rest[:200]!r}')
    if body != b'' and int(have['content-length']) != len(rest):
        raise ValueError(f'Content-Length {have["content-length"]}, body of {len(rest)} bytes')
    if status >= 400 and body != b'' and not rest.strip():
        raise ValueError('no word about what is wrong')


def run_all(tap, port, table, run):
    for section, name, sent, *rest in table:
        rng = random.Random(f'{SEED} {section} {name}')
        problem = ''
        for mode in ['whole', 'bytes'] + ['cut'] * CUTS:
            try:
                run(port, sent, *rest, mode, rng)
            except (OSError, ValueError) as error:
                problem += f'{mode}: {type(error).__name__}: {error}\n'
        tap.ok(not problem, f'{section} {name}', problem)


def run_timeouts(tap):
    """Whoever does not finish a request is not kept, whatever they send."""
    with Server('--handshake-timeout', '400ms') as server:
        for name, sent, trickle in (('nothing', b'', b''), ('half a request', request()[:40], b''),
                                    ('a head without its end', request()[:-2], b''),
                                    ('a byte now and then', request()[:20], b'x')):
            with socket.create_connection(('127.0.0.1', server.port), PATIENCE_S) as s:
                s.sendall(sent)
                data = b''
                try:
                    s.settimeout(0.05)
                    end = time.monotonic() + PATIENCE_S
                    while time.monotonic() < end:
                        try:
                            piece = s.recv(4096)
                        except socket.timeout:
                            s.sendall(trickle)
                            continue
                        if not piece:
                            break
                        data += piece
                    else:
                        data = b'still open'
                except (ConnectionResetError, BrokenPipeError):
                    pass
                good = split_answer(data)[0] == 408 if sent else data == b''
                tap.ok(good, f'handshake timeout after {name}', data)
        def counted():  # once the kernel has closed them
            return server.metrics().by('ringcast_closes_total', 'reason').get('handshake_timeout')
        wait_for(lambda: counted() == 4)
        tap.equal(counted(), 4, 'handshake timeouts are counted')


def run_half_close(tap, port):
    for name, sent, wanted in (
            ('a page', request('/healthz', headers=PLAIN), b'HTTP/1.1 200 '),
            ('a bad request', b'nonsense\r\n\r\n', b'HTTP/1.1 400 '),
            ('an echo', request() + frame(TEXT, b'last words'), b'last words')):
        with socket.create_connection(('127.0.0.1', port), PATIENCE_S) as s:
            s.sendall(sent)
            s.shutdown(socket.SHUT_WR)
            data = b''
            while piece := s.recv(65536):
                data += piece
        tap.ok(wanted in data, f'a half-closed client still gets {name}', data)


def main():
    frame_rows()
    utf8_rows()
    close_rows()
    handshake_rows()
    page_rows()
    with Tap() as tap:
        with Server('--max-message-bytes', MAX_MESSAGE_BYTES) as server:
            run_all(tap, server.port, rows, run_row)
            run_all(tap, server.port, http_rows, run_http_row)
            run_half_close(tap, server.port)
        run_timeouts(tap)


if __name__ == '__main__':
    sys.exit(main())

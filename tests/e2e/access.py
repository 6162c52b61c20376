#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who gets in: tokens of every kind and every way to get one wrong, rooms that they open, their end, a
change of keys, certificates in place of tokens, web pages of other origins, and limits by address and by
connection. The log may never hold a part of a token."""

import base64
import http.server
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

from browser import Browser
from ringcast import (CLOSE, CONTINUATION, PATIENCE_S, PING, TEXT, Client, Server, Tap, frame, free_port, need,
                      upgrade_request, wait_for)
from tls import Certificates, TlsClient, TlsServer, context_of
from tokens import base64url, claims, compose, keys_of_all_kinds, token

AUDIENCE, ISSUER = 'ringcast.example', 'https://issuer.example'
POLITE = 8  # connections beyond the limit of an address that are told why


class Witness:
    """Every token that was used, and what servers said while they were."""

    def __init__(self):
        self.tokens, self.secrets, self.outputs = set(), set(), []

    def watch(self, server):
        self.outputs.append(server.output())

    def leaks(self):
        """Twelve characters of a token or a secret are a part of it."""
        wanted = {text[i:i + 12] for text in self.tokens | self.secrets for i in range(len(text) - 11)}
        return [output[i:i + 12] for output in self.outputs for i in range(len(output) - 11)
                if output[i:i + 12] in wanted]


witness = Witness()


def bearer(text, path='/echo', **options):
    witness.tokens.add(text)
    return lambda port: Client(port, path, extra=f'Authorization: Bearer {text}\r\n', **options)


def in_query(text, path='/echo', **options):
    witness.tokens.add(text)
    return lambda port: Client(port, f'{path}?token={text}', **options)


def echoes(client):
    client.send(TEXT, b'hello')
    return client.receive() == (TEXT, b'hello')


def good(**members):
    return claims(aud=AUDIENCE, iss=ISSUER) | members


def signed(key, header=None, **members):
    return token(key, header, aud=AUDIENCE, iss=ISSUER, **members)


def auth_flags(*files, auth='required', audience=AUDIENCE, issuer=ISSUER):
    return ['--auth', auth, '--auth-keys', ','.join(files), '--auth-audience', audience, '--auth-issuer', issuer,
            '--log-level', 'debug']


# --- Good tokens

def every_kind(tap, keys, folder):
    jwks = os.path.join(folder, 'jwks.json')
    with open(jwks, 'w', encoding='ascii') as file:
        json.dump({'keys': [k.jwk() for k in keys.values()] +
                   [{'kty': 'EC', 'crv': 'P-521', 'kid': 'not ours', 'x': 'AA', 'y': 'AA'}]}, file)
    for name, files in (('files', [k.flag() for k in keys.values()]), ('a JWKS', [jwks])):
        with Server(*auth_flags(*files)) as server:
            for alg, key in keys.items():
                for header in ({}, {'kid': key.kid}):
                    for way, ask in (('header', bearer), ('query', in_query)):
                        with ask(signed(key, header))(server.port) as client:
                            tap.ok(client.status == 101 and echoes(client),
                                   f'{name}: {alg} in the {way} {header}', client.head)
            metrics = server.metrics()
            tap.equal(metrics.sum('ringcast_tokens_accepted_total'), 16, f'{name}: accepted tokens are counted')
            tap.equal([server.status(p) for p in ('/', '/healthz', '/readyz', '/metrics')], [200] * 4,
                      f'{name}: pages need no token')
            witness.watch(server)


def switches(tap, keys):
    """Whether a token is needed, looked at, or ignored."""
    key = keys['ES256']
    table = [('off', [101, 101, 101]), ('optional', [101, 101, 401]), ('required', [401, 101, 401])]
    for auth, wanted in table:
        with Server(*auth_flags(key.flag(), auth=auth)) as server:
            asked = [lambda port: Client(port, '/echo'), bearer(signed(key)), bearer(signed(key)[:-8] + 'AAAAAAAA')]
            tap.equal([ask(server.port).status for ask in asked], wanted, f'auth={auth}: without, good, bad')
            witness.watch(server)


# --- Bad tokens

def forged(key):
    """The payload of a better token behind the header and in front of the signature of a good one."""
    parts = signed(key).split('.')
    parts[1] = base64url(json.dumps(good(sub='root')))
    return '.'.join(parts)


def broken_signature(key):
    head, _, signature = signed(key).rpartition('.')
    middle = len(signature) // 2
    return f'{head}.{signature[:middle]}{"B" if signature[middle] == "A" else "A"}{signature[middle + 1:]}'


def padded(key, length):
    """A good token of exactly this length; None where base64url has none."""
    for pad in range(length):
        text = signed(key, pad='x' * pad)
        if len(text) >= length:
            return text if len(text) == length else None


def wrong_claims(key):
    now = int(time.time())
    return [
        ('expired', signed(key, exp=now - 60), 'has expired'),
        ('no end', signed(key, exp=None), 'exp is missing'),
        ('an end that is text', signed(key, exp='soon'), 'malformed'),
        ('not yet valid', signed(key, nbf=now + 3600), 'not valid yet'),
        ('signed in the future', signed(key, iat=now + 3600), 'not valid yet'),
        ('for somebody else', token(key, aud='other.example', iss=ISSUER), 'meant for this server'),
        ('for several others', token(key, aud=['a', 'b'], iss=ISSUER), 'meant for this server'),
        ('for nobody', token(key, iss=ISSUER), 'meant for this server'),
        ('of another issuer', token(key, aud=AUDIENCE, iss='https://evil.example'), 'issuer'),
        ('of no issuer', token(key, aud=AUDIENCE), 'issuer'),
        ('rooms that are no list', signed(key, rooms='*'), 'malformed'),
        ('rooms that are numbers', signed(key, rooms=[1]), 'malformed'),
        ('rooms with an unknown member', signed(key, rooms={'raed': ['*']}), 'malformed'),
        ('a claim twice', compose({'alg': key.alg}, json.dumps(good())[:-1] + ', "sub": "root"}', key.sign), ''),
        ('claims that are no object', compose({'alg': key.alg}, '["sub"]', key.sign), ''),
        ('claims that are no JSON', compose({'alg': key.alg}, 'sub=alice', key.sign), ''),
    ]


def wrong_signatures(keys, strangers):
    hs, rs = keys['HS256'], keys['RS256']
    pem = rs.public()
    table = [
        ('changed claims', forged(hs), 'signature'),
        ('an empty signature', signed(rs).rpartition('.')[0] + '.', ''),
        ('a signature cut short', signed(rs)[:-4], 'signature'),
    ]
    for alg, key in keys.items():
        table.append((f'{alg}: one changed character', broken_signature(key), 'signature'))
        table.append((f'{alg} of a stranger', signed(strangers[alg]), 'signature'))
        other = next(k for a, k in keys.items() if a != alg)
        table.append((f'signed by {other.alg}, but called {alg}', signed(other, {'alg': alg}), 'signature'))
    for alg in ('none', 'None', 'NONE', 'nOnE', ''):
        table.append((f'alg {alg!r} without a signature', compose({'alg': alg}, good(), lambda _: b''), ''))
        table.append((f'alg {alg!r} with one', compose({'alg': alg}, good(), hs.sign), 'algorithm'))
    for alg in ('HS384', 'HS512', 'RS384', 'PS256', 'ES384', 'ES256K', 'hs256'):
        table.append((f'alg {alg}', compose({'alg': alg}, good(), rs.sign), 'algorithm'))
    # What everybody knows, the public key, as the secret of an HMAC.
    for name, secret in (('as it stands', pem), ('without its last line end', pem.rstrip(b'\n')),
                         ('without any line ends', pem.replace(b'\n', b''))):
        fake = keys['HS256'].__class__.__new__(keys['HS256'].__class__)
        fake.alg, fake.secret = 'HS256', secret
        table.append((f'key confusion: RS256 public key {name}', signed(fake), 'signature'))
        table.append((f'the same, with its kid: {name}', signed(fake, {'kid': rs.kid}), 'signature'))
    stranger = strangers['RS256']
    table += [
        ('a key that it brings itself', signed(stranger, {'jwk': stranger.jwk()}), 'signature'),
        ('the address of a key', signed(stranger, {'jku': 'http://127.0.0.1/jwks.json'}), 'signature'),
        ('a header that must be understood', signed(hs, {'crit': ['b64'], 'b64': False}), 'crit'),
        ('another type', signed(hs, {'typ': 'dpop+jwt'}), 'typ'),
    ]
    return table


def malformed(key):
    text = signed(key)
    head, payload, signature = text.split('.')
    return [
        ('one character', 'x', ''), ('no signature part', f'{head}.{payload}', ''),
        ('a fourth part', f'{text}.x', ''), ('five parts, as of an encrypted one', f'{text}.x.y', ''),
        ('only dots', '..', ''), ('an empty header', f'.{payload}.{signature}', ''),
        ('padding', f'{head}=.{payload}.{signature}', ''), ('the other alphabet', f'{head}.{payload}.+/{signature}', ''),
        ('a header that is no JSON', compose('alg=HS256', good(), key.sign), ''),
        ('a header without alg', compose({'typ': 'JWT'}, good(), key.sign), ''),
        ('a header with two', compose('{"alg":"HS256","alg":"none"}', good(), key.sign), ''),
        ('something behind it', f'{text}x', ''), ('4,097 characters', text + 'A' * (4097 - len(text)), '4096 bytes'),
    ]


def refusals(tap, keys, strangers):
    hs, es = keys['HS256'], keys['ES256']
    with Server(*auth_flags(*(k.flag() for k in keys.values()))) as server:
        table = wrong_claims(es) + wrong_signatures(keys, strangers) + malformed(hs)
        for name, text, said in table:
            with bearer(text)(server.port) as client:
                body = client.body()
                tap.ok(client.status == 401 and 'WWW-Authenticate: Bearer error="invalid_token"' in client.head and said in body,
                       f'401: {name}', f'{client.head}\n{body}')
            # The same through the address, where it fits.
            if len(text) < 1900:
                with in_query(text.replace('+', '%2B'))(server.port) as client:
                    tap.equal(client.status, 401, f'401 by ?token=: {name}')
        with Client(server.port, '/echo') as client:
            tap.ok(client.status == 401 and 'Send a token' in client.body() and
                   'error=' not in client.head and 'WWW-Authenticate: Bearer' in client.head, '401: no token', client.head)
        witness.tokens |= {text for _, text, _ in table}
        refused = server.metrics().sum('ringcast_tokens_refused_total')
        tap.ok(refused > len(table), 'refusals are counted', refused)
        for path in ('/echo?token=%00', '/echo?token=%zz', '/echo?token=', '/echo?token'):
            with Client(server.port, path) as client:
                tap.equal(client.status, 401, f'401: {path}')
        places(tap, server, hs)
        longest = padded(hs, 4096)
        with bearer(longest)(server.port) as client:
            tap.ok(client.status == 101 and echoes(client), '4,096 characters are accepted', client.head)
        now = int(time.time())
        for name, members in (('just expired', {'exp': now - 5}), ('valid in a moment', {'nbf': now + 5}),
                              ('for several, us among them', {'aud': ['a', AUDIENCE]})):
            with bearer(compose({'alg': 'HS256'}, good(**members), hs.sign))(server.port) as client:
                tap.equal(client.status, 101, f'{name}: accepted')
        witness.watch(server)


def places(tap, server, key):
    """A token in two places, or in none that counts."""
    text, other = signed(key), signed(key, sub='bob')
    witness.tokens |= {text, other}
    header, basic = f'Authorization: Bearer {text}\r\n', 'Authorization: Basic YWxpY2U6c2VjcmV0\r\n'
    table = [
        ('header and query', f'/echo?token={text}', header, 400),
        ('two headers', '/echo', header + header, 400),
        ('two of them in one header', '/echo', f'Authorization: Bearer {text}, Bearer {other}\r\n', 401),
        ('twice in the query', f'/echo?token={text}&token={other}', '', 400),
        ('another scheme', '/echo', basic, 401),
        ('another scheme and a query', f'/echo?token={text}', basic, 400),
        ('in another header', '/echo', f'X-Authorization: Bearer {text}\r\n', 401),
        ('in a cookie', '/echo', f'Cookie: token={text}\r\n', 401),
        ('no scheme', '/echo', f'Authorization: {text}\r\n', 401),
        ('by another name', f'/echo?access_token={text}', '', 401),
        ('a target that is too long', '/echo?token=' + 'A' * 3000, '', 414),
        ('a head that is too long', '/echo', f'Authorization: Bearer {"A" * 9000}\r\n', 431),
    ]
    for name, path, extra, status in table:
        with Client(server.port, path, extra=extra) as client:
            tap.equal(client.status, status, f'{name}: {status}')
    for scheme in ('bearer', 'BEARER'):
        with Client(server.port, '/echo', extra=f'Authorization: {scheme} {text}\r\n') as client:
            tap.equal(client.status, 101, f'the scheme in other letters: {scheme}')


def wrong_keys(tap, keys, folder):
    """What cannot be a key is refused at the start."""
    def file(name, content):
        path = os.path.join(folder, name)
        with open(path, 'wb') as out:
            out.write(content)
        return path
    with open(keys['RS256'].private, 'rb') as private:
        private_key = private.read()
    public = keys['RS256'].public()
    body = b''.join(public.splitlines()[1:-1])
    marked = 'hs256:FILE'  # what is said of everything that might have been meant as a secret
    table = [
        ('no file', '', 'auth_keys'), ('a missing file', '/nonexistent.key', '/nonexistent.key'),
        ('a missing secret', 'hs256:/nonexistent.key', 'cannot read /nonexistent.key'),
        ('an empty file', file('empty', b''), 'empty'),
        ('a short secret', f"hs256:{file('short', b'secret' + bytes([10]))}", '32 bytes'),
        ('a private key', file('private', private_key), 'private'),
        ('half a PEM', file('half', public[:80]), 'END'),
        ('a JWKS without keys', file('none.json', b'{"keys": []}'), 'JWKS'),
        ('a public key, called a secret', f"hs256:{file('dressed', b'key: ' + public)}", 'let everybody sign'),
        ('a secret that is not called one', keys['HS256'].file, marked),
        ('a public key in DER', file('public.der', base64.b64decode(body)), marked),
        ('a public key in UTF-16', file('utf16.pem', public.decode().encode('utf-16')), marked),
        ('a public key of ssh', file('ssh.pub', b'ssh-ed25519 ' + body + b' alice@example.org\n'), marked),
        ('the base64 of a PEM alone', file('bare', body), marked),
        ('the page of an error', file('404.html', b'<!DOCTYPE html><title>404 Not Found</title>' + b' ' * 40), marked),
    ]
    for name, path, said in table:
        done = subprocess.run([sys.argv[1], '--check-config', '--auth', 'required', '--auth-keys', path], text=True,
                              capture_output=True, timeout=PATIENCE_S, check=False)
        tap.ok(done.returncode == 2 and said in done.stderr and done.stderr.count('\n') == 1,
               f'{name} is no key: one line, exit code 2', done.stderr)


# --- What a token opens, and for how long

def rooms(tap, key):
    both = {'read': ['news', 'team-*', 'caf\u00e9'], 'write': ['team-*', 'drop']}
    table = [  # rooms, room, may read, may write
        (None, 'anything', True, True), (['*'], 'anything', True, True), ([], 'news', False, False),
        (['news'], 'news', True, True), (['news'], 'new', False, False), (['news'], 'newsx', False, False),
        (['team-*'], 'team-a', True, True), (['team-*'], 'team-', True, True), (['team-*'], 'team', False, False),
        (['TEAM-*'], 'team-a', False, False), (['a*b'], 'axb', False, False), (['a*b'], 'a*b', True, True),
        (both, 'news', True, False), (both, 'team-a', True, True), (both, 'other', False, False),
        (both, 'drop', False, True), (both, 'caf%C3%A9', True, False), (both, '%6eews', True, False),
        ({'read': ['*']}, 'news', True, False), ({'write': ['*']}, 'news', False, True), ({}, 'news', False, False),
    ]
    with Server(*auth_flags(key.flag()), threads=2) as server:
        refused = closed = 0
        for allowed, room, read, write in table:
            name = f'rooms={json.dumps(allowed)}, {room}'
            with bearer(signed(key), f'/room/{room}')(server.port) as member, \
                    bearer(signed(key, rooms=allowed), f'/room/{room}')(server.port) as client:
                tap.equal(client.status, 101 if read else 403, f'{name}: {"let in" if read else "403"}')
                refused += not read
                if client.status != 101:
                    continue
                member.send(TEXT, b'read this')
                tap.equal(client.receive(), (TEXT, b'read this'), f'{name}: it reads')
                member.receive()
                client.send(TEXT, b'written')
                if write:
                    tap.equal(member.receive(), (TEXT, b'written'), f'{name}: it writes')
                    continue
                closed += 1
                tap.equal(client.receive_close(), 1008, f'{name}: close 1008 when it writes')
                member.send(TEXT, b'next')
                tap.equal(member.receive(), (TEXT, b'next'), f'{name}: and nobody gets that')
        with bearer(signed(key, rooms=[]))(server.port) as client:
            tap.ok(client.status == 101 and echoes(client), 'rooms=[]: /echo is no room')
        with bearer(signed(key, rooms={'read': ['news']}), '/room/news')(server.port) as client:
            client.socket.sendall(frame(TEXT, b'in pi', fin=False) + frame(0, b'eces'))
            tap.equal(client.receive_close(), 1008, 'close 1008 for a message in pieces, too')
            closed += 1
        tap.equal(server.metrics().sum('ringcast_rooms_refused_total'), refused, 'rooms that were not opened are counted')
        tap.ok(wait_for(lambda: server.metrics().sum('ringcast_closes_total', reason='not_writable') == closed),
               'and writes that were refused')
        witness.watch(server)


def until_the_end(tap, key):
    """The connection ends with its token, whatever it does meanwhile; others go on."""
    with Server(*auth_flags(key.flag()), '--auth-leeway', '1s', threads=2) as server:
        end = int(time.time()) + 2
        text = signed(key, exp=end)
        clients = [bearer(text, path)(server.port) for path in ('/echo', '/room/a', '/room/a') * 2]
        lasting = bearer(signed(key), '/room/a')(server.port)
        tap.equal({c.status for c in clients}, {101}, 'six connections with a token of two seconds')
        payloads = set()
        for client in clients:
            while True:
                opcode, payload = client.receive()
                if opcode in (CLOSE, None):
                    payloads.add(payload)
                    break
        took = time.time() - end
        tap.equal(payloads, {struct.pack('>H', 1008) + b'the token or certificate has expired'}, 'close 1008 for all of them')
        tap.ok(0.9 <= took < PATIENCE_S, 'not before the leeway has passed', took)
        with bearer(text)(server.port) as client:
            tap.equal(client.status, 401, 'and it does not come in again')
        lasting.send(TEXT, b'still here')
        tap.equal(lasting.receive(), (TEXT, b'still here'), 'whose token lasts stays')
        for client in clients + [lasting]:
            client.close()
        tap.ok(wait_for(lambda: server.metrics().sum('ringcast_closes_total', reason='token_expired') == 6),
               'the ends are counted')
        witness.watch(server)


def change_of_keys(tap, folder):
    """SIGHUP: new handshakes are judged by the new keys and rules, open connections stay."""
    old, new = keys_of_all_kinds(folder, 'old-')['HS256'], keys_of_all_kinds(folder, 'new-')['EdDSA']
    live, settings = os.path.join(folder, 'live.key'), os.path.join(folder, 'live.ini')

    def install(content):
        with open(live, 'wb') as file:
            file.write(content)

    def configure(text):
        with open(settings, 'w', encoding='ascii') as file:
            file.write(text)

    def reload(server, said):
        before = len(server.output())
        server.signal(signal.SIGHUP)
        return wait_for(lambda: said in server.output()[before:])

    def set_of(key):
        return json.dumps({'keys': [key.jwk()]}).encode()
    install(set_of(old))
    configure(f'auth = required\nauth_keys = {live}\n')
    with Server('--config', settings, '--log-level', 'debug') as server:
        def status(key):
            with bearer(token(key))(server.port) as client:
                return client.status
        stays = [bearer(token(old), '/room/stay')(server.port) for _ in range(8)]
        tap.equal([status(old), status(new)], [101, 401], 'before: the old key is good, the new one is not')
        install(set_of(new))
        tap.ok(reload(server, 'keys read again'), 'SIGHUP reads the keys again')
        tap.ok(wait_for(lambda: [status(old) for _ in range(4)] + [status(new) for _ in range(4)] ==
                        [401] * 4 + [101] * 4), 'after: the other way round')
        install(b'-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----\n')
        tap.ok(reload(server, 'not reloaded, the old one stays'), 'a bad key file is told')
        tap.equal([status(old), status(new)], [401, 101], 'and the keys of before stay')
        os.remove(live)
        tap.ok(reload(server, f'cannot read {live}'), 'so is a missing one')
        tap.equal([status(old), status(new)], [401, 101], 'with the same result')
        configure('auth = off\n')
        tap.ok(reload(server, 'configuration reloaded'), 'auth may change')
        tap.ok(wait_for(lambda: Client(server.port, '/echo').status == 101), 'off: everybody is let in')
        configure('auth = off\norigins = https://good.example\n')
        tap.ok(reload(server, 'configuration reloaded'), 'origins may change')
        tap.ok(wait_for(lambda: Client(server.port, '/echo', extra='Origin: https://evil.example\r\n').status == 403),
               'another origin: 403')
        stays[0].send(TEXT, b'still here')
        tap.equal({c.receive() for c in stays}, {(TEXT, b'still here')}, 'who was in stayed through all of it')
        for client in stays:
            client.close()
        witness.watch(server)


# --- Certificates in place of tokens

def certificates_count(tap, key, folder):
    certificates = Certificates(os.path.join(folder, 'certificates'))
    flags = ['--tls-client-auth', 'optional', '--tls-client-ca', certificates.path('ca.pem')]
    with TlsServer(certificates, *auth_flags(key.flag()), *flags) as server:
        named, nameless = context_of(certificates), context_of(certificates)
        named.load_cert_chain(certificates.path('client.pem'), certificates.path('client.key'))
        bad, limited = signed(key)[:-8] + 'AAAAAAAA', signed(key, rooms=['only'])
        witness.tokens |= {bad, limited}
        table = [
            ('a certificate', named, '/room/any', 101), ('neither', nameless, '/room/any', 401),
            ('both, with a bad token', named, f'/room/any?token={bad}', 401),
            ('both: the token says which rooms', named, f'/room/any?token={limited}', 403),
            ('both: the room of the token', named, f'/room/only?token={limited}', 101),
            ('only a token', nameless, f'/room/only?token={limited}', 101),
        ]
        for name, context, path, status in table:
            client = TlsClient(server.tls_port, path, context)
            tap.equal(client.status, status, f'{name}: {status}')
            client.close()
        with Client(server.port, '/echo') as plain:
            tap.equal(plain.status, 401, 'the address without TLS asks for a token')
        tap.equal(server.metrics().sum('ringcast_tokens_accepted_total'), 4, 'certificates count as tokens')
        witness.watch(server)
    with TlsServer(certificates, '--tls-client-auth', 'required', *flags[2:], *auth_flags(key.flag())) as server:
        client = TlsClient(server.tls_port, '/echo', named)
        tap.equal(client.status, 101, 'required certificates: no token is needed')
        client.close()


def certificate_ends(tap, key, folder):
    """The connection ends with the client's certificate, also where a token would last longer."""
    end = int(time.time()) + 6  # handshakes of four clients, on a slow machine
    stamp = time.strftime('%Y%m%d%H%M%SZ', time.gmtime(end))
    certificates = Certificates(os.path.join(folder, 'ending'), CLIENT_ENDS=stamp)
    flags = ['--tls-client-auth', 'optional', '--tls-client-ca', certificates.path('ca.pem'), '--auth-leeway', '1s']
    with TlsServer(certificates, *auth_flags(key.flag()), *flags, threads=2) as server:
        ends, lasts = context_of(certificates), context_of(certificates)
        ends.load_cert_chain(certificates.path('client-ends.pem'), certificates.path('client-ends.key'))
        lasts.load_cert_chain(certificates.path('client.pem'), certificates.path('client.key'))
        text = signed(key)
        witness.tokens.add(text)
        clients = [TlsClient(server.tls_port, path, ends) for path in ('/room/a', f'/room/a?token={text}')]
        lasting = [TlsClient(server.tls_port, path, lasts) for path in ('/room/a', f'/room/a?token={text}')]
        tap.equal([c.status for c in clients + lasting], [101] * 4, 'certificates, without and with a token')
        tap.equal({c.receive() for c in clients},
                  {(CLOSE, struct.pack('>H', 1008) + b'the token or certificate has expired')},
                  'close 1008 when the certificate has ended')
        tap.ok(time.time() > end + 0.9, 'and not before, with the leeway')
        lasting[0].send(TEXT, b'still here')
        tap.equal({c.receive() for c in lasting}, {(TEXT, b'still here')}, 'whose certificate lasts stays')
        for client in clients + lasting:
            client.close()
        witness.watch(server)


# --- Web pages

def origins(tap, certificates):
    flags = ['--origins', 'https://good.example, https://*.good.example:444, http://[::1]:3000, same']
    table = [
        ('https://good.example', 101), ('HTTPS://GOOD.EXAMPLE', 101), ('https://good.example:443', 403),
        ('http://good.example', 403), ('https://good.example.evil.example', 403), ('https://evilgood.example', 403),
        ('https://a.good.example', 403), ('https://a.good.example:444', 101), ('https://a.b.good.example:444', 101),
        ('https://good.example:444', 403), ('https://.good.example:444', 403), ('http://[::1]:3000', 101),
        ('http://localhost', 101), ('https://localhost', 101), ('http://localhost:81', 403), ('null', 403),
        ('file://', 403), ('https://evil.example https://good.example', 403), (None, 101),
    ]
    with Server(*flags) as server:
        for origin, status in table:
            with Client(server.port, '/echo', extra=f'Origin: {origin}\r\n' if origin else '') as client:
                tap.equal(client.status, status, f'Origin: {origin}: {status}')
        with Client(server.port, '/echo', extra='Origin: https://good.example\r\n' * 2) as client:
            tap.ok(client.status in (400, 403), 'two origins', client.status)
        refused = sum(status == 403 for _, status in table)
        counted = server.metrics().sum('ringcast_origins_refused_total')
        tap.ok(refused <= counted <= refused + 1, 'refused origins are counted', counted)
    with Server('--origins', 'null') as server:
        with Client(server.port, '/echo', extra='Origin: null\r\n') as client:
            tap.equal(client.status, 101, 'null, where it is allowed')
    with TlsServer(certificates, '--origins', 'same') as server:
        for scheme, over_tls in (('https', 101), ('http', 403)):
            extra = f'Origin: {scheme}://localhost\r\n'
            client = TlsClient(server.tls_port, '/echo', context_of(certificates), extra=extra)
            tap.equal(client.status, over_tls, f'same, over TLS: a page of {scheme}')
            client.close()
            with Client(server.port, '/echo', extra=extra) as client:
                tap.equal(client.status, 101, f'same, without TLS: a page of {scheme}')


CONNECT = """
window.result = null
const socket = new WebSocket(arguments[0])
socket.onopen = () => socket.send('hello')
socket.onmessage = () => { window.result = 'in'; socket.close() }
socket.onerror = () => { window.result ||= 'refused' }
"""


class Elsewhere(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Type', 'text/html')
        self.end_headers()
        self.wfile.write(b'<!doctype html><title>elsewhere</title>')

    def log_message(self, *_):
        pass


def pages(tap, key):
    """Real pages in a real browser: of this server, and of another one."""
    other = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Elsewhere)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    elsewhere = f'http://127.0.0.1:{other.server_port}'
    try:
        with Browser() as browser:
            def result(server, page, path='/echo'):
                browser.go(page)
                browser.run(CONNECT, f'ws://127.0.0.1:{server.port}{path}')
                return browser.wait_run('return window.result')
            with Server('--origins', 'same') as server:
                own = f'http://127.0.0.1:{server.port}/'
                tap.equal([result(server, own), result(server, elsewhere)], ['in', 'refused'],
                          'Chromium, origins=same: only from a page of this server')
                tap.equal(server.metrics().sum('ringcast_origins_refused_total'), 1, 'the other one is counted')
            with Server('--origins', elsewhere) as server:
                own = f'http://127.0.0.1:{server.port}/'
                tap.equal([result(server, own), result(server, elsewhere)], ['refused', 'in'],
                          'Chromium, the other page in the list: only from there')
            with Server(*auth_flags(key.flag())) as server:
                text = signed(key)
                witness.tokens.add(text)
                own = f'http://127.0.0.1:{server.port}/'
                tap.equal([result(server, own, f'/echo?token={text}'), result(server, own)], ['in', 'refused'],
                          'Chromium: a token in the address')
                witness.watch(server)
    finally:
        other.shutdown()


# --- Limits

def connections_of_an_address(tap):
    with Server('--address-connections', 3, threads=2) as server:
        clients = [Client(server.port, '/echo', source='127.0.0.5') for _ in range(3)]
        tap.equal([c.status for c in clients], [101] * 3, 'address_connections=3: three are let in')
        more = [Client(server.port, '/echo', source='127.0.0.5') for _ in range(POLITE)]
        tap.ok(all(c.status == 429 and 'Retry-After: 1' in c.head and 'too many connections' in c.body() for c in more),
               f'the next {POLITE}: 429, and why', [c.head for c in more])
        beyond = [Client(server.port, '/echo', source='127.0.0.5') for _ in range(5)]
        tap.equal([c.status for c in beyond], [None] * 5, 'who comes then is not worth a word')
        with Client(server.port, '/echo', source='127.0.0.6') as other:
            tap.ok(other.status == 101 and echoes(other), 'another address is')
        tap.ok(all(echoes(c) for c in clients), 'who is in stays')
        metrics = server.metrics()
        tap.equal([metrics.sum('ringcast_address_refusals_total'), metrics.sum('ringcast_http_errors_total'),
                   metrics.sum('ringcast_closes_total', reason='address_limit')], [POLITE + 5, POLITE, 5],
                  'refusals are counted')
        for client in more + beyond + clients[:1]:
            client.close()

        def enters():
            with Client(server.port, '/echo', source='127.0.0.5') as client:
                return client.status == 101
        tap.ok(wait_for(enters), 'when one leaves, another may come')
        with Client(server.port, '/healthz', source='127.0.0.5') as page:
            tap.ok(page.status in (426, 429, 404), 'pages count as well', page.status)
        for client in clients:
            client.close()


def new_connections_of_an_address(tap, certificates):
    rate = 5

    def burst(connect):
        begun, count = time.monotonic(), 0
        while connect():
            count += 1
        return count, time.monotonic() - begun
    with TlsServer(certificates, '--address-rate', rate, threads=2) as server:
        def plain(source='127.0.0.5'):
            with Client(server.port, '/echo', source=source) as client:
                if client.status == 429:
                    texts.append(client.body())
                return client.status == 101

        def secure():
            raw = socket.create_connection(('127.0.0.1', server.tls_port), PATIENCE_S, ('127.0.0.8', 0))
            try:
                context_of(certificates).wrap_socket(raw, server_hostname='localhost').close()
                return True
            except (OSError, ssl.SSLError):
                raw.close()
                return False
        texts = []
        count, took = burst(plain)
        tap.ok(2 * rate <= count <= 2 * rate + rate * took + 1, f'address_rate={rate}: a burst of two seconds', count)
        tap.ok(texts and 'too many new connections' in texts[0], 'then 429, and why', texts)
        tap.ok(plain('127.0.0.6'), 'another address is let in')
        tap.ok(wait_for(plain, pause_s=0.3), 'and so is the first one, some time later')
        count, took = burst(secure)
        tap.ok(2 * rate <= count <= 2 * rate + rate * took + 1, 'with TLS: the same burst', count)
        closed = server.metrics().sum('ringcast_closes_total', reason='address_limit')
        tap.ok(closed >= 1, 'then no handshake is made for it', closed)


def rates_of_a_connection(tap):
    def flood(server, opcode, payload, path='/echo'):
        """How many of 500 came back before the end, its code, and how long that took."""
        with Client(server.port, path) as client:
            begun, count = time.monotonic(), 0
            try:
                client.socket.sendall(frame(opcode, payload) * 500)
            except ConnectionError:
                pass
            while True:
                got, data = client.receive()
                if got in (CLOSE, None):
                    return count, data, time.monotonic() - begun
                count += 1
    too_many = struct.pack('>H', 1008) + b'too many messages or bytes per second'
    with Server('--message-rate', 20, threads=1) as server:
        for opcode, name in ((TEXT, 'messages'), (PING, 'pings')):
            count, data, took = flood(server, opcode, b'x')
            tap.ok(40 <= count <= 42 + 20 * took and data == too_many, f'message_rate: 500 {name} are too many',
                   (count, data, took))
        with Client(server.port, '/echo') as client:
            tap.ok(all(echoes(client) or time.sleep(0.02) for _ in range(30)), 'who stays below is served')
        tap.equal(server.metrics().sum('ringcast_rates_exceeded_total'), 2, 'who was too fast is counted')
        tap.ok(wait_for(lambda: server.metrics().sum('ringcast_closes_total', reason='rate') == 2), 'by reason, too')
    with Server('--byte-rate', '10k', threads=1) as server:
        count, data, took = flood(server, TEXT, b'x' * 1000)
        tap.ok(20 <= count <= 23 + 10 * took and data == too_many, 'byte_rate: 500 kB are too many', (count, data, took))
        with Client(server.port, '/echo') as client:
            client.send(TEXT, b'x' * 200000)
            tap.equal(client.receive(), (TEXT, b'x' * 200000), 'byte_rate: one large message at once is not')
            client.send(TEXT, b'x' * 20000)
            tap.equal(client.receive_close(), 1008, 'byte_rate: but another one right behind it is')
        tap.equal(server.metrics().sum('ringcast_rates_exceeded_total'), 2, 'who was too fast is counted')


def rates_of_fragments(tap):
    """Frames within a message are not for nothing: neither empty ones nor small ones."""
    begin, empty = frame(TEXT, b'x', fin=False), frame(CONTINUATION, fin=False)

    def ends_with(server, sent):
        with Client(server.port, '/echo') as client:
            try:
                client.socket.sendall(sent)
            except ConnectionError:
                pass
            return client.receive_close()

    with Server('--message-rate', 20, threads=1) as server:
        tap.equal(ends_with(server, begin + empty * 1000), 1008, 'message_rate: 1000 empty fragments are too many')
        tap.equal(ends_with(server, begin + frame(CONTINUATION, b'y' * 100, fin=False) * 1000), 1008,
                  'message_rate: small ones, too')
        with Client(server.port, '/echo') as client:
            large = [b'z' * 1024] * 100
            client.socket.sendall(begin + b''.join(frame(CONTINUATION, p, fin=False) for p in large) + frame(CONTINUATION))
            tap.equal(client.receive(), (TEXT, b'x' + b''.join(large)), 'message_rate: large ones are no messages')
        tap.equal(server.metrics().sum('ringcast_rates_exceeded_total'), 2, 'who was too fast is counted')
    with Server('--byte-rate', '10k', '--max-message-bytes', '60k', threads=1) as server:
        tap.equal(ends_with(server, begin + empty * 20000), 1008, 'byte_rate: headers are bytes')
        with Client(server.port, '/echo') as client:
            client.socket.sendall(frame(TEXT, b'x' * 30000, fin=False) + frame(CONTINUATION, b'y' * 29000, fin=False) +
                                  frame(CONTINUATION))
            tap.equal(client.receive(), (TEXT, b'x' * 30000 + b'y' * 29000), 'byte_rate: but not of a large message')
    with Server('--max-message-bytes', '60k', threads=1) as server:
        tap.equal(ends_with(server, begin + empty * 62000), 1009, 'without limits: empty fragments make a message longer')


def a_crowd_of_tokens(tap, key, folder):
    """What arrives while the server sleeps is verified by turns, first come, first served: other clients go on."""
    strangers = keys_of_all_kinds(folder, 'crowd-')
    with Server(*auth_flags(key.file, strangers['ES256'].file), threads=1) as server:
        good_one, bad_one = signed(key), signed(strangers['ES256'])[:-8] + 'AAAAAAAA'
        witness.tokens.update((good_one, bad_one))

        def request(text, path):
            return upgrade_request(path, extra=f'Authorization: Bearer {text}\r\n')
        with bearer(signed(key), path='/room/order')(server.port) as observer:
            crowd = [socket.create_connection(('127.0.0.1', server.port)) for _ in range(100)]
            server.status('/')  # all of them are accepted
            server.signal(signal.SIGSTOP)
            for i, connection in enumerate(crowd):
                # Every third one has no good token, every seventh does not wait for the answer.
                connection.sendall(request(bad_one if i % 3 == 0 else good_one, '/room/order') + frame(TEXT, f'{i}'))
                if i % 7 == 0:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                    connection.close()
            server.signal(signal.SIGCONT)
            expected, heard = [i for i in range(100) if i % 3 and i % 7], []
            while len([i for i in heard if i % 7]) < len(expected):
                heard.append(int(observer.receive()[1]))
            tap.equal([i for i in heard if i % 7], expected, 'tokens are verified in the order in which they came')
            refused = [connection.recv(12) for i, connection in enumerate(crowd) if i % 3 == 0 and i % 7]
            tap.equal(set(refused), {b'HTTP/1.1 401'}, 'bad ones are refused')
            metrics = server.metrics()
            tap.ok(metrics.sum('ringcast_tokens_deferred_total') >= 80, 'most of them had to wait',
                   metrics.sum('ringcast_tokens_deferred_total'))
            for connection in crowd:
                connection.close()
        tap.ok(wait_for(lambda: server.metrics().sum('ringcast_connections') <= 1), 'nobody is left')
        witness.watch(server)


def tokens_that_wait_too_long(tap, folder):
    """Whose turn does not come within handshake_timeout is told to come back."""
    keys = [keys_of_all_kinds(folder, f'wait-{i}-') for i in range(4)]
    text = compose({'alg': 'ES256'}, good(), lambda _: os.urandom(64))  # tried with each of the keys
    witness.tokens.add(text)
    request = upgrade_request('/echo', extra=f'Authorization: Bearer {text}\r\n')
    with Server(*auth_flags(*(k['ES256'].file for k in keys)), '--handshake-timeout', '50ms', threads=1) as server:
        server.signal(signal.SIGSTOP)
        crowd = [socket.create_connection(('127.0.0.1', server.port)) for _ in range(600)]
        for connection in crowd:
            connection.sendall(request)
        server.signal(signal.SIGCONT)
        def answer(connection):
            try:
                return connection.recv(12)
            except ConnectionResetError:
                return b'HTTP/1.1 408'  # on a slow machine: accepted, but not one byte read in time
        answers = [answer(connection) for connection in crowd]
        tap.ok(b'HTTP/1.1 503' in answers and b'HTTP/1.1 401' in answers and
               set(answers) <= {b'HTTP/1.1 401', b'HTTP/1.1 408', b'HTTP/1.1 503'},
               'who has waited for too long gets 503', set(answers))
        for connection in crowd:
            connection.close()
        tap.ok(wait_for(lambda: server.metrics().sum('ringcast_connections') <= 1), 'nobody is left')
        witness.watch(server)


def limits_behind_a_balancer(tap):
    """PROXY headers by hand: it is the client that is counted, not the balancer."""
    port, proxy_port = free_port(), free_port()

    def v1(address):
        return f'PROXY TCP4 {address} 192.0.2.200 1234 80\r\n'.encode()

    def v2(address):
        return b'\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c' + socket.inet_aton(address) + \
            socket.inet_aton('192.0.2.200') + struct.pack('>HH', 1234, 80)
    local = b'\r\n\r\n\0\r\nQUIT\n\x20\0\0\0'
    with Server('--listen', f'127.0.0.1:{port}, 127.0.0.1:{proxy_port} proxy', '--address-connections', 3,
                '--log-level', 'debug', port=port) as server:
        clients = [Client(proxy_port, '/echo', prefix=header(f'198.51.100.{i}'))
                   for i in (1, 2, 3) for header in (v1, v2, v1)]
        tap.equal({c.status for c in clients}, {101}, 'three connections each of three clients behind one balancer')
        fourth = Client(proxy_port, '/echo', prefix=v2('198.51.100.2'))
        tap.equal(fourth.status, 429, 'a fourth one of one of them: 429')
        tap.ok('client=198.51.100.2:1234' in server.output(), 'the log says who it was', server.output()[-500:])
        checks = [Client(proxy_port, '/echo', prefix=local) for _ in range(6)]
        tap.equal({c.status for c in checks}, {101}, "the balancer's own connections are not counted")
        unknown = [Client(proxy_port, '/echo', prefix=prefix) for prefix in
                   (b'PROXY UNKNOWN\r\n', b'\r\n\r\n\0\r\nQUIT\n\x21\0\0\0', b'PROXY UNKNOWN\r\n', b'PROXY UNKNOWN\r\n')]
        tap.equal([c.status for c in unknown], [101] * 3 + [429], 'all that it has no address of count as one client')
        with socket.create_connection(('127.0.0.1', proxy_port)) as check:
            check.sendall(b'PROXY UNKNOWN\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
            tap.equal(check.recv(12), b'HTTP/1.1 200', 'but pages are served: it may be a health check')
        direct = [Client(port, '/echo', source='127.0.0.9') for _ in range(4)]
        tap.equal([c.status for c in direct], [101] * 3 + [429], 'who comes without one is counted by its own')
        for client in clients + [fourth] + checks + unknown + direct:
            client.close()

        def enters():
            with Client(proxy_port, '/echo', prefix=v1('198.51.100.2')) as client:
                return client.status == 101
        tap.ok(wait_for(enters), 'when one leaves, another may come')


def main():
    need('openssl')
    with Tap() as tap, tempfile.TemporaryDirectory() as folder:
        keys, strangers = keys_of_all_kinds(folder), keys_of_all_kinds(folder, 'stranger-')
        witness.secrets |= {k['HS256'].secret.decode() for k in (keys, strangers)}
        every_kind(tap, keys, folder)
        switches(tap, keys)
        refusals(tap, keys, strangers)
        wrong_keys(tap, keys, folder)
        rooms(tap, keys['HS256'])
        until_the_end(tap, keys['ES256'])
        change_of_keys(tap, folder)
        certificates_count(tap, keys['RS256'], folder)
        certificate_ends(tap, keys['RS256'], folder)
        origins(tap, Certificates(os.path.join(folder, 'certificates')))
        pages(tap, keys['HS256'])
        connections_of_an_address(tap)
        new_connections_of_an_address(tap, Certificates(os.path.join(folder, 'more-certificates')))
        rates_of_a_connection(tap)
        rates_of_fragments(tap)
        limits_behind_a_balancer(tap)
        a_crowd_of_tokens(tap, keys['ES256'], folder)
        tokens_that_wait_too_long(tap, folder)
        tap.ok(len(witness.tokens) > 100 and len(''.join(witness.outputs)) > 5000, 'there was enough to look through',
               (len(witness.tokens), len(''.join(witness.outputs))))
        tap.equal(witness.leaks(), [], f'no part of {len(witness.tokens)} tokens is in the logs')


if __name__ == '__main__':
    sys.exit(main())

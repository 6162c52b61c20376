# SPDX-License-Identifier: MIT
"""JSON Web Tokens made by openssl and the standard library: keys of all four kinds, and their files."""

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import tempfile
import time

ALGORITHMS = {'HS256': None, 'RS256': ['RSA', 'rsa_keygen_bits:2048'], 'ES256': ['EC', 'ec_paramgen_curve:P-256'],
              'EdDSA': ['ED25519']}


def base64url(data):
    if isinstance(data, str):
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def openssl(*arguments, send=b''):
    return subprocess.run(['openssl', *arguments], input=send, capture_output=True, check=True).stdout


def integers_of(signature):
    """r and s, 32 bytes each, of an ECDSA signature in DER."""
    numbers, at = b'', 2
    for _ in range(2):
        end = at + 2 + signature[at + 1]
        numbers += signature[at + 2:end].lstrip(b'\0').rjust(32, b'\0')
        at = end
    return numbers


class Key:
    """One key that signs. `file` is what the server verifies with: a secret or a public key in PEM."""

    def __init__(self, folder, name, alg, kid=None):
        self.alg, self.kid = alg, kid
        self.file = os.path.join(folder, name)
        if alg == 'HS256':
            self.secret = base64url(os.urandom(32)).encode()
            self.write(self.secret + b'\n')
            return
        self.private = self.file + '.private'
        kind, *options = ALGORITHMS[alg]
        openssl('genpkey', '-algorithm', kind, *(('-pkeyopt', *options) if options else ()), '-out', self.private)
        self.write(openssl('pkey', '-in', self.private, '-pubout'))

    def write(self, content):
        with open(self.file, 'wb') as file:
            file.write(content)

    def flag(self):
        """As an item of auth_keys."""
        return ('hs256:' if self.alg == 'HS256' else '') + self.file

    def public(self):
        with open(self.file, 'rb') as file:
            return file.read()

    def sign(self, message):
        if self.alg == 'HS256':
            return hmac.digest(self.secret, message, hashlib.sha256)
        if self.alg == 'RS256':
            return openssl('dgst', '-sha256', '-sign', self.private, send=message)
        if self.alg == 'ES256':
            return integers_of(openssl('dgst', '-sha256', '-sign', self.private, send=message))
        with tempfile.NamedTemporaryFile() as file:  # Ed25519 needs to know the length beforehand
            file.write(message)
            file.flush()
            return openssl('pkeyutl', '-sign', '-rawin', '-inkey', self.private, '-in', file.name)

    def jwk(self):
        """As a member of a JWKS."""
        members = {'alg': self.alg} | ({'kid': self.kid} if self.kid else {})
        if self.alg == 'HS256':
            return members | {'kty': 'oct', 'k': base64url(self.secret)}
        der = openssl('pkey', '-in', self.private, '-pubout', '-outform', 'DER')
        if self.alg == 'ES256':  # the point is what the DER ends with
            return members | {'kty': 'EC', 'crv': 'P-256', 'x': base64url(der[-64:-32]), 'y': base64url(der[-32:])}
        if self.alg == 'EdDSA':
            return members | {'kty': 'OKP', 'crv': 'Ed25519', 'x': base64url(der[-32:])}
        modulus = openssl('rsa', '-pubin', '-in', self.file, '-modulus', '-noout').decode()
        return members | {'kty': 'RSA', 'e': 'AQAB', 'use': 'sig',
                          'n': base64url(bytes.fromhex(re.search('=([0-9A-F]+)', modulus).group(1)))}


def keys_of_all_kinds(folder, prefix=''):
    return {alg: Key(folder, f'{prefix}{alg}.key', alg, kid=f'{prefix}{alg}') for alg in ALGORITHMS}


def compose(header, payload, sign):
    """A token of these parts (dict, or text as it stands) with the signature that sign(message) gives."""
    parts = [base64url(p if isinstance(p, (str, bytes)) else json.dumps(p)) for p in (header, payload)]
    message = '.'.join(parts)
    return f'{message}.{base64url(sign(message.encode()))}'


def claims(**members):
    """Good ones for ten minutes; a member that is None is left out."""
    all_of_them = {'sub': 'alice', 'exp': int(time.time()) + 600} | members
    return {k: v for k, v in all_of_them.items() if v is not None}


def token(key, header=None, **members):
    return compose({'alg': key.alg, 'typ': 'JWT'} | (header or {}), claims(**members), key.sign)

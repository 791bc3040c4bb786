#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prefix truncation (CVE-2023-48795): somebody on the path inserts packets into the handshake and drops the
first sealed ones.

Under strict key exchange the connection ends, and says why. Without it nobody can notice, so that the
warning at -v is all there is; that the attack does work then shows that this test can fail.
"""

import struct
import sys

import trees
from client import Client
from mitm import DOWN, KEXINIT, NEWKEYS, UP, Mitm
from peers import AsyncSsh, Paramiko
from suite import Skip, check, ended, main, succeeded

CHACHA = 'chacha20-poly1305@openssh.com'
IGNORE = b'\2' + struct.pack('>I', 0)
DEBUG = b'\4\0' + struct.pack('>II', 0, 0)
UNIMPLEMENTED = b'\3' + struct.pack('>I', 0)
UNKNOWN = b'\xc0'
KEX_REPLY, KEX_INIT = 31, 30
WARNING = b'CVE-2023-48795'
# The numbers above are those of this method.
CURVE = ['-o', 'KexAlgorithms=curve25519-sha256,curve25519-sha256@libssh.org']
started = {}


def copy(world, server, *options, insert=None, drop=None):
    """Copy a file through somebody on the path: (the result, him, whether the file arrived)."""
    source, there = world.path(b'source'), world.path(b'there')
    trees.make_file(source, 1000)
    with Mitm(server.port, insert=insert, drop=drop) as mitm:
        client = Client(world.hawser, world.fresh('user'), server, mitm.port)
        result = client.cp('-v', *CURVE, *options, source, client.remote(there), timeout=20)
    return result, mitm


def lenient(world, kind, **traits):
    reason = kind.missing()
    if reason:
        raise Skip(reason)
    name = (kind.NAME, *traits.items())
    if name not in started:
        started[name] = kind(world, **traits)
    return started[name]


def nothing_is_done(world):
    """Through the same relay, without interference: it works, and there is nothing to warn of."""
    for cipher in (CHACHA, 'aes128-gcm@openssh.com'):
        result, mitm = copy(world, world.server, '-c', cipher)
        succeeded(result)
        check(WARNING not in result.err and b', strict' in result.err, f'{result}')
        check(mitm.insertions == 0 and mitm.dropped == 0, 'interference')


def insertion(world, direction, number, payload):
    result, mitm = copy(world, world.server, '-c', CHACHA, insert={(direction, number): payload})
    check(mitm.insertions == 1, f'nothing was inserted: {result}')
    ended(result, 255)
    if direction == DOWN:
        reason = b'"first key exchange"' if payload == UNKNOWN and number != KEXINIT else b'strict'
        check(reason in result.err, f'the reason is missing: {result}')
    check(result.err.splitlines()[-1].startswith(b'hawser: 127.0.0.1: '), f'{result}')


def truncation(world, direction, cipher):
    """Nothing inserted, the first sealed packets dropped. A server that waits for what is gone ends the login."""
    server = world.new_server(options=['LoginGraceTime 3'])
    result, mitm = copy(world, server, '-c', cipher, drop=direction)
    check(mitm.dropped > 0, f'nothing was dropped: {result}')
    ended(result, 255)
    check(result.err.splitlines()[-1].startswith(b'hawser: 127.0.0.1: '), f'{result}')


def whole_attack(world, cipher):
    """As many inserted as dropped: refused where it begins."""
    result, mitm = copy(world, world.server, '-c', cipher, insert={(DOWN, NEWKEYS): IGNORE}, drop=DOWN)
    check(mitm.insertions == 1, f'nothing was inserted: {result}')
    ended(result, 255)
    check(b'strict' in result.err, f'the reason is missing: {result}')


def without_strict(world):
    """The server's EXT_INFO is gone, and nobody notices: the warning is what is left."""
    server = lenient(world, AsyncSsh, strict=False)
    result, mitm = copy(world, server, '-c', CHACHA, insert={(DOWN, NEWKEYS): IGNORE}, drop=DOWN)
    check(mitm.insertions == 1 and mitm.dropped > 0, f'no attack: {result}')
    succeeded(result)
    check(result.err.count(WARNING) == 1 and b', strict' not in result.err, f'no warning: {result}')
    # GCM counts for itself.
    result, mitm = copy(world, server, '-c', 'aes128-gcm@openssh.com', insert={(DOWN, NEWKEYS): IGNORE}, drop=DOWN)
    check(mitm.dropped > 0, f'no attack: {result}')
    ended(result, 255)


def warning(world, kind, traits, cipher, mac, warned):
    server = lenient(world, kind, **traits)
    options = ['-c', cipher] + (['-o', f'MACs={mac}'] if mac else [])
    result, _ = copy(world, server, *options)
    succeeded(result)
    check((WARNING in result.err) == warned, f'expected {"a" if warned else "no"} warning: {result}')
    source = world.path(b'source')
    trees.make_file(source, 10)
    client = Client(world.hawser, world.fresh('user'), server)
    result = client.cp(*options, source, client.remote(world.path(b'there')))
    succeeded(result)
    check(not result.err, f'it is said at -v only: {result}')


def tests():
    yield nothing_is_done
    for payload, name in ((IGNORE, 'IGNORE'), (DEBUG, 'DEBUG'), (UNIMPLEMENTED, 'UNIMPLEMENTED'), (UNKNOWN, 'unknown')):
        for direction, numbers in ((DOWN, (KEXINIT, KEX_REPLY, NEWKEYS)), (UP, (KEXINIT, KEX_INIT, NEWKEYS))):
            for number in numbers:
                yield f'insertion: {name} {direction} before {number}', insertion, (direction, number, payload)
    for cipher in (CHACHA, 'aes128-gcm@openssh.com', 'aes128-ctr'):
        for direction in (DOWN, UP):
            yield f'truncation: {cipher} {direction}', truncation, (direction, cipher)
        yield f'whole attack: {cipher}', whole_attack, (cipher,)
    yield without_strict
    etm, plain = 'hmac-sha2-256-etm@openssh.com', 'hmac-sha2-256'
    for kind, traits, cipher, mac, warned in (
            (Paramiko, {}, 'aes128-cbc', etm, True), (Paramiko, {}, '3des-cbc', etm, True),
            (Paramiko, {}, 'aes128-cbc', plain, False), (Paramiko, {}, 'aes128-ctr', etm, False),
            (AsyncSsh, {'strict': False}, CHACHA, None, True), (AsyncSsh, {'strict': False}, 'aes256-gcm@openssh.com', None, False),
            (AsyncSsh, {}, CHACHA, None, False), (AsyncSsh, {}, 'aes128-cbc', etm, False)):
        name = f'warning: {kind.NAME} {traits or ""} {cipher} {mac or ""}'
        yield name, warning, (kind, traits, cipher, mac, warned)


if __name__ == '__main__':
    sys.exit(main(tests()))

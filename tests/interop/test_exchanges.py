#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every key exchange, host key and compression that both Hawser and this OpenSSH know, at first and again under load.

usage: test_exchanges.py HAWSER ECHO-SERVER [NAME...]

Hawser's client with OpenSSH's server, whose log says what a connection really used; then OpenSSH's client with
Hawser's role of a server, in a program that sends back what it gets.
"""

import json
import os
import re
import subprocess
import sys

from relay import Relay
from suite import check, main, succeeded
from test_algorithms import negotiated, same_bytes, supported
from trees import random_file

HOST_KEYS = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521',
             'rsa-sha2-256', 'rsa-sha2-512']
SIZE = 8_000_001
ECHO = os.path.abspath(sys.argv.pop(2)) if len(sys.argv) > 2 else sys.exit(__doc__)


def copies(world, kex, host_key, *options):
    """A file up and down by KEX and HOST_KEY with new keys on the way; the server's log of it."""
    up, there, down = world.path(b'up'), world.path(b'there'), world.path(b'down')
    random_file(up, SIZE)
    begin = world.server.log_size()
    options = ['-o', f'KexAlgorithms={kex}', '-o', f'HostKeyAlgorithms={host_key}', '-o', 'RekeyLimit=2M',
               '-o', 'UpdateHostKeys=no', *options]
    for source, target, result in ((up, world.client.remote(there), there),
                                   (world.client.remote(there), down, down)):
        offset = world.server.log_size()
        succeeded(world.client.cp(*options, source, target))
        same_bytes(up, result)
        used = negotiated(world.server, offset)
        check(used[:2] == (kex, host_key), f'the server used {used}')
        text = world.server.log_text(offset)
        count = len(re.findall(r'set_newkeys: rekeying in', text))
        check(2 <= count <= 12, f'{count} rekeyings')
    return world.server.log_text(begin)


def exchange_works(world, kex):
    copies(world, kex, 'ssh-ed25519')


def host_key_works(world, host_key):
    copies(world, 'ecdh-sha2-nistp256', host_key)


def sizes_of_groups(world, servers={}):
    """The size that is asked for goes with the cipher: RFC 4419 leaves it to us, and OpenSSH logs it."""
    if 'detailed' not in servers:
        servers['detailed'] = world.new_server(log_level='DEBUG3')
    server = servers['detailed']
    client, source = world.new_client(server), world.path(b'f')
    random_file(source, 1000)
    for cipher, wanted in (('aes128-ctr', 3072), ('aes192-ctr', 7680), ('aes256-ctr', 8192)):
        offset = server.log_size()
        succeeded(client.cp('-o', 'KexAlgorithms=diffie-hellman-group-exchange-sha256', '-c', cipher, source,
                            client.remote(world.path(b'f'))))
        asked = re.findall(r'got parameters: (\d+ \d+ \d+)', server.log_text(offset))
        check(asked == [f'2048 {wanted} 8192'], f'{cipher}: {asked}')


def listed(world):
    """`hawser ciphers` names whatever this OpenSSH shares with us, and all of it is offered."""
    result = world.client.run('ciphers', '--json')
    succeeded(result)
    names = json.loads(result.out)['kex']
    for kex in supported('kex'):
        if not kex.endswith('-sha1'):
            check(kex in names, f'{kex} is not listed')


# ---- Compression ----

def digits(path, size):
    """Text, which becomes about half when it is compressed."""
    with open(path, 'wb') as file:
        file.write(os.urandom(size // 2 + 1).hex().encode()[:size])


def compressed(world, options, config, expected):
    """Up and down, with new keys on the way; what the server says was used, and what went over the wire."""
    server = world.new_server(log_level='DEBUG1', options=config)
    up, there, down = world.path(b'up'), world.path(b'there'), world.path(b'down')
    digits(up, SIZE)
    with Relay(server.port) as relay:
        client = world.new_client(server, relay.port)
        for source, target, result in ((up, client.remote(there), there), (client.remote(there), down, down)):
            offset, before = server.log_size(), sum(relay.forwarded.values())
            succeeded(client.cp('-o', 'RekeyLimit=1M', *options, source, target))
            same_bytes(up, result)
            text = server.log_text(offset)
            used = re.findall(r'compression: (\S+)', text)
            check(used and set(used) == {expected}, f'the server used {used}')
            check(len(re.findall('set_newkeys: rekeying in', text)) >= 2, 'no rekey')
            moved = sum(relay.forwarded.values()) - before
            check((moved < SIZE * 3 // 4) == (expected != 'none'), f'{moved} bytes on the wire')


def compression_works(world):
    compressed(world, ['-C'], [], 'zlib@openssh.com')


def compression_of_incompressible(world):
    copies(world, 'curve25519-sha256', 'ssh-ed25519', '-o', 'Compression=yes')


def compression_by_small_pieces(world):
    """Many small files, both ways of input and output."""
    source = world.fresh()
    for number in range(300):
        digits(os.path.join(os.fsencode(source), b'%d' % number), number * 37)
    for engine in ('uring', 'poll'):
        there = world.path(b'there')
        succeeded(world.client.cp('-r', '-C', source, world.client.remote(there), env={'HAWSER_NIC': engine}))
        back = world.path(b'back')
        succeeded(world.client.cp('-r', '-C', world.client.remote(there), back, env={'HAWSER_NIC': engine}))
        for number in range(300):
            same_bytes(os.path.join(os.fsencode(source), b'%d' % number), os.path.join(back, b'%d' % number))


def compression_off(world):
    """By default none is used, and none where the server does not want it."""
    compressed(world, [], [], 'none')
    compressed(world, ['-C'], ['Compression no'], 'none')


# ---- OpenSSH's client ----

def echoes(world, kex, compression='none', options=(), moduli=()):
    """A file through `ssh` and back, with new keys on the way."""
    source = world.path(b'in')
    digits(source, SIZE // 8)
    with subprocess.Popen([ECHO, kex, compression, *moduli], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as server:
        port, fingerprint = server.stdout.readline().split()
        with open(source, 'rb') as stdin:
            done = subprocess.run(
                ['ssh', '-vv', '-F', 'none', '-p', port, '-o', f'KexAlgorithms={kex}', '-o', 'RekeyLimit=300K',
                 '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'BatchMode=yes',
                 '-o', 'GlobalKnownHostsFile=/dev/null', *options, 'user@127.0.0.1', 'echo'],
                stdin=stdin, capture_output=True, timeout=60)
        said = done.stderr.decode(errors='replace')
        server.stdin.close()
        exchanges = int(server.stdout.readline())
    check(f'kex: algorithm: {kex}' in said, said[-3000:])
    check(fingerprint in said, 'another host key')
    with open(source, 'rb') as file:
        check(done.stdout == file.read(), f'{len(done.stdout)} bytes came back: {said[-2000:]}')
    check(exchanges >= 3, f'{exchanges} key exchanges')
    return said


def server_exchange_works(world, kex):
    echoes(world, kex)


def server_groups(world):
    """The sizes that OpenSSH's client asks for, out of its own file of groups, and without one."""
    groups = 'diffie-hellman-group-exchange-sha256'
    cases = [([], 8191)] + ([(['/etc/ssh/moduli'], 3071)] if os.path.exists('/etc/ssh/moduli') else [])
    for moduli, expected in cases:
        said = echoes(world, groups, options=['-c', 'aes128-gcm@openssh.com'], moduli=moduli)
        bits = re.findall(r'bits set: \d+/(\d+)', said)
        # Without a file the largest that the client allows; with one, what it asks for.
        check(bits and int(bits[0]) >= expected and (expected > 4000 or int(bits[0]) < 4000), f'{moduli}: {bits}')


def server_compression(world):
    said = echoes(world, 'curve25519-sha256', 'none,zlib@openssh.com', ['-o', 'Compression=yes'])
    check('compression: zlib@openssh.com' in said, said[-2000:])
    said = echoes(world, 'curve25519-sha256', 'none', ['-o', 'Compression=yes'])
    check('compression: none' in said, said[-2000:])


def tests():
    ours = known_exchanges()
    for kex in ours:
        if kex in supported('kex'):
            yield f'exchange {kex}', exchange_works, (kex,)
    for host_key in HOST_KEYS:
        if host_key in supported('HostKeyAlgorithms'):
            yield f'host key {host_key}', host_key_works, (host_key,)
    yield from [listed, sizes_of_groups, compression_works, compression_of_incompressible,
                compression_by_small_pieces, compression_off]
    for kex in ours:
        if kex in supported('kex'):
            yield f'server: exchange {kex}', server_exchange_works, (kex,)
    yield from [server_groups, server_compression]


def known_exchanges():
    return ['sntrup761x25519-sha512', 'sntrup761x25519-sha512@openssh.com', 'curve25519-sha256',
            'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256', 'ecdh-sha2-nistp384', 'ecdh-sha2-nistp521',
            'diffie-hellman-group-exchange-sha256', 'diffie-hellman-group14-sha256',
            'diffie-hellman-group16-sha512', 'diffie-hellman-group18-sha512']


if __name__ == '__main__':
    main(tests(), log_level='DEBUG1')

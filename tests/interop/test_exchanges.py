#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every key exchange and host key that both Hawser and this OpenSSH know, each at first and again under load.

The server's log says which algorithms a connection really used.
"""

import json
import re

from suite import check, main, succeeded
from test_algorithms import negotiated, same_bytes, supported
from trees import random_file

HOST_KEYS = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521',
             'rsa-sha2-256', 'rsa-sha2-512']
SIZE = 8_000_001


def copies(world, kex, host_key, *options):
    """A file up and down by KEX and HOST_KEY with new keys on the way; the server's log of it."""
    up, there, down = world.path(b'up'), world.path(b'there'), world.path(b'down')
    random_file(up, SIZE)
    begin = world.server.log_size()
    options = ['-o', f'KexAlgorithms={kex}', '-o', f'HostKeyAlgorithms={host_key}', '-o', 'RekeyLimit=2M',
               *options]
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


def tests():
    ours = known_exchanges()
    for kex in ours:
        if kex in supported('kex'):
            yield f'exchange {kex}', exchange_works, (kex,)
    for host_key in HOST_KEYS:
        if host_key in supported('HostKeyAlgorithms'):
            yield f'host key {host_key}', host_key_works, (host_key,)
    yield from [listed, sizes_of_groups]


def known_exchanges():
    return ['sntrup761x25519-sha512', 'sntrup761x25519-sha512@openssh.com', 'curve25519-sha256',
            'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256', 'ecdh-sha2-nistp384', 'ecdh-sha2-nistp521',
            'diffie-hellman-group-exchange-sha256', 'diffie-hellman-group14-sha256',
            'diffie-hellman-group16-sha512', 'diffie-hellman-group18-sha512']


if __name__ == '__main__':
    main(tests(), log_level='DEBUG1')

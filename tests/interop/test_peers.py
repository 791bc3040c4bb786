#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Servers other than OpenSSH: Dropbear, AsyncSSH, Paramiko (peers.py).

What a server offers is read from its KEXINIT, what Hawser has from `hawser ciphers`; whatever both have
is used.
"""

import os
import sys

import trees
from client import Client
from peers import PEERS
from suite import Skip, check, main, same, succeeded

started = {}


def peer(world, kind, **traits):
    """The server KIND with TRAITS and a user who knows it, started once."""
    reason = kind.missing()
    if reason:
        raise Skip(reason)
    name = (kind.NAME, *traits.items())
    if name not in started:
        started[name] = kind(world, **traits)
    return started[name], Client(world.hawser, world.fresh('user'), started[name])


def ours(world, cache=[]):
    if not cache:
        result = world.client.run('ciphers', '--json')
        succeeded(result)
        cache.append(result.objects()[0])
    return cache[0]


def there_and_back(world, client, *options, size=40_000):
    """Copy a file to the server and back; the summary of the way up."""
    source, there, back = world.path(b'source'), world.path(b'there'), world.path(b'back')
    trees.random_file(source, size)
    result = client.cp('--json', *options, source, client.remote(there))
    succeeded(result)
    check(trees.same_file(source, there), 'the copy up differs')
    succeeded(client.cp(*options, client.remote(there), back))
    check(trees.same_file(source, back), 'the copy down differs')
    return result.summary()


def keep_text(root):
    """Remove what has a name, or is a link to one, that is not UTF-8."""
    for directory, names, files in os.walk(root, topdown=False):
        for name in names + files:
            path = os.path.join(directory, name)
            text = name + (os.readlink(path) if os.path.islink(path) else b'')
            if text.decode(errors='replace').encode() == text:
                continue
            os.rmdir(path) if name in names and not os.path.islink(path) else os.unlink(path)


def trees_both_ways(world, kind):
    """Odd names, links, modes and times; a second time upon the first."""
    _, client = peer(world, kind)
    source, there, back = world.path(b'tree'), world.path(), world.path()
    trees.make_odd_tree(source)
    if kind.TEXT:
        keep_text(source)
    for _ in range(2):
        succeeded(client.cp('-r', '-p', source, client.remote(there)))
        same(source, os.path.join(there, b'tree'), modes=True, times='s')
        succeeded(client.cp('-r', '-p', client.remote(os.path.join(there, b'tree')), back))
        same(source, os.path.join(back, b'tree'), modes=True, times='s')


def common(world, kind, what, offered=None):
    """The names of WHAT (a list of KEXINIT) that both have."""
    reason = kind.missing()
    if reason:
        return []
    offers = peer(world, kind)[0].offers[offered or what]
    return [name for name in ours(world)[{'host_keys': 'hostkeys'}.get(what, what)] if name in offers]


def exchange_works(world, kind, kex, host_key):
    """One name in each list, so nothing else can have been negotiated."""
    _, client = peer(world, kind)
    there_and_back(world, client, '-o', f'KexAlgorithms={kex}', '-o', f'HostKeyAlgorithms={host_key}')


def suite_works(world, kind, cipher, mac):
    server, client = peer(world, kind)
    offset = server.log_size()
    options = ['-c', cipher] + (['-o', f'MACs={mac}'] if mac else [])
    summary = there_and_back(world, client, *options, size=300_000)
    check(summary['suite'] == (f'{cipher}+{mac}' if mac else cipher), f'the summary names {summary["suite"]}')
    logins = server.logins(offset)
    check(len(logins) == (2 if kind.SAYS else 0), f'the log has {logins}')
    for used in logins:
        check(used['cipher'] == cipher and (not mac or used['mac'] == mac), f'the server used {used}')


def has_most(world, kind, kexes, host_keys, suites):
    """What is known of this peer is in what is tested, lest an empty list pass."""
    peer(world, kind)
    check(len(kexes) >= 4 and len(host_keys) >= 4 and len(suites) >= 4, f'{kexes}, {host_keys}, {suites}')
    check('curve25519-sha256@libssh.org' in kexes and 'ssh-ed25519' in host_keys, f'{kexes}, {host_keys}')
    check(('aes256-ctr', 'hmac-sha2-256') in suites, f'{suites}')


def algorithms(world, kind):
    kexes, host_keys = common(world, kind, 'kex'), common(world, kind, 'host_keys')
    macs = [name for name in common(world, kind, 'macs') if not name.startswith('AEAD')]
    suites = []
    for cipher in common(world, kind, 'ciphers'):
        aead = 'gcm' in cipher.lower() or 'poly1305' in cipher
        suites += [(cipher, None)] if aead else [(cipher, mac) for mac in macs]
    yield 'has what it should', has_most, (kind, kexes, host_keys, suites)
    for number in range(max(len(kexes), len(host_keys))):
        kex, host_key = kexes[number % len(kexes)], host_keys[number % len(host_keys)]
        yield f'exchange {kex} {host_key}', exchange_works, (kind, kex, host_key)
    for cipher, mac in suites:
        yield f'suite {cipher} {mac or ""}', suite_works, (kind, cipher, mac)


def tests(world):
    for kind in PEERS:
        for name, test, arguments in algorithms(world, kind):
            yield f'{kind.NAME}: {name}', test, arguments
        for test in (trees_both_ways,):
            yield f'{kind.NAME}: {test.__name__}', test, (kind,)


if __name__ == '__main__':
    main(tests)

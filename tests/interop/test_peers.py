#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Servers other than OpenSSH: Dropbear, ProFTPD, AsyncSSH, Paramiko (peers.py).

What a server offers is read from its KEXINIT, what Hawser has from `hawser ciphers`; whatever both have
is used.
"""

import os
import re
import time

import trees
from client import Client
from peers import PASSWORD, PEERS
from relay import Network
from sshd import make_key
from suite import Skip, check, ended, main, same, says, succeeded

REDUCED = os.environ.get('HAWSER_TEST_EFFORT') == 'reduced'
BIG = 24 << 20 if REDUCED else 64 << 20
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


def keep_files(root):
    """Remove the links, and leave the times of directories."""
    for directory, names, files in os.walk(root):
        before = os.stat(directory)
        for path in (os.path.join(directory, name) for name in names + files):
            if os.path.islink(path):
                os.unlink(path)
        os.utime(directory, ns=(before.st_atime_ns, before.st_mtime_ns))


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
        if kind.ABSOLUTE:
            keep_files(os.path.join(there, b'tree'))
        succeeded(client.cp('-r', '-p', client.remote(os.path.join(there, b'tree')), back))
        same(os.path.join(there, b'tree'), os.path.join(back, b'tree'), modes=True, times='s')


def common(world, kind, what, offered=None):
    """The names of WHAT (a list of KEXINIT) that both have."""
    reason = kind.missing()
    if reason:
        return []
    offers = peer(world, kind)[0].offers[offered or what]
    return [name for name in ours(world)[{'host_keys': 'hostkeys'}.get(what, what)] if name in offers]


def exchange_works(world, kind, kex, host_key):
    _, client = peer(world, kind)
    source = world.path(b'source')
    trees.make_file(source, 1000)
    options = ['-o', f'KexAlgorithms={kex}', '-o', f'HostKeyAlgorithms={host_key}']
    result = client.cp('-v', *options, source, client.remote(world.path(b'f')))
    succeeded(result)
    says(result, f'key exchange 1: {kex}, host key {host_key},')
    there_and_back(world, client, *options)


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
    for cipher, mac in suites[::3] if REDUCED else suites:
        yield f'suite {cipher} {mac or ""}', suite_works, (kind, cipher, mac)


def login_by_password(world, kind):
    """The second attempt is right; one user whom nobody asks is told what would help."""
    _, client = peer(world, kind)
    client.remove('id_ed25519')
    source, there = world.path(b'source'), world.path(b'there')
    trees.make_file(source, 5000)
    remote = client.remote(there)
    result = client.talk([(b'password', b'wrong\n'), (b'password', PASSWORD.encode() + b'\n')], source, remote)
    succeeded(result)
    check(trees.same_file(source, there) and b'staple' not in result.out, f'{result}')
    os.unlink(there)
    result = client.talk([(b'password', b'wrong\n')] * 9, source, remote)
    ended(result, 255)
    check(b'denied' in result.out.lower() or b'password' in result.out.splitlines()[-1].lower(), f'{result}')
    result = client.cp('-B', source, remote)
    ended(result, 255)
    says(result, 'password', 'publickey')
    check(not os.path.exists(there), 'something was written')


def login_by_key(world, kind, key):
    _, client = peer(world, kind)
    client.remove('id_ed25519')
    with open(world.keys.host[key], 'rb') as file:
        client.write('id_other', file.read(), mode=0o600)
    there_and_back(world, client, '-i', os.path.join(client.ssh, 'id_other'))


def unknown_key(world, kind):
    _, client = peer(world, kind)
    client.remove('id_ed25519')
    make_key(os.path.join(client.ssh, 'id_ed25519'))
    result = client.cp('-B', client.remote(b'/etc/hostname'), world.path(b'f'))
    ended(result, 255)
    says(result, 'not let in', 'publickey')


def rekeys(world, client, *options):
    """Both ways, with new keys every megabyte or so; -vv has a line for each exchange."""
    size = BIG // 4
    source, there, back = world.path(b'source'), world.path(b'there'), world.path(b'back')
    trees.random_file(source, size)
    counts = []
    for operands in ((source, client.remote(there)), (client.remote(there), back)):
        result = client.cp('-vv', *options, *operands)
        succeeded(result)
        counts.append(len(re.findall(rb'key exchange \d+:', result.err)))
    check(trees.same_file(source, there) and trees.same_file(source, back), 'the copy differs')
    return counts


def rekey_from_our_side(world, kind):
    _, client = peer(world, kind)
    counts = rekeys(world, client, '-o', 'RekeyLimit=1M')
    check(min(counts) > BIG >> 23, f'key exchanges: {counts}')


def rekey_from_its_side(world, kind):
    if not kind.REKEYS:
        raise Skip(f'{kind.NAME} asks for new keys by itself after a gigabyte only')
    _, client = peer(world, kind, rekey_bytes=1 << 20)
    counts = rekeys(world, client)
    # AsyncSSH counts what it sends.
    check(max(counts) > BIG >> 23, f'key exchanges: {counts}')


def big_file(world, kind):
    _, client = peer(world, kind)
    there_and_back(world, client, size=BIG)


def many_files(world, kind):
    _, client = peer(world, kind)
    source, there, back = world.path(b'tree'), world.path(), world.path()
    trees.make_many(source, 400, 2000, per_directory=50)
    succeeded(client.cp('-r', source, client.remote(there)))
    same(source, os.path.join(there, b'tree'))
    succeeded(client.cp('-r', client.remote(os.path.join(there, b'tree')), back))
    same(source, os.path.join(back, b'tree'))


def several_connections(world, kind):
    """A large file among small ones over four connections, and compared afterwards."""
    _, client = peer(world, kind)
    source, there, back = world.path(b'tree'), world.path(b'tree'), world.path(b'tree')
    trees.make_many(source, 60, 20_000, per_directory=20)
    trees.make_file(os.path.join(source, b'large'), BIG)
    for a, b, operands in ((source, there, (source, client.remote(there))),
                           (there, back, (client.remote(there), back))):
        result = client.cp('--json', '-r', '-j', '4', '--verify', *operands)
        succeeded(result)
        same(a, b)
        check(sum(result.summary()['verified'].values()) == 61, f'{result.summary()}')


def gone_on_with(world, kind):
    """Killed in the middle, and resumed."""
    server, client = peer(world, kind)
    for up in (True, False):
        source, target = world.path(b'f'), world.path(b'f')
        trees.make_file(source, BIG)
        with Network(server.port, rate=16_000_000) as network:
            slow = Client(world.hawser, world.fresh('user'), server, network.port)
            operands = (source, slow.remote(target)) if up else (slow.remote(source), target)
            child = slow.start('--resume', *operands)
            while network.forwarded['up' if up else 'down'] < BIG // 2 and child.poll() is None:
                time.sleep(0.02)
            child.kill()
            child.communicate(timeout=20)
            check(not os.path.exists(target), 'a part stands under the final name')
            time.sleep(0.5)
            network.rate = None
            result = slow.cp('--json', '-v', '--resume', *operands)
        succeeded(result)
        check(trees.same_file(source, target), 'the copy differs')
        check(result.summary()['resumed_bytes'] > BIG // 8, f'{result}')


def no_sftp(world, kind):
    if kind.BUILT_IN:
        raise Skip(kind.BUILT_IN)
    _, client = peer(world, kind, sftp=False)
    for operands in ((world.server.config, client.remote(b'/tmp/f')), (client.remote(b'/etc/hostname'), world.path(b'f'))):
        result = client.cp(*operands)
        ended(result, 255)
        says(result, 'sftp')


def errors_of_files(world, kind):
    """Each file that cannot be copied is named with the reason; the others arrive."""
    _, client = peer(world, kind)
    good, back = world.path(b'good'), world.path()
    trees.make_file(good, 1000)
    result = client.cp(client.remote(b'/nonexistent/a'), client.remote(good), client.remote(b'/etc'), back)
    ended(result, 1)
    says(result, '/nonexistent/a', 'no such file', '/etc', 'directory')
    check(trees.same_file(good, os.path.join(back, b'good')), 'the good file is missing')
    result = client.cp(good, client.remote(b'/nonexistent/a'))
    ended(result, 1)
    says(result, '/nonexistent/a', 'no such file')
    # Not even root writes there, and each server has words of its own for that.
    result = client.cp(good, client.remote(b'/proc/version'))
    ended(result, 1)
    says(result, '/proc/version')
    check(len(result.err.splitlines()) == 1, f'one line expected: {result}')


def nothing_in_common(world, kind):
    """The error has both lists."""
    server, client = peer(world, kind)
    for what, option in (('kex', 'KexAlgorithms'), ('ciphers', 'Ciphers'), ('macs', 'MACs')):
        have = ours(world)[what]
        missing = [name for name in have if name not in server.offers[what] and not name.startswith('AEAD')]
        if not missing:
            continue
        options = ['-o', f'{option}={missing[0]}'] + (['-c', 'aes128-ctr'] if what == 'macs' else [])
        result = client.cp(*options, client.remote(b'/etc/hostname'), world.path(b'f'))
        ended(result, 255)
        says(result, missing[0], server.offers[what][0], 'in common')


def tests(world):
    for kind in PEERS:
        for name, test, arguments in algorithms(world, kind):
            yield f'{kind.NAME}: {name}', test, arguments
        for key in ('ed25519', 'ecdsa256', 'ecdsa384', 'ecdsa521', 'rsa'):
            yield f'{kind.NAME}: login by {key}', login_by_key, (kind, key)
        for test in (trees_both_ways, many_files, login_by_password, unknown_key, rekey_from_our_side,
                     rekey_from_its_side, big_file, several_connections, gone_on_with, no_sftp, errors_of_files, nothing_in_common):
            yield f'{kind.NAME}: {test.__name__}', test, (kind,)


if __name__ == '__main__':
    main(tests)

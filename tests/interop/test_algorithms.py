#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every cipher and MAC that both Hawser and this OpenSSH know; test_exchanges.py has the rest.

The server's log says which algorithms a connection really used.
"""

import os
import re
import subprocess

from suite import ENGINES, Skip, check, ended, main, says, succeeded
from trees import random_file

AEAD = ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'chacha20-poly1305@openssh.com']
CTR = ['aes128-ctr', 'aes192-ctr', 'aes256-ctr']
CBC = ['aes128-cbc', 'aes192-cbc', 'aes256-cbc', '3des-cbc']
MACS = [name + form for name in ('hmac-sha2-256', 'hmac-sha2-512', 'hmac-sha1')
        for form in ('', '-etm@openssh.com')]
MACS += [name + form for name in ('umac-64', 'umac-128') for form in ('@openssh.com', '-etm@openssh.com')]
SIZE = 3_000_001


def supported(kind):
    return set(subprocess.run(['ssh', '-Q', kind], check=True, capture_output=True, text=True).stdout.split())


def negotiated(server, offset):
    """(kex, host key, cipher, mac) of the last connection in the log behind OFFSET."""
    text = server.log_text(offset)
    kex = re.findall(r'kex: algorithm: (\S+)', text)
    key = re.findall(r'kex: host key algorithm: (\S+)', text)
    cipher = re.findall(r'kex: client->server cipher: (\S+) MAC: (\S+)', text)
    check(kex and key and cipher, 'the server did not log a key exchange: ' + text[-500:])
    return kex[-1], key[-1], cipher[-1][0], cipher[-1][1]


def round_trip(world, options, size=SIZE, env=None):
    """Copy a file to the server and back with OPTIONS; return what was negotiated on the way up."""
    up, there, down = world.path(b'up'), world.path(b'there'), world.path(b'down')
    random_file(up, size)
    offset = world.server.log_size()
    succeeded(world.client.cp(*options, up, world.client.remote(there), env=env))
    same_bytes(up, there)
    used = negotiated(world.server, offset)
    succeeded(world.client.cp(*options, world.client.remote(there), down, env=env))
    same_bytes(up, down)
    return used


def same_bytes(a, b):
    with open(a, 'rb') as one, open(b, 'rb') as two:
        check(one.read() == two.read(), f'{b!r} differs from its source')


def suite_works(world, cipher, mac, engine):
    options = ['-c', cipher]
    if mac:
        options += ['-o', f'MACs={mac}']
    used = round_trip(world, options, env={'HAWSER_NIC': engine})
    check(used[2:] == (cipher, mac or '<implicit>'), f'the server used {used}')


def chained_suite_works(world, cipher, mac, engine, servers={}):
    """A cipher for old appliances, with new keys every megabyte."""
    if 'chained' not in servers:
        servers['chained'] = world.new_server(log_level='DEBUG1', options=['RekeyLimit 1M', 'Ciphers ' + ','.join(CBC)])
    server = servers['chained']
    client = world.new_client(server)
    up, there, down = world.path(b'up'), world.path(b'there'), world.path(b'down')
    random_file(up, SIZE)
    offset = server.log_size()
    options = ['-c', cipher, '-o', f'MACs={mac}']
    succeeded(client.cp(*options, up, client.remote(there), env={'HAWSER_NIC': engine}))
    used = negotiated(server, offset)
    check(used[2:] == (cipher, mac), f'the server used {used}')
    succeeded(client.cp(*options, client.remote(there), down, env={'HAWSER_NIC': engine}))
    same_bytes(up, there)
    same_bytes(up, down)


def old_appliance(world):
    """A server that has nothing but what is off by default: the error names what would allow it."""
    server = world.new_server(options=['Ciphers aes128-cbc,3des-cbc', 'MACs hmac-sha1'])
    client, source = world.new_client(server), world.path(b'f')
    random_file(source, 1000)
    refused = client.cp(source, client.remote(world.path(b'f')))
    ended(refused, 255)
    says(refused, '-o Ciphers=+aes128-cbc')
    refused = client.cp('-o', 'Ciphers=+aes128-cbc', source, client.remote(world.path(b'f')))
    ended(refused, 255)
    says(refused, '-o MACs=+hmac-sha1')
    succeeded(client.cp('-o', 'Ciphers=+aes128-cbc', '-o', 'MACs=+hmac-sha1', source,
                        client.remote(world.path(b'f'))))


def cipher_by_option(world):
    used = round_trip(world, ['-oCiphers=aes192-ctr', '-oMACs=hmac-sha2-512'])
    check(used[2:] == ('aes192-ctr', 'hmac-sha2-512'), f'the server used {used}')


def fastest_first(world):
    """-c auto: what is offered by default, sorted by what is fast here; measured at first use, and kept."""
    cache = world.fresh()
    for _ in range(2):
        used = round_trip(world, ['-c', 'auto'], env={'XDG_CACHE_HOME': cache})
        check(used[2] in AEAD + CTR, f'the server used {used}')
    check(os.path.exists(os.path.join(cache, 'hawser', 'calibration')), 'nothing was kept')
    round_trip(world, ['-o', 'Ciphers=auto'], env={'XDG_CACHE_HOME': '/proc/nowhere'})


def edited_lists(world):
    """The + - ^ forms of ssh_config(5)."""
    used = round_trip(world, ['-o', 'Ciphers=^aes256-ctr', '-o', 'MACs=^hmac-sha1'])
    check(used[2:] == ('aes256-ctr', 'hmac-sha1'), f'the server used {used}')
    used = round_trip(world, ['-o', 'Ciphers=-aes*-gcm@openssh.com,chacha20*'])
    check(used[2].endswith('-ctr'), f'the server used {used}')
    used = round_trip(world, ['-o', 'Ciphers=+aes128-ctr', '-o', 'KexAlgorithms=-curve25519*,*x25519-sha*'])
    check(used[0].startswith('ecdh-'), f'the server used {used}')


def list_from_config(world):
    world.client.write('config', 'Host 127.0.0.1\n  Ciphers aes128-ctr\n  MACs hmac-sha2-512-etm@openssh.com\n'
                                 '  KexAlgorithms ecdh-sha2-nistp384\n  HostKeyAlgorithms rsa-sha2-512\n')
    try:
        used = round_trip(world, [])
    finally:
        world.client.remove('config')
    check(used == ('ecdh-sha2-nistp384', 'rsa-sha2-512', 'aes128-ctr', 'hmac-sha2-512-etm@openssh.com'),
          f'the server used {used}')


def known_key_type_first(world):
    """Of the server's keys, the one that known_hosts has is asked for, so that it matches."""
    lines = world.server.known_hosts().splitlines(keepends=True)
    try:
        for line in lines:
            world.client.write('known_hosts', line)
            used = round_trip(world, [], size=1000)
            kind = line.split()[1]
            check(used[1] == kind or kind == 'ssh-rsa' and used[1].startswith('rsa-sha2-'),
                  f'known by {kind}, the server used {used}')
    finally:
        world.client.write('known_hosts', ''.join(lines))


def rekey_under_load(world, cipher, mac, engine, servers={}):
    """The server asks for new keys every megabyte while 24 MiB pass."""
    if 'rekey' not in servers:
        servers['rekey'] = world.new_server(log_level='DEBUG1', options=['RekeyLimit 1M'])
    server = servers['rekey']
    client = world.new_client(server)
    up, there, down = world.path(b'up'), world.path(b'there'), world.path(b'down')
    random_file(up, 24 << 20)
    options = ['-c', cipher] + (['-o', f'MACs={mac}'] if mac else [])
    for source, target, result in ((up, client.remote(there), there), (client.remote(there), down, down)):
        offset = server.log_size()
        succeeded(client.cp(*options, source, target, env={'HAWSER_NIC': engine}))
        same_bytes(up, result)
        count = len(re.findall(r'set_newkeys: rekeying in', server.log_text(offset)))
        check(count >= 8, f'only {count} rekeyings')


def rekey_from_our_side(world):
    """RekeyLimit in our configuration, and both sides at once."""
    up, there = world.path(b'up'), world.path(b'there')
    random_file(up, 24 << 20)
    for server in (world.server, world.new_server(log_level='DEBUG1', options=['RekeyLimit 1M'])):
        client = world.new_client(server)
        offset = server.log_size()
        succeeded(client.cp('-o', 'RekeyLimit=1M', up, client.remote(there)))
        same_bytes(up, there)
        count = len(re.findall(r'set_newkeys: rekeying in', server.log_text(offset)))
        check(count >= 8, f'only {count} rekeyings')


def strict_exchange(world):
    """Strict key exchange is on wherever the server has it."""
    server = world.new_server(log_level='DEBUG3')
    client, source = world.new_client(server), world.path(b'f')
    random_file(source, 1000)
    succeeded(client.cp(source, client.remote(world.path(b'f'))))
    text = server.log_text()
    if 'kex-strict-s-v00@openssh.com' not in text:
        raise Skip('this OpenSSH has no strict key exchange')
    check('kex-strict-c-v00@openssh.com' in text and 'will use strict KEX ordering' in text, 'it is off')


def backends_listed(world):
    result = world.client.run('ciphers')
    succeeded(result)
    for name in AEAD + CTR:
        check(name.encode() in result.out, f'{name} is not listed: {result}')


def backend_override(world):
    """--backend and HAWSER_BACKEND are obeyed and reported; an impossible one says what is missing."""
    source = world.path(b'f')
    random_file(source, 100_000)
    for options, env in ((['--backend', 'aes128-gcm@openssh.com=openssl'], None),
                         ([], {'HAWSER_BACKEND': 'aes128-gcm@openssh.com=openssl'})):
        result = world.client.cp('-c', 'aes128-gcm@openssh.com', '--json', *options, source,
                                 world.client.remote(world.path(b'f')), env=env)
        succeeded(result)
        summary = result.summary()
        check(summary['backend'] == 'openssl', f'served by {summary["backend"]}')
        check('aes128-gcm@openssh.com' in summary['suite'], f'suite {summary["suite"]}')
    for text in ('aes128-gcm@openssh.com=nothing', 'nocipher=openssl'):
        result = world.client.cp('--backend', text, source, world.client.remote(world.path(b'f')))
        ended(result, 2)
        says(result, text.split('=')[1] if 'nocipher' not in text else 'nocipher')


def engine_reported(world):
    source = world.path(b'f')
    random_file(source, 1000)
    for engine in ENGINES:
        result = world.client.cp('--json', source, world.client.remote(world.path(b'f')),
                                 env={'HAWSER_NIC': engine})
        succeeded(result)
        check(result.summary()['engine'] == engine, f'engine {result.summary()["engine"]}, not {engine}')
    result = world.client.cp(source, world.client.remote(world.path(b'f')), env={'HAWSER_NIC': 'nothing'})
    ended(result, 2)
    says(result, 'nothing')


def tests():
    ciphers, macs = supported('cipher'), supported('mac')
    suites = [(c, None) for c in AEAD if c in ciphers]
    suites += [(c, m) for c in CTR for m in MACS if c in ciphers and m in macs]
    for cipher, mac in suites:
        for engine in ENGINES:
            yield f'suite {cipher} {mac or ""} {engine}', suite_works, (cipher, mac, engine)
    for number, (cipher, mac) in enumerate((c, m) for c in CBC for m in MACS):
        if cipher in ciphers and mac in macs:
            engine = ENGINES[number % len(ENGINES)]
            yield f'suite {cipher} {mac} {engine}', chained_suite_works, (cipher, mac, engine)
    yield from [old_appliance, cipher_by_option, fastest_first, edited_lists, list_from_config, known_key_type_first]
    for cipher, mac in ((AEAD[0], None), (AEAD[2], None), ('aes256-ctr', 'hmac-sha2-256-etm@openssh.com'),
                        ('aes128-ctr', 'hmac-sha1')):
        for engine in ENGINES:
            yield f'rekey {cipher} {mac or ""} {engine}', rekey_under_load, (cipher, mac, engine)
    yield from [rekey_from_our_side, strict_exchange, backends_listed, backend_override, engine_reported]


if __name__ == '__main__':
    main(tests(), log_level='DEBUG1')

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command with OpenSSL configured for approved algorithms alone, against Debian's sshd without that.

usage: test_fips.py HAWSER DIRECTORY-OF-PROVIDER [NAME...]

Where the system ships no FIPS provider the test provider stands for it: everything that the process has is
what that one gives, with the property fips=yes.
"""

import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'interop'))

PROVIDER = os.path.join(os.path.abspath(sys.argv.pop(2)) if len(sys.argv) > 2 else sys.exit(__doc__), 'hawtest.so')

from suite import check, ended, main, make_key, same, says, succeeded  # noqa: E402
from trees import random_file  # noqa: E402

GCM = ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com']
CTR = ['aes128-ctr', 'aes192-ctr', 'aes256-ctr']
CONFIGURATION = '''openssl_conf = init
config_diagnostics = 1
[init]
providers = providers
alg_section = properties
[providers]
hawtest = hawtest
base = base
[hawtest]
module = {module}
mode = {mode}
activate = 1
[base]
activate = 1
[properties]
default_properties = fips=yes
'''


def configured(world, mode):
    """The environment of a process for which OpenSSL is configured so."""
    path = os.path.join(world.fresh(), 'openssl.cnf')
    with open(path, 'w') as file:
        file.write(CONFIGURATION.format(module=PROVIDER, mode=mode))
    return {'OPENSSL_CONF': path}


def ciphers(world, mode, *options):
    result = world.client.run('ciphers', '--json', *options, env=configured(world, mode))
    succeeded(result)
    return json.loads(result.out)


def is_approved(suite):
    return not re.search('chacha20|umac|3des', suite)


def only_approved_suites_are_usable(world):
    found = ciphers(world, 'fips')
    suites = {suite['name']: suite for suite in found['suites']}
    for name, suite in suites.items():
        usable = {b['name'] for b in suite['backends'] if b['usable']}
        # What works outside of the provider is not chosen unasked.
        check(suite['chosen'] == ('openssl' if is_approved(name) else None), f'{name}: {suite}')
        check(('openssl' in usable) == is_approved(name), f'{name}: {suite}')
        if not is_approved(name):
            check(not usable and all(b['reason'] for b in suite['backends']), f'{name}: {suite}')
    for name in [*GCM, *(f'{c}+{m}' for c in CTR for m in ('hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512',
                                                           'hmac-sha1'))]:
        check(suites[name]['chosen'] == 'openssl', f'{name}: {suites[name]}')
    check(not [c for c in found['ciphers'] + found['macs'] if not is_approved(c)], str(found['ciphers']))
    check('curve25519-sha256' in found['kex'] and 'ssh-ed25519' in found['hostkeys'], str(found['kex']))


def curves_that_it_lacks_are_not_listed(world):
    found = ciphers(world, 'strict')
    check(found['kex'][:3] == ['ecdh-sha2-nistp256', 'ecdh-sha2-nistp384', 'ecdh-sha2-nistp521'], str(found['kex']))
    check(all(kex.startswith('diffie-hellman-') for kex in found['kex'][3:]), str(found['kex']))
    check('ssh-ed25519' not in found['hostkeys'] and 'rsa-sha2-512' in found['hostkeys'], str(found['hostkeys']))


def a_named_backend_is_used(world):
    suites = {s['name']: s for s in ciphers(world, 'fips', '--backend', f'{GCM[0]}=openssl')['suites']}
    check(suites[GCM[0]]['reason'].startswith('chosen by the user'), str(suites[GCM[0]]))


def proposal(server, offset):
    """The client's lists in the server's log: kex, host keys, ciphers, MACs."""
    text = server.log_text(offset).split('peer client KEXINIT proposal')[1]
    return [re.search(rf'{kind}: (\S*)', text).group(1).split(',')
            for kind in ('KEX algorithms', 'host key algorithms', 'ciphers ctos', 'MACs ctos')]


def tree(world):
    top = os.path.join(world.fresh(), 'tree')
    os.makedirs(os.path.join(top, 'deep', 'er'))
    for name, size in (('empty', 0), ('one', 1), ('deep/some', 70_000), ('deep/er/much', 5_000_001)):
        random_file(os.fsencode(os.path.join(top, name)), size)
    return os.fsencode(top)


def copies(world, server, env, *options):
    """A tree up and down, with keys changing on the way; returns what was offered."""
    client, up = world.new_client(server), tree(world)
    client.write('id_ecdsa', open(server.ecdsa, 'rb').read(), mode=0o600)
    there, down = world.path(b'there'), world.path(b'down')
    offset = server.log_size()
    options = ['-r', '-o', 'RekeyLimit=1M', *options]
    succeeded(client.cp(*options, up, client.remote(there), env=env))
    same(up, there)
    offered = proposal(server, offset)
    succeeded(client.cp(*options, client.remote(there), down, env=env))
    same(up, down)
    return offered


def logging_server(world, servers=[]):
    if not servers:
        ecdsa = os.path.join(world.fresh(), 'id_ecdsa')
        make_key(ecdsa, 'ecdsa256')
        servers.append(world.new_server(log_level='DEBUG3', authorized=[world.keys.client, ecdsa]))
        servers[0].ecdsa = ecdsa
    return servers[0]


def trees_are_copied(world, mode):
    server, env = logging_server(world), configured(world, mode)
    kex, host_keys, offered, macs = copies(world, server, env)
    check([c for c in offered if c in GCM + CTR] == GCM + CTR, f'offered {offered}')
    check(all(is_approved(c) for c in offered), f'offered {offered}')
    check(macs and all(is_approved(m) for m in macs), f'offered {macs}')
    curves = [name for name in kex + host_keys if '25519' in name]
    check(bool(curves) == (mode != 'strict'), f'offered {kex} and {host_keys}')
    # Whatever the user asks for: what the provider lacks is left out, the rest of the list holds.
    offered = copies(world, server, env, '-o', 'Ciphers=chacha20-poly1305@openssh.com,aes256-ctr')[2]
    check(offered == ['aes256-ctr'], f'offered {offered}')


def everything_offered_works(world, mode):
    server, env = logging_server(world), configured(world, mode)
    found, client = ciphers(world, mode), world.new_client(server)
    client.write('id_ecdsa', open(server.ecdsa, 'rb').read(), mode=0o600)
    source = world.path(b'f')
    random_file(source, 100_000)
    # This server has plain keys; with certificates the same signatures are made. None of its keys is known yet:
    # beside a known one every other is a changed one.
    trust = ['-o', 'StrictHostKeyChecking=accept-new', '-o']
    plain = [name for name in found['hostkeys'] if '-cert-' not in name and not name.startswith('sk-')]
    for option, names in (('KexAlgorithms', found['kex']), ('HostKeyAlgorithms', plain),
                          ('Ciphers', GCM + CTR)):
        for name in names:
            there = world.path(b'there')
            known = 'UserKnownHostsFile=' + os.path.join(world.fresh(), 'known_hosts')
            succeeded(client.cp('-o', f'{option}={name}', *trust, known, source, client.remote(there), env=env))
            with open(source, 'rb') as one, open(there, 'rb') as two:
                check(one.read() == two.read(), f'{name}: the copy differs')


def nothing_left_is_said(world):
    server = logging_server(world)
    client, source = world.new_client(server), world.path(b'f')
    random_file(source, 1000)
    for mode, option, words in (('fips', 'Ciphers=chacha20-poly1305@openssh.com', 'no cipher'),
                                ('fips', 'MACs=umac-128-etm@openssh.com', 'no MAC'),
                                ('strict', 'KexAlgorithms=curve25519-sha256', 'no key exchange'),
                                ('strict', 'HostKeyAlgorithms=ssh-ed25519', 'no host key algorithm')):
        offset = server.log_size()
        result = client.cp('-o', option, source, client.remote(world.path(b'f')), env=configured(world, mode))
        check(result.status not in (0, None), str(result))
        says(result, 'OpenSSL, as configured here, has ' + words, option.split('=')[1], 'hawser ciphers')
        check('KEXINIT proposal' not in server.log_text(offset), 'it was offered')


def a_provider_that_is_not_there_is_said(world):
    """A configuration that names what is missing leaves OpenSSL with nothing."""
    env = configured(world, 'fips')
    text = open(env['OPENSSL_CONF']).read().replace('hawtest.so', 'absent.so')
    with open(env['OPENSSL_CONF'], 'w') as file:
        file.write(text)
    source = world.path(b'f')
    random_file(source, 1000)
    result = world.client.cp(source, world.client.remote(world.path(b'f')), env=env)
    check(result.status not in (0, None) and result.status > 0, str(result))
    check(result.err, str(result))


def tests():
    yield from [only_approved_suites_are_usable, curves_that_it_lacks_are_not_listed, a_named_backend_is_used]
    for mode in ('fips', 'strict'):
        yield f'trees are copied {mode}', trees_are_copied, (mode,)
        yield f'everything offered works {mode}', everything_offered_works, (mode,)
    yield from [nothing_left_is_said, a_provider_that_is_not_there_is_said]


if __name__ == '__main__':
    main(tests())

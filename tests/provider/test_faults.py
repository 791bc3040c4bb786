#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Copies whose packets a provider or an engine protects that fails, gets stuck, or lies.

usage: test_faults.py HAWSER DIRECTORY-OF-PROVIDER-AND-ENGINE [NAME...]
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'interop'))

PROVIDERS = os.path.abspath(sys.argv.pop(2)) if len(sys.argv) > 2 else sys.exit(__doc__)

from suite import check, ended, main, says, succeeded  # noqa: E402
from trees import random_file  # noqa: E402

GCM = 'aes128-gcm@openssh.com'
ETM = 'aes256-ctr+hmac-sha2-256-etm@openssh.com'
SUITES = (GCM, ETM, 'aes128-ctr+hmac-sha2-256', 'aes128-cbc+hmac-sha2-256', 'aes128-cbc+hmac-sha2-512-etm@openssh.com')
PROVIDER = 'provider:hawtest'
ENGINE = 'engine:hawtestengine' if os.path.exists(os.path.join(PROVIDERS, 'hawtestengine.so')) else None
OPTIONS = ['--provider-path', PROVIDERS]
# The self-tests of all that is offered make fewer requests, the copy of SIZE bytes makes more.
REQUESTS, SIZE = 300, 24_000_001
# A backend that does not finish anything is given two seconds, once for each direction.
PATIENCE = 60


def copy(world, backend, mode, suite):
    cipher, _, mac = suite.partition('+')
    options = ['-c', cipher] + (['-o', f'MACs={mac}'] if mac else [])
    up, there, down = world.path(b'up'), world.path(b'there'), world.path(b'down')
    random_file(up, SIZE)
    # New keys must not have what was lost tried again: a stuck device would be waited for each time.
    options += [*OPTIONS, '--backend', f'{cipher}={backend}', '--json', '-o', 'RekeyLimit=4M']
    results = []
    for source, target, result in ((up, world.client.remote(there), there), (world.client.remote(there), down, down)):
        results.append(world.client.cp(*options, source, target, env={'HAWTEST': mode}, timeout=PATIENCE))
        succeeded(results[-1])
        with open(up, 'rb') as one, open(result, 'rb') as two:
            check(one.read() == two.read(), f'{mode}: the copy differs')
    return results


def serves_to_the_end(world, backend, mode, suite):
    for result in copy(world, backend, mode, suite):
        check(b'given up' not in result.err, str(result))
        check(backend in result.summary()['backend'], str(result))


def is_replaced(world, backend, mode, suite):
    """Each way a connection survives, and the user is told, once."""
    for result in copy(world, backend, mode, suite):
        says(result, f'the backend {backend}', 'is given up', 'the processor does the packets')
        check(result.err.count(b'given up') == 1, str(result))


def is_refused(world, mode, words):
    """By its self-test, before it protects a packet: the user named it, so that is an error."""
    for command in (['ciphers'], ['cp', world.path(b'absent'), world.client.remote(b'nowhere')]):
        result = world.client.run(*command[:1], *OPTIONS, '--backend', f'{GCM}=provider:hawtest', *command[1:],
                                  env={'HAWTEST': mode})
        ended(result, 2)
        says(result, 'provider:hawtest', 'must not protect packets', words)
        check(result.out == b'', str(result))


def another_mac_is_refused(world):
    """The MAC that comes second is wrong by it, and the server might choose that one."""
    offset = world.server.log_size()
    first, second = 'hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'
    source = world.path(b'source')
    random_file(source, 1000)
    command = [*OPTIONS, '--backend', f'aes256-ctr={PROVIDER}', '-c', 'aes256-ctr', '-o']
    env = {'HAWTEST': 'none,mixup'}
    result = world.client.cp(*command, f'MACs={first},{second}', source, world.client.remote(b'nowhere'), env=env)
    ended(result, 2)
    says(result, PROVIDER, 'must not protect packets', f'aes256-ctr+{second}', 'self-test failed')
    check('Connection from' not in world.server.log_text(offset), 'it has connected')
    # Where only the first is asked for it serves.
    succeeded(world.client.cp(*command, f'MACs={first}', source, world.client.remote(world.path(b'there')), env=env))


def tests():
    for suite in SUITES:
        yield f'serves at once {suite}', serves_to_the_end, (PROVIDER, 'none', suite)
        yield f'fails at once {suite}', is_replaced, (PROVIDER, f'none,fail={REQUESTS}', suite)
        if ENGINE:
            yield f'engine serves at once {suite}', serves_to_the_end, (ENGINE, 'none', suite)
            yield f'engine fails at once {suite}', is_replaced, (ENGINE, f'none,fail={REQUESTS}', suite)
    for suite in (GCM, ETM):
        for way in ('pause', 'blind'):
            yield f'serves {way} {suite}', serves_to_the_end, (PROVIDER, way, suite)
            yield f'fails {way} {suite}', is_replaced, (PROVIDER, f'{way},fail={REQUESTS}', suite)
            yield f'stuck {way} {suite}', is_replaced, (PROVIDER, f'{way},stuck={REQUESTS}', suite)
        if ENGINE:
            yield f'engine fails pause {suite}', is_replaced, (ENGINE, f'pause,fail={REQUESTS}', suite)
    yield another_mac_is_refused
    yield 'forges tags', is_refused, ('forge', 'self-test failed')
    yield 'writes behind', is_refused, ('behind', 'self-test failed')


if __name__ == '__main__':
    main(tests(), options=['Ciphers +aes128-cbc'])

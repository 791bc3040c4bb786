#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Copies whose packets a provider protects that fails, gets stuck, or lies.

usage: test_faults.py HAWSER DIRECTORY-OF-PROVIDER [NAME...]
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'interop'))

PROVIDERS = os.path.abspath(sys.argv.pop(2)) if len(sys.argv) > 2 else sys.exit(__doc__)

from suite import check, ended, main, says, succeeded  # noqa: E402
from trees import random_file  # noqa: E402

GCM = 'aes128-gcm@openssh.com'
ETM = 'aes256-ctr+hmac-sha2-256-etm@openssh.com'
OPTIONS = ['--provider-path', PROVIDERS]
# The self-tests of all that is offered make fewer requests, the copy of SIZE bytes makes more.
REQUESTS, SIZE = 300, 24_000_001


def copy(world, mode, suite):
    cipher, _, mac = suite.partition('+')
    options = ['-c', cipher] + (['-o', f'MACs={mac}'] if mac else [])
    up, there, down = world.path(b'up'), world.path(b'there'), world.path(b'down')
    random_file(up, SIZE)
    options += [*OPTIONS, '--backend', f'{cipher}=provider:hawtest', '--json']
    # New keys have a stuck device waited for again.
    options += [] if 'stuck' in mode else ['-o', 'RekeyLimit=4M']
    results = []
    for source, target, result in ((up, world.client.remote(there), there), (world.client.remote(there), down, down)):
        results.append(world.client.cp(*options, source, target, env={'HAWTEST': mode}))
        succeeded(results[-1])
        with open(up, 'rb') as one, open(result, 'rb') as two:
            check(one.read() == two.read(), f'{mode}: the copy differs')
    return results


def serves_to_the_end(world, mode, suite):
    for result in copy(world, mode, suite):
        check(b'given up' not in result.err, str(result))
        check('provider:hawtest' in result.summary()['backend'], str(result))


def is_replaced(world, mode, suite):
    """Each way a connection survives, and the user is told."""
    for result in copy(world, mode, suite):
        says(result, 'the backend provider:hawtest', 'is given up', 'the processor does the packets')


def is_refused(world, mode, words):
    """By its self-test, before it protects a packet: the user named it, so that is an error."""
    for command in (['ciphers'], ['cp', world.path(b'absent'), world.client.remote(b'nowhere')]):
        result = world.client.run(*command[:1], *OPTIONS, '--backend', f'{GCM}=provider:hawtest', *command[1:],
                                  env={'HAWTEST': mode})
        ended(result, 2)
        says(result, 'provider:hawtest', 'must not protect packets', words)
        check(result.out == b'', str(result))


def tests():
    yield 'serves at once', serves_to_the_end, ('none', GCM)
    for suite in (GCM, ETM):
        for way in ('pause', 'blind'):
            yield f'serves {way} {suite}', serves_to_the_end, (way, suite)
            yield f'fails {way} {suite}', is_replaced, (f'{way},fail={REQUESTS}', suite)
            yield f'stuck {way} {suite}', is_replaced, (f'{way},stuck={REQUESTS}', suite)
    yield 'forges tags', is_refused, ('forge', 'self-test failed')
    yield 'writes behind', is_refused, ('behind', 'self-test failed')


if __name__ == '__main__':
    main(tests())

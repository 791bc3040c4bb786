#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Copies to and from Debian's sshd, with packets protected by DPDK's crypto devices; and what is said where that
cannot be.

usage: test_copy.py HAWSER DIRECTORY-OF-MODULES [NAME...]
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'interop'))
MODULES = os.path.abspath(sys.argv.pop(2))

from suite import Skip, check, ended, main, says, succeeded  # noqa: E402
from trees import random_file  # noqa: E402

SIZE = 20_000_003
SCHEDULER = ('-l 0,1 --vdev crypto_openssl0 --vdev crypto_openssl1 '
             '--vdev crypto_scheduler0,worker=crypto_openssl0,worker=crypto_openssl1,mode=multi-core,corelist=1')
ENVIRONMENT = {'HAWSER_MODULE_DIR': MODULES}


def same_bytes(a, b):
    with open(a, 'rb') as one, open(b, 'rb') as two:
        check(one.read() == two.read(), f'{b!r} differs from its source')


def copies(world, device, cipher, mac, eal):
    """A file to the server and back; -v says who protected it, and DPDK says nothing."""
    options = ['-v', '-c', cipher, '--backend', f'*=cryptodev:{device}']
    options += ['-o', f'MACs={mac}'] if mac else []
    options += ['--eal', eal] if eal else []
    up, there, down = world.path(b'up'), world.path(b'there'), world.path(b'down')
    random_file(up, SIZE)
    for source, target, result in ((up, world.client.remote(there), there), (world.client.remote(there), down, down)):
        done = world.client.cp(*options, source, target, env=ENVIRONMENT)
        succeeded(done)
        same_bytes(up, result)
        says(done, f'cryptodev:{device}')
        for word in (b'EAL', b'CRYPTODEV', b'CR_SCHED'):
            check(word not in done.err + done.out, f'DPDK printed: {done}')


def copies_by_the_scheduler(world):
    if len(os.sched_getaffinity(0)) < 2:
        raise Skip('needs two processors')
    copies(world, 'crypto_scheduler0', 'aes128-gcm@openssh.com', None, SCHEDULER)


def copies_by_option_and_environment(world):
    """Configuration and environment choose devices too."""
    there, up = world.path(b'there'), world.path(b'up')
    random_file(up, 3_000_000)
    result = world.client.cp('-v', '-c', 'aes256-gcm@openssh.com', up, world.client.remote(there), env={
        **ENVIRONMENT, 'HAWSER_BACKEND': 'aes256-gcm@openssh.com=cryptodev:crypto_aesni_gcm0+copy'})
    succeeded(result)
    says(result, 'cryptodev:crypto_aesni_gcm0+copy')
    same_bytes(up, there)


def refused(world, device, eal, *words):
    up, there = world.path(b'up'), world.path(b'there')
    random_file(up, 1000)
    options = ['--backend', f'*=cryptodev:{device}'] + (['--eal', eal] if eal else [])
    result = world.client.cp(*options, up, world.client.remote(there), env=ENVIRONMENT)
    ended(result, 2)
    says(result, *words)
    check(result.out == b'' and result.err.count(b'\n') == 1, f'more than a sentence: {result}')
    check(not os.path.exists(there), 'something was written')


def prints_when_it_is_asked_to(world):
    result = world.client.run('ciphers', '--backend', '*=cryptodev:crypto_aesni_gcm0', '--eal', '--log-level=8',
                              env=ENVIRONMENT)
    succeeded(result)
    says(result, 'EAL: Detected')


COPIES = [('crypto_aesni_gcm0', 'aes256-gcm@openssh.com', None, None),
          ('crypto_aesni_mb0', 'aes256-ctr', 'hmac-sha2-256-etm@openssh.com', None),
          ('crypto_aesni_mb0+copy', 'aes128-gcm@openssh.com', None, '--no-pci'),
          ('crypto_openssl0', 'aes128-ctr', 'hmac-sha2-512', None)]
REFUSALS = [('a name that is none', 'nosuch', None, 'no crypto device "nosuch"', '--vdev'),
            ('no name', '', None, 'cryptodev:DEVICE'),
            ('hardware without hugepages', '0000:ff:1f.7_qat_sym', '--in-memory -a 0000:ff:1f.7', 'hugepages'),
            ('arguments that are none', 'crypto_openssl0', '--no-such-argument', 'does not start', 'arguments'),
            ('a processor that is none', 'crypto_openssl0', '-l 127', 'does not start', '127'),
            ('a driver that is none', 'crypto_openssl0', '--vdev crypto_none0', 'crypto_none0'),
            ('a question', 'crypto_openssl0', '-h', 'may not ask for help'),
            ('too little memory', 'crypto_aesni_gcm0', '--no-huge -m 1', 'memory', '-m')]


def hugepages():
    with open('/proc/meminfo') as file:
        return any(line.startswith('HugePages_Total:') and line.split()[1] != '0' for line in file)


if __name__ == '__main__':
    main([(f'copies by {c[0]}, {c[1]}', copies, c) for c in COPIES] +
         [copies_by_the_scheduler, copies_by_option_and_environment, prints_when_it_is_asked_to] +
         [(f'refuses {r[0]}', refused, r[1:]) for r in REFUSALS if 'hugepages' not in r[0] or not hugepages()])

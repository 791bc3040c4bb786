#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hawser backend-test: what is sound passes, what is spoilt is found.

usage: test_backend_test.py HAWSER MODULES [WORD...]
"""

import os
import re
import sys

from command import Command
from harness import Report, Skip, check, finish

COUNTS = re.compile(r'(\d+) passed, (\d+) failed, (\d+) skipped$')
PLUGINS = os.environ.get('HAWSER_TEST_MODULES', '')
EAL = '--no-huge --no-shconf --no-telemetry --no-pci -l 0 -m 128 --vdev crypto_openssl0'
command = Command(sys.argv[1], sys.argv[2])


def counts(done):
    found = COUNTS.match(done.stdout.rstrip().splitlines()[-1])
    check(found, f'no count: {done.stdout[-300:]} {done.stderr}')
    return [int(n) for n in found.groups()]


def example_passes():
    done = command.run('backend-test', command.module('example'))
    passed, failed, _ = counts(done)
    check(done.returncode == 0 and failed == 0 and passed >= 20, done.stdout)
    check(re.search(r'aes256-gcm@openssh.com +[0-9.]+ GB/s', done.stdout), 'no figures: ' + done.stdout)


def built_in_passes():
    done = command.run('backend-test', '--suite', 'aes128-ctr', '--suite', 'chacha20-poly1305@openssh.com', 'openssl')
    passed, failed, _ = counts(done)
    check(done.returncode == 0 and failed == 0 and passed >= 20, done.stdout)
    check('aes256' not in done.stdout and 'chacha20' in done.stdout, 'other suites: ' + done.stdout)


def spoilt_ones_fail():
    for name, words in (('forged', 'accepts packets that were altered'), ('outside', 'wrote outside'),
                        ('large', 'largest packet'), ('batch', 'batches: ')):
        done = command.run('backend-test', command.module(name))
        check(done.returncode == 1 and counts(done)[1] > 0, f'{name}: {done.returncode} {done.stdout}')
        check(words in done.stdout, f'{name}: {done.stdout}')


def wrong_use():
    for arguments, words in (((), 'usage: '), (('a', 'b', 'c'), 'usage: '),
                             (('/nonexistent.so',), 'cannot be read'),
                             (('/etc/passwd',), 'is not a module of backends'),
                             ((command.module('other'),), 'version 1'),
                             ((command.module('unnamed'),), 'exports no haw_module'),
                             ((command.module('example'), 'device'), 'has no devices'),
                             (('nothing',), 'there is no backend "nothing"'),
                             (('provider:nothing',), 'provider:nothing'),
                             (('--suite', 'rot13', 'openssl'), 'no suite or cipher "rot13"'),
                             (('--suite', 'aes128-ctr', command.module('example')), 'serves no suite')):
        done = command.run('backend-test', *arguments)
        check(done.returncode == 2 and words in done.stderr, f'{arguments}: {done.returncode} {done.stderr}')


def devices_pass():
    if not PLUGINS or not os.path.exists(os.path.join(PLUGINS, 'cryptodev.so')):
        raise Skip('the cryptodev module is not built')
    done = command.run('backend-test', '--eal', EAL, '--suite', 'aes256-gcm@openssh.com', 'cryptodev', 'crypto_openssl0',
                       HAWSER_MODULE_DIR=PLUGINS)
    passed, failed, _ = counts(done)
    check(done.returncode == 0 and failed == 0 and passed >= 10, done.stdout + done.stderr)


def main():
    report = Report(sys.argv[3:])
    try:
        for test in (example_passes, built_in_passes, spoilt_ones_fail, wrong_use, devices_pass):
            report.run('tools backend-test ' + test.__name__, test)
    finally:
        command.close()
    finish(report)


if __name__ == '__main__':
    main()

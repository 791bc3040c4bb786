#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hawser ciphers: what it lists, and what it remembers of measuring.

usage: test_ciphers.py HAWSER MODULES [WORD...]
"""

import json
import os
import stat
import sys

from command import Command
from harness import Report, check, finish

GCM = 'aes256-gcm@openssh.com'
FIVE = ('openssl', 'ipsecmb', 'armv8', 'provider', 'cryptodev')
command = Command(sys.argv[1], sys.argv[2])
CACHE = os.path.join(command.home, '.cache', 'hawser', 'calibration')


def listing(*arguments):
    done = command.run('ciphers', '--json', *arguments)
    check(done.returncode == 0, f'status {done.returncode}: {done.stderr}')
    return json.loads(done.stdout), done.stderr


def members_of_the_object():
    everything, _ = listing()
    for member in ('cpu', 'suites', 'kex', 'hostkeys'):
        check(everything.get(member), f'no {member}')
    names = [suite['name'] for suite in everything['suites']]
    check(len(set(names)) == len(names), 'a suite is listed twice')
    check('chacha20-poly1305@openssh.com' in names and 'aes256-ctr+hmac-sha2-256-etm@openssh.com' in names, str(names))
    for suite in everything['suites']:
        check({'name', 'chosen', 'reason', 'backends'} <= set(suite) and suite['reason'], str(suite))
        rows = {row['name']: row for row in suite['backends']}
        check(len(rows) == len(suite['backends']), f'{suite["name"]}: a backend is listed twice')
        check(rows[suite['chosen']]['usable'], f'{suite["name"]}: {suite["chosen"]} is chosen and not usable')
        for row in rows.values():
            check(set(row) == {'name', 'usable', 'reason', 'bytes_per_second', 'ns_per_byte'}, str(row))
            check(row['usable'] == (row['reason'] is None), f'{suite["name"]}: {row}')


def all_five_with_reasons():
    for name in (GCM, 'aes128-gcm@openssh.com'):
        rows = {row['name']: row for row in command.suites(HAWSER_MODULE_DIR='/nonexistent')[name]['backends']}
        for backend in FIVE:
            check(backend in rows, f'{name}: no {backend}')
        check('provider:NAME' in rows['provider']['reason'], rows['provider']['reason'])
        check('is not installed' in rows['cryptodev']['reason'], rows['cryptodev']['reason'])
    with open(os.path.join(command.home, 'cryptodev.so'), 'w'):
        pass
    rows = {row['name']: row for row in command.suites(HAWSER_MODULE_DIR=command.home)[GCM]['backends']}
    check('cryptodev:DEVICE' in rows['cryptodev']['reason'], rows['cryptodev']['reason'])


def nothing_is_measured_unasked():
    suite = command.suites()[GCM]
    check(all(row['bytes_per_second'] is None for row in suite['backends']), str(suite))
    check(not os.path.exists(CACHE), 'a cache was made')


def calibration_is_kept():
    measured, _ = listing('--calibrate')
    for suite in measured['suites']:
        for row in suite['backends']:
            check(row['usable'] == bool(row['bytes_per_second']), f'{suite["name"]}: {row}')
            check(row['usable'] == bool(row['ns_per_byte']), f'{suite["name"]}: {row}')
    info = os.stat(CACHE)
    check(stat.S_IMODE(info.st_mode) == 0o600, oct(info.st_mode))
    check(os.listdir(os.path.dirname(CACHE)) == ['calibration'], 'something was left beside it')
    again, errors = listing()
    check(errors == '', errors)
    check([(s['name'], s['chosen'], s['backends']) for s in again['suites']] ==
          [(s['name'], s['chosen'], s['backends']) for s in measured['suites']], 'other figures were read')
    done = command.run('ciphers')
    check('GB/s' in done.stdout and 'ns/B' in done.stdout, done.stdout[:500])


def damage_is_a_note():
    with open(CACHE, 'r+') as file:
        file.seek(200)
        file.write('?')
    everything, errors = listing()
    check('is damaged, so it is ignored and made again' in errors, errors)
    check(all(row['bytes_per_second'] is None for s in everything['suites'] for row in s['backends']), 'figures')


def figures_of_modules_are_of_theirs():
    module = ('--backend-module', command.module('example'))
    everything, _ = listing('--calibrate', *module)
    rows = {row['name']: row for s in everything['suites'] if s['name'] == GCM for row in s['backends']}
    check(rows['example']['bytes_per_second'], str(rows))
    check('example' not in [row['name'] for row in command.suites()[GCM]['backends']], 'it is listed unloaded')
    check({row['name']: row for row in command.suites(*module)[GCM]['backends']} == rows, 'figures were lost')


def a_cache_that_cannot_be_written_is_an_error():
    """A file where a directory should be: nobody can write there, whoever he is."""
    with open(os.path.join(command.home, 'file'), 'w'):
        pass
    for home in ({'XDG_CACHE_HOME': os.path.join(command.home, 'file')}, {'XDG_CACHE_HOME': '/proc/nowhere'},
                 {'XDG_CACHE_HOME': '', 'HOME': ''}):
        command.refused('ciphers', '--json', '--calibrate', words='the calibration is not kept', **home)
    # Without being asked for it is nothing to speak of.
    done = command.run('ciphers', '--json', XDG_CACHE_HOME=os.path.join(command.home, 'file'))
    check(done.returncode == 0 and json.loads(done.stdout)['suites'], done.stderr)


def broken_modules_are_passed_over_or_an_error():
    for name, words in (('forged', 'accepts packets that were altered'), ('outside', 'wrote outside'),
                        ('large', 'largest packet')):
        module = ('--backend-module', command.module(name))
        suite = command.suites(*module)[GCM]
        row = next(row for row in suite['backends'] if row['name'] == 'example')
        check(not row['usable'] and words in row['reason'] and suite['chosen'] != 'example', str(suite))
        done = command.run('ciphers', *module)
        check('refused: example: its self-test failed: ' in done.stdout and words in done.stdout, done.stdout[:800])
        command.refused('ciphers', *module, '--backend', f'{GCM}=example', words=['must not protect packets', words])
        command.refused('cp', *module, '--backend', '*=example', '/etc/passwd', 'host:', words=words)


def preferences():
    command.refused('ciphers', '--prefer', 'speed', words='write throughput or cpu')
    path = command.configure('Prefer beauty\n')
    command.refused('ciphers', words=f'{path}:1: "beauty" cannot be preferred')
    command.configure('Prefer cpu\n')
    command.suites()
    command.unconfigure()


def main():
    report = Report(sys.argv[3:])
    try:
        for test in (members_of_the_object, all_five_with_reasons, nothing_is_measured_unasked, calibration_is_kept,
                     damage_is_a_note, figures_of_modules_are_of_theirs, a_cache_that_cannot_be_written_is_an_error,
                     broken_modules_are_passed_over_or_an_error, preferences):
            report.run('tools ciphers ' + test.__name__, test)
    finally:
        command.close()
    finish(report)


if __name__ == '__main__':
    main()

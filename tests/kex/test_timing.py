#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No branch and no address of the key encapsulations depends on a secret, and this test would see it.

usage: test_timing.py PROGRAM CONTROL [NAME...] | --skip REASON

CONTROL is the same program, in which nothing that follows from a secret counts as known: there Valgrind
must find the branches that are allowed, in the middle of the same sources.
"""

import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness import Report, check  # noqa: E402

FOUND = 99


def look(program, what):
    return subprocess.run(['valgrind', '--quiet', f'--error-exitcode={FOUND}', '--track-origins=no', program, what],
                          capture_output=True, text=True, timeout=200)


def shows_nothing(program, kem):
    done = look(program, kem)
    check(done.returncode == 0 and not done.stderr, f'status {done.returncode}: {done.stderr[:3000]}')


def is_seen(program, what, where):
    """A leak is reported, and in the function that has it."""
    done = look(program, what)
    check(done.returncode == FOUND, f'status {done.returncode}: {done.stderr[:2000]}')
    check(re.search(r'depends on uninitialised|Use of uninitialised', done.stderr), done.stderr[:2000])
    check(where in done.stderr, f'not in {where}: {done.stderr[:2000]}')


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    program, control = sys.argv[1:3]
    report = Report(sys.argv[3:])
    why_not = None if shutil.which('valgrind') else 'valgrind is not installed'
    if program == '--skip':
        why_not = control
    if why_not:
        report.skip('timing', why_not)
        sys.exit(report.end())
    for what in ('planted-branch', 'planted-index'):
        report.run(f'{what} is seen', is_seen, program, what, 'planted')
    report.run('the allowed branch of sntrup761 is seen in the control', is_seen, control, 'sntrup761',
               'random_invertible')
    report.run('the allowed branches of mlkem768 are seen in the control', is_seen, control, 'mlkem768',
               'haw_mlkem_sample')
    for kem in ('sntrup761', 'mlkem768'):
        report.run(f'{kem} shows nothing', shows_nothing, program, kem)
    sys.exit(report.end())


if __name__ == '__main__':
    main()

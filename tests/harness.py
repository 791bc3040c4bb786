# SPDX-License-Identifier: Apache-2.0
"""The test framework of the Python suites: the same words and closing line as harness.h.

A test is a function that raises to fail (CheckError through check(), or anything else),
and raises Skip to be counted as skipped with its reason.
"""

import sys
import time
import traceback


class CheckError(Exception):
    """A check that did not hold."""


class Skip(Exception):
    """What this machine lacks, in words."""


def check(condition, message):
    if not condition:
        raise CheckError(message)


class Report:
    def __init__(self, chosen=None):
        self.passed = self.failed = self.skipped = 0
        self.chosen = chosen

    def ok(self, name, seconds=None):
        self.passed += 1
        print(f'ok   {name}' + (f' ({seconds:.1f} s)' if seconds and seconds >= 1 else ''), flush=True)

    def fail(self, name, reason):
        self.failed += 1
        print(f'FAIL {name}: {reason}', flush=True)

    def skip(self, name, reason):
        self.skipped += 1
        print(f'SKIP {name}: {reason}', flush=True)

    def run(self, name, function, *args):
        """Run one test; only a name that was chosen on the command line, if any was."""
        if self.chosen and not any(word in name for word in self.chosen):
            return
        begin = time.monotonic()
        try:
            function(*args)
        except Skip as reason:
            self.skip(name, reason)
        except CheckError as error:
            self.fail(name, error)
        except Exception:
            self.fail(name, traceback.format_exc())
        else:
            self.ok(name, time.monotonic() - begin)

    def end(self):
        """Print the closing line and return the exit status."""
        print(f'{self.passed} passed, {self.failed} failed, {self.skipped} skipped', flush=True)
        return 1 if self.failed else 0


def finish(report):
    sys.exit(report.end())

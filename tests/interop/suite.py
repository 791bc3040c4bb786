# SPDX-License-Identifier: Apache-2.0
"""What every suite of this folder starts from.

usage: test_X.py HAWSER [NAME...]     run the tests whose name contains one of NAMEs, or all
"""

import os
import shutil
import signal
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from client import Client  # noqa: E402
from harness import CheckError, Report, Skip, check  # noqa: E402, F401
from sshd import Keys, Sshd, available, make_key  # noqa: E402, F401
from trees import differences  # noqa: E402

ENGINES = ('uring', 'poll')


class World:
    """One temporary directory with keys, a server, and a user."""

    def __init__(self, hawser, **server_options):
        self.hawser = hawser
        self.top = tempfile.mkdtemp(prefix='hawser-test-')
        self.number = 0
        self.servers = []
        self.keys = Keys(os.path.join(self.top, 'keys'))
        self.server = self.new_server(**server_options)
        self.client = self.new_client(self.server)

    def new_server(self, **options):
        server = Sshd(self.fresh('server'), self.keys, **options)
        self.servers.append(server)
        return server

    def new_client(self, server=None, port=None):
        return Client(self.hawser, self.fresh('user'), server, port)

    def fresh(self, name='d'):
        """A new empty directory, as text."""
        self.number += 1
        path = os.path.join(self.top, f'{name}{self.number}')
        os.makedirs(path, mode=0o755)
        return path

    def path(self, *parts):
        """A path, in bytes, in a new empty directory."""
        return os.path.join(os.fsencode(self.fresh()), *parts)

    def end(self):
        for server in self.servers:
            server.stop()
        shutil.rmtree(self.top, onerror=retry_writable)


def retry_writable(function, path, error):
    """Directories that a test made read-only are removed too."""
    os.chmod(os.path.dirname(path), 0o700)
    if os.path.isdir(path) and not os.path.islink(path):
        os.chmod(path, 0o700)
        shutil.rmtree(path)
    else:
        os.unlink(path)


def succeeded(result):
    check(result.status == 0, f'expected success: {result}')


def ended(result, *statuses):
    check(result.status in statuses, f'expected status {" or ".join(map(str, statuses))}: {result}')


def says(result, *words):
    """Standard error names each of WORDS."""
    for word in words:
        wanted = word if isinstance(word, bytes) else word.encode()
        check(wanted.lower() in result.err.lower(), f'expected {word!r} on standard error: {result}')


def same(a, b, **options):
    found = differences(a, b, **options)
    check(not found, '; '.join(found))


def files_below(directory):
    return [os.path.join(d, name) for d, _, names in os.walk(directory) for name in names]


def needs_root():
    if os.getuid() != 0:
        raise Skip('needs root')


def main(tests, **server_options):
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    # Whoever ends a suite early still gets its servers stopped and its files removed.
    signal.signal(signal.SIGTERM, lambda *ignored: sys.exit(1))
    report = Report(sys.argv[2:])
    reason = available()
    if not reason and not os.access(sys.argv[1], os.X_OK):
        report.fail('suite', f'{sys.argv[1]} is not there')
    elif reason:
        report.skip('suite', reason)
    else:
        world = World(sys.argv[1], **server_options)
        try:
            # Tests that depend on what a server of this world offers are made by a function of it.
            for test in tests(world) if callable(tests) else tests:
                name, function, arguments = test if isinstance(test, tuple) else (test.__name__, test, ())
                report.run(name, function, world, *arguments)
        finally:
            world.end()
    sys.exit(report.end())

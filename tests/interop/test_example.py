#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The example program of the documentation does what it says.

usage: test_example.py HAWSER EXAMPLE
"""

import os
import subprocess
import sys

import trees
from suite import check, main

PUT = os.path.abspath(sys.argv.pop()) if len(sys.argv) > 2 else ''


def run(world, *arguments):
    return subprocess.run([PUT, *arguments], env=world.client.environment(), stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=30)


def put_copies(world):
    source, target = world.path(b'source'), world.path(b'target')
    trees.make_file(source, 3_000_003)
    done = run(world, b'127.0.0.1', str(world.server.port).encode(), source, target)
    check(done.returncode == 0 and not done.stderr, f'{done}')
    check(trees.same_file(source, target), 'the copy differs')


def put_explains(world):
    source = world.path(b'source')
    trees.make_file(source, 10)
    done = run(world, b'127.0.0.1', str(world.server.port).encode(), source, b'/nonexistent/directory/file')
    check(done.returncode == 1 and b'no such file' in done.stderr.lower(), f'{done}')
    world.client.remove('known_hosts')
    done = run(world, b'127.0.0.1', str(world.server.port).encode(), source, b'file')
    check(done.returncode == 1 and b'127.0.0.1' in done.stderr, f'{done}')


if __name__ == '__main__':
    sys.exit(main([put_copies, put_explains]))

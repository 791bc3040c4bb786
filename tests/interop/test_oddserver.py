#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SFTP servers that are unlike OpenSSH's, unhelpful, wrong, or evil (oddserver.py has their traits)."""

import os
import sys

import trees
from suite import check, ended, files_below, main, same, says, succeeded

HERE = os.path.dirname(os.path.abspath(__file__))


class Odd:
    """sshd with oddserver.py as its SFTP subsystem, and a user of it."""

    def __init__(self, world, trait):
        self.server = world.new_server(
            subsystem=f'{sys.executable} {HERE}/oddserver.py {trait} {world.fresh("home")}')
        self.client = world.new_client(self.server)

    def __enter__(self):
        return self.client

    def __exit__(self, *ignored):
        self.server.stop()


def sample(world):
    source = world.path(b'tree')
    trees.make_many(source, 60, 3000, per_directory=20)
    trees.make_file(os.path.join(source, b'large'), 3_000_017)
    trees.make_file(os.path.join(source, b'empty'), 0)
    os.symlink(b'large', os.path.join(source, b'link'))
    return source


def copies_well(world, trait):
    """Unusual but allowed: everything arrives, both ways, twice (the second time upon the first)."""
    source, there, back = sample(world), world.path(), world.path()
    with Odd(world, trait) as client:
        for _ in range(2):
            result = client.cp('-r', '-p', source, client.remote(there))
            succeeded(result)
            same(source, os.path.join(there, b'tree'), modes=True, times='s')
            check(not set(result.err) & {0x1b, 0x07}, f'raw control characters: {result}')
        for _ in range(2):
            succeeded(client.cp('-r', '-p', client.remote(source), back))
            same(source, os.path.join(back, b'tree'), modes=True, times='s')
    check(sorted(os.listdir(there)) == sorted(os.listdir(back)) == [b'tree'], 'something is left over')


def lies_about_sizes(world, trait):
    """Sizes are only hints: the content arrives whole, or the file is reported."""
    source, back = sample(world), world.path(b'back')
    with Odd(world, trait) as client:
        result = client.cp('-r', client.remote(source), back, timeout=60)
    ended(result, 0, 1, 3)
    if result.status == 0:
        same(source, back)
        return
    check(result.err.strip(), 'nothing was said')
    nothing_half_written(source, back)


def nothing_half_written(source, target):
    for path in files_below(target):
        original = os.path.join(source, os.path.relpath(path, target))
        # A link may stand there without what it leads to.
        if os.path.exists(original) and not os.path.islink(path):
            check(trees.same_file(original, path), f'{path!r} is half-written')


def breaks_protocol(world, trait, up):
    """The connection is given up with a sentence; nothing half stands under a final name."""
    source, target = sample(world), world.path(b'target')
    with Odd(world, trait) as client:
        operands = (source, client.remote(target)) if up else (client.remote(source), target)
        result = client.cp('-r', *operands, timeout=40)
    # An empty answer to READ may also be taken for the end of a file that has shrunk.
    ended(result, 255, 1, *([3] if trait == 'empty-data' else []))
    check(result.err.strip(), 'nothing was said')
    nothing_half_written(source, target)


def fails_to_start(world, trait):
    with Odd(world, trait) as client:
        result = client.cp('-o', 'ConnectTimeout=3', sample(world) + b'/large', client.remote(world.path(b'f')),
                           timeout=30)
    ended(result, 255, 2)
    says(result, 'sftp')


def fails_close(world):
    """What CLOSE says counts: the file failed, and its final name is not there."""
    source, target = sample(world), world.path(b'target')
    with Odd(world, 'fails-close') as client:
        result = client.cp(os.path.join(source, b'large'), client.remote(target))
    ended(result, 1)
    says(result, target, 'exceeded')
    check(not set(result.err) & {0x1b}, f'raw control characters: {result}')
    check(not os.path.exists(target), 'the file stands under its final name')


def evil_names(world):
    """Names that lead out of the destination are refused, each named; the good files arrive."""
    source, top = world.path(b'tree'), world.path()
    target = os.path.join(top, b'one', b'two')
    os.makedirs(target)
    os.makedirs(os.path.join(source, b'evil'))
    for name in (b'evil/good', b'good', b'evil/evil'):
        trees.make_file(os.path.join(source, name), 100)
    with Odd(world, 'evil-names') as client:
        result = client.cp('-r', client.remote(source), target)
    ended(result, 1)
    says(result, 'escaped')
    found = sorted(os.path.relpath(path, top) for path in files_below(top))
    check(found == [b'one/two/tree/evil/evil', b'one/two/tree/evil/good', b'one/two/tree/good'], f'written: {found}')
    check(not os.path.exists('/tmp/escaped'), '/tmp/escaped was written')


def link_trap(world):
    """A link that the server sent is not written through."""
    source, target, outside = world.path(b'tree'), world.path(), world.path()
    os.makedirs(source)
    os.symlink(outside, os.path.join(source, b'trap'))
    # What the second "trap", a directory, holds when the server is asked.
    trees.make_file(os.path.join(outside, b'planted'), 100)
    trees.make_file(os.path.join(source, b'good'), 100)
    before = os.stat(os.path.join(outside, b'planted'))
    with Odd(world, 'link-trap') as client:
        for _ in range(2):
            result = client.cp('-r', client.remote(source), target)
            ended(result, 0, 1)
    after = os.stat(os.path.join(outside, b'planted'))
    check((before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns), 'written through the link')
    check(os.listdir(outside) == [b'planted'], f'written through the link: {os.listdir(outside)}')
    check(os.path.exists(os.path.join(target, b'tree', b'good')), 'the good file is missing')


def tests():
    for trait in ('plain', 'short-reads', 'small-reads', 'shuffled', 'small-packets', 'noisy'):
        yield f'copies well: {trait}', copies_well, (trait,)
    for trait in ('says-larger', 'says-smaller', 'says-empty', 'says-vast'):
        yield f'lies: {trait}', lies_about_sizes, (trait,)
    for trait in ('unknown-number', 'huge-length', 'empty-packet', 'short-packet', 'wrong-answer', 'dies'):
        for up in (True, False):
            yield f'breaks protocol: {trait} {"up" if up else "down"}', breaks_protocol, (trait, up)
    for trait in ('too-much-data', 'status-for-data', 'empty-data'):
        yield f'breaks protocol: {trait}', breaks_protocol, (trait, False)
    for trait in ('old-version', 'garbage-version', 'silent'):
        yield f'fails to start: {trait}', fails_to_start, (trait,)
    yield from [fails_close, evil_names, link_trap]


if __name__ == '__main__':
    sys.exit(main(tests()))

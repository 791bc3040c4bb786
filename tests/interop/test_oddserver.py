#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SFTP servers that are unlike OpenSSH's, unhelpful, wrong, or evil (oddserver.py has their traits)."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time

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
        # One that dies after some answers each time would be gone back to as long as the copy makes headway.
        options = ['--reconnect', '0'] if trait == 'dies' else []
        result = client.cp('-r', *options, *operands, timeout=40)
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


def file_trap(world):
    """Nor is a file written through such a link."""
    source, target, outside = world.path(b'tree'), world.path(), world.path()
    os.makedirs(source)
    os.symlink(os.path.join(outside, b'victim'), os.path.join(source, b'trap'))
    with Odd(world, 'file-trap') as client:
        for content in (None, b'precious'):
            if content:
                with open(os.path.join(outside, b'victim'), 'wb') as file:
                    file.write(content)
            for pattern in (source, source + b'/*', source + b'/.'):
                ended(client.cp('-r', client.remote(pattern), target), 0, 1, 3)
                found = [open(os.path.join(outside, name), 'rb').read() for name in os.listdir(outside)]
                check(found == ([content] if content else []), f'written through the link: {found}')


def duplicates(world):
    """A name that is listed three times arrives once, whole, whatever is said of the others."""
    source, target = sample(world), world.path()
    with Odd(world, 'duplicates') as client:
        for _ in range(2):
            ended(client.cp('-rp', client.remote(source), target), 0, 1)
            nothing_half_written(source, os.path.join(target, b'tree'))
    check(os.listdir(target) == [b'tree'], f'{os.listdir(target)}')


def long_names(world):
    """Names that no file system holds are named, escaped and cut short, and the others arrive."""
    source, target = world.path(b'tree'), world.path()
    os.makedirs(source)
    trees.make_file(os.path.join(source, b'good'), 100)
    with Odd(world, 'long-names') as client:
        for operand in (source, source + b'/*'):
            result = client.cp('-r', client.remote(operand), target)
            ended(result, *([0, 1, 3] if operand.endswith(b'*') else [1]))
            check(len(result.err) < 40_000, f'{len(result.err)} bytes said')
            check(not set(result.err) & {0x1b, 0x07}, f'raw control characters: {result}')
    check(os.path.exists(target + b'/tree/good') and os.path.exists(target + b'/good'), 'the good file is missing')


def loud_errors(world):
    source, target = sample(world), world.path(b'target')
    for up in (True, False):
        with Odd(world, 'loud-errors') as client:
            result = client.cp('-r', *((source, client.remote(target)) if up else (client.remote(source), target)))
        ended(result, 1)
        says(result, 'owned')
        check(not set(result.err) & {0x1b, 0x07}, f'raw control characters: {result}')
        check(len(result.err) < 500_000, f'{len(result.err)} bytes said')


def loud_banner(world):
    """A banner cannot do more to a terminal than begin lines."""
    banner = os.path.join(world.fresh(), 'banner')
    with open(banner, 'wb') as file:
        file.write(b'\x1b]0;owned\x07 \x9b2J welcome\r\n')
    server = world.new_server(options=[f'Banner {banner}'])
    client = world.new_client(server)
    result = client.cp('/etc/hostname', client.remote(world.path(b'f')))
    succeeded(result)
    says(result, 'owned', 'welcome')
    check(not set(result.err) & {0x1b, 0x07, 0x0d, 0x9b}, f'raw control characters: {result}')
    server.stop()


def endless_listing(world):
    """A directory without end costs time, not memory, and a signal ends it."""
    source, target = world.path(b'tree'), world.path()
    os.makedirs(source)
    with Odd(world, 'endless-listing') as client, tempfile.TemporaryFile() as said:
        child = subprocess.Popen([client.hawser, 'cp', '-P', str(client.port), '-r', client.remote(source), target],
                                 env=client.environment(), stdout=said, stderr=said)
        time.sleep(4)
        check(child.poll() is None, 'it has ended')
        with open(f'/proc/{child.pid}/status') as file:
            resident = int(re.search(r'VmRSS:\s*(\d+)', file.read()).group(1))
        child.send_signal(signal.SIGTERM)
        begin = time.monotonic()
        check(child.wait(timeout=30) == -15, f'status {child.returncode}')
        check(time.monotonic() - begin < 10, 'the signal was heeded late')
        said.seek(0)
        check(not set(said.read()) & {0x1b, 0x07}, 'raw control characters')
    # Sanitizers keep what was freed.
    padded = 'HAWSER_TEST_PATIENCE' in os.environ or 'ASAN_OPTIONS' in os.environ
    check(padded or resident < 150_000, f'{resident} KiB of memory')


def evil_names_between(world):
    """From one host to another such names are refused as well."""
    source, top = world.path(b'tree'), world.path()
    target = os.path.join(top, b'one', b'two')
    os.makedirs(target)
    os.makedirs(os.path.join(source, b'evil'))
    trees.make_file(os.path.join(source, b'evil/good'), 100)
    trees.make_file(os.path.join(source, b'evil/evil'), 100)
    count = os.path.join(world.fresh(), 'count')
    program = os.path.join(world.fresh(), 'program')
    with open(program, 'w') as file:
        # The first of the two servers is the source's.
        file.write(f'#!/bin/sh\necho >> {count}\n[ $(wc -l < {count}) = 1 ] || exec /usr/lib/openssh/sftp-server\n'
                   f'exec {sys.executable} {HERE}/oddserver.py evil-names {world.fresh()}\n')
    os.chmod(program, 0o755)
    result = world.client.run('cp', '-D', program, '-r', b'one:' + source, b'two:' + target)
    ended(result, 1)
    says(result, 'refused')
    found = sorted(os.path.relpath(path, top) for path in files_below(top))
    check(found == [b'one/two/tree/evil/evil', b'one/two/tree/evil/good'], f'written: {found}')
    check(not os.path.exists('/tmp/escaped'), '/tmp/escaped was written')


def endless_names(world, trait):
    """A directory without end is copied without end; that takes no memory without end, and can be ended."""
    source, target = world.path(b'tree'), world.path()
    os.makedirs(source)
    with Odd(world, trait) as client:
        child = client.start('-r', client.remote(source), target)
        try:
            highest = []
            for _ in range(2):
                time.sleep(2.5)
                check(child.poll() is None, f'it ended: {child.poll()}')
                with open(f'/proc/{child.pid}/status') as file:
                    highest.append(int(re.search(r'VmHWM:\s+(\d+) kB', file.read()).group(1)))
        finally:
            child.terminate()
            child.communicate(timeout=10)
    if 'ASAN_OPTIONS' not in os.environ:
        check(highest[1] < highest[0] * 1.3 + 4096 and highest[1] < 200_000, f'kilobytes in memory: {highest}')
    check(child.returncode != 0, f'status {child.returncode}')


def tests():
    for trait in ('plain', 'short-reads', 'small-reads', 'shuffled', 'small-packets', 'noisy'):
        yield f'copies well: {trait}', copies_well, (trait,)
    for trait in ('says-larger', 'says-smaller', 'says-empty', 'says-vast'):
        yield f'lies: {trait}', lies_about_sizes, (trait,)
    for trait in ('unknown-number', 'huge-length', 'empty-packet', 'short-packet', 'wrong-answer', 'answers-twice', 'dies'):
        for up in (True, False):
            yield f'breaks protocol: {trait} {"up" if up else "down"}', breaks_protocol, (trait, up)
    for trait in ('too-much-data', 'status-for-data', 'empty-data'):
        yield f'breaks protocol: {trait}', breaks_protocol, (trait, False)
    for trait in ('old-version', 'garbage-version', 'silent'):
        yield f'fails to start: {trait}', fails_to_start, (trait,)
    yield from [fails_close, evil_names, evil_names_between, link_trap, file_trap, duplicates, long_names, loud_errors,
                loud_banner, endless_listing]
    for trait in ('endless-dots', 'endless-files', 'endless-again'):
        yield f'endless names: {trait}', endless_names, (trait,)


if __name__ == '__main__':
    sys.exit(main(tests()))

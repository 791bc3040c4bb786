#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--resume: a copy that was killed is gone on with, as far as what is there is known to be good."""

import os
import random
import signal
import sys
import time

import trees
from relay import Network
from suite import check, files_below, main, same, says, succeeded

SIZE = 24 << 20
REDUCED = os.environ.get('HAWSER_TEST_EFFORT') == 'reduced'


def operands(client, source, target, up):
    return (source, client.remote(target)) if up else (client.remote(source), target)


def part_of(target):
    return os.path.join(os.path.dirname(target), b'.' + os.path.basename(target) + b'.hawser-part')


def records(client, notes=False):
    """What is recorded; NOTES: and the empty files that say what was begun."""
    top = os.path.join(client.home, '.local/state/hawser/resume')
    paths = [os.path.join(top, name) for name in os.listdir(top)] if os.path.isdir(top) else []
    return [path for path in paths if notes or os.path.getsize(path)]


class Killed:
    """A copy that was killed, and the relay through which it is gone on with."""

    def __init__(self, world, up, how=signal.SIGKILL, options=('--resume',)):
        self.up = up
        self.source, self.target = world.path(b'f'), world.path(b'f')
        trees.make_file(self.source, SIZE)
        self.network = Network(world.server.port, rate=8_000_000)
        self.client = world.new_client(world.server, self.network.port)
        child = self.client.start(*options, *operands(self.client, self.source, self.target, up))
        deadline = time.monotonic() + 30
        while self.network.forwarded['up' if up else 'down'] < 14 << 20:
            check(time.monotonic() < deadline and child.poll() is None, 'the copy did not go on')
            time.sleep(0.02)
        child.send_signal(how)
        child.communicate(timeout=20)
        check(child.returncode == -how, f'status {child.returncode}')
        check(not os.path.exists(self.target), 'a part stands under the final name')
        time.sleep(0.3)  # the server finishes what it had received
        self.network.rate = None

    def record(self):
        if self.up:
            found = records(self.client)
        else:
            found = [path for path in files_below(os.path.dirname(self.target)) if b'.hawser-ranges' in path]
        check(len(found) == 1, f'records: {found}')
        return found[0]

    def go_on(self, *options):
        result = self.client.cp('--json', '-v', '--resume', *options,
                                *operands(self.client, self.source, self.target, self.up))
        succeeded(result)
        check(trees.same_file(self.source, self.target), f'differs: {result}')
        left = os.listdir(os.path.dirname(self.target))
        check(left == [b'f'], f'left over: {left}')
        check(not records(self.client), 'the record was left over')
        return result, result.summary()['resumed_bytes']

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.network.stop()


def killed(world, up, how):
    with Killed(world, up, how) as k:
        k.record()
        result, resumed = k.go_on()
        check(4 << 20 < resumed < SIZE, f'{resumed} bytes were there')
        check(result.summary()['bytes'] <= SIZE - resumed, f'more was moved than was missing: {result}')
        says(result, 'recorded')


def damaged_record(world, up):
    """At some byte, cut short, or empty: ignored with a note, and the copy is right."""
    for number in range(3):
        with Killed(world, up) as k:
            path = k.record()
            with open(path, 'rb') as file:
                text = file.read()
            at = random.randrange(len(text))
            with open(path, 'wb') as file:
                file.write([text[:at] + bytes([text[at] ^ 1]) + text[at + 1:], text[:at], b''][number])
            result, resumed = k.go_on()
            says(result, 'damaged')
            check((resumed > 0) == up, f'{resumed} bytes were there')  # an upload is compared


def source_changed(world, up):
    """Another file of the same length by the next run: nothing of the old one is in the copy."""
    with Killed(world, up) as k:
        k.record()
        trees.make_file(k.source, SIZE, b'other')
        os.utime(k.source, (1_600_000_000, 1_600_000_000))
        k.go_on()


def lying_part(world, up):
    """What stands under the temporary name is as long as the source, but without a record: worth nothing
    by itself."""
    with Killed(world, up) as k:
        os.unlink(k.record())
        with open(part_of(k.target), 'r+b') as file:
            file.seek(3 << 20)
            file.write(b'\0' * 5000)
            file.truncate(SIZE)
        result, resumed = k.go_on()
        check((resumed > 0) == up, f'{resumed} bytes were there')


def link_in_its_place(world, up):
    """A link under the temporary name is not written through."""
    with Killed(world, up) as k:
        victim = world.path(b'victim')
        trees.make_file(victim, 1000)
        before = trees.digest(victim)
        os.unlink(part_of(k.target))
        os.symlink(victim, part_of(k.target))
        k.go_on()
        check(trees.digest(victim) == before, 'written through a link')


def without_record(world):
    """The first run knew nothing of --resume: what it left is read back and compared."""
    with Killed(world, True, options=()) as k:
        result, resumed = k.go_on()
        check(resumed > 4 << 20, f'{resumed} bytes were there')
        says(result, 'compared')


def within_the_rate(world):
    """Reading back counts for --bwlimit."""
    with Killed(world, True, options=()) as k:
        result, resumed = k.go_on('--bwlimit', '8M')
        check(resumed > 4 << 20, f'{resumed} bytes were there')
        # All of the source's length, about: read back what was there, sent the rest.
        check(0.85 * SIZE / (8 << 20) < result.seconds < 2 * SIZE / (8 << 20) + 2, f'{result.seconds} s')


def tree(world, up):
    """Partial files inside a tree are found too."""
    source, target = world.path(b'tree'), world.path(b'tree')
    trees.make_many(source, 40, 2000)
    trees.make_file(os.path.join(source, b'large'), SIZE)
    with Network(world.server.port, rate=8_000_000) as network:
        client = world.new_client(world.server, network.port)
        child = client.start('--resume', '-r', *operands(client, source, target, up))
        deadline = time.monotonic() + 30
        while network.forwarded['up' if up else 'down'] < 14 << 20:
            check(time.monotonic() < deadline and child.poll() is None, 'the copy did not go on')
            time.sleep(0.02)
        child.kill()
        child.communicate(timeout=20)
        time.sleep(0.3)
        network.rate = None
        result = client.cp('--json', '--resume', '-r',
                           *operands(client, os.path.join(source, b'.'), target, up))
    succeeded(result)
    same(source, target)
    check(result.summary()['resumed_bytes'] > 4 << 20, f'{result.summary()}')


SMALL = 3000


class KilledTree:
    """A copy of a tree of small files, killed when SHARE of it has come."""

    def __init__(self, world, up, share=0.5, options=('--resume',), count=1500):
        self.up, self.count = up, count
        self.source, self.target = world.path(b'tree'), world.path(b'tree')
        trees.make_many(self.source, count, SMALL, per_directory=100)
        self.network = Network(world.server.port, rate=3_000_000)
        self.client = world.new_client(world.server, self.network.port)
        child = self.client.start(*options, '-r', *operands(self.client, self.source, self.target, up))
        deadline = time.monotonic() + 40
        while self.network.forwarded['up' if up else 'down'] < share * count * SMALL:
            check(time.monotonic() < deadline, 'the copy did not go on')
            if child.poll() is not None:
                break
            time.sleep(0.005)
        child.kill()
        child.communicate(timeout=20)
        time.sleep(0.4)
        self.network.rate = None

    def journal(self):
        """The record whose entries are whole files, or None."""
        for path in records(self.client):
            with open(path, 'rb') as file:
                if file.read(16).startswith(b'hawser-journal'):
                    return path
        return None

    def go_on(self, *options):
        before = self.network.forwarded['up' if self.up else 'down']
        result = self.client.cp('--json', '--resume', *options, '-r',
                                *operands(self.client, os.path.join(self.source, b'.'), self.target, self.up))
        succeeded(result)
        same(self.source, self.target)
        check(not records(self.client, True), f'records were left over: {records(self.client, True)}')
        left = [path for path in files_below(self.target) if b'.hawser-' in os.path.basename(path)]
        check(not left, f'left over: {left}')
        return result.summary(), self.network.forwarded['up' if self.up else 'down'] - before

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.network.stop()


def same_command(world, up):
    """The command that made its destination goes on with that when it is run again, and not below it; when all is
    there, it copies into it, as without --resume."""
    with KilledTree(world, up, share=0.3, count=800) as k:
        check(os.path.isdir(k.target), 'nothing was made')
        command = '--resume', '-r', *operands(k.client, k.source, k.target, up)
        k.network.rate = 3_000_000
        child = k.client.start(*command)
        time.sleep(0.2)
        check(child.poll() is None, 'it was too fast')
        child.kill()
        child.communicate(timeout=20)
        time.sleep(0.3)
        k.network.rate = None
        succeeded(k.client.cp(*command))
        same(k.source, k.target)
        check(not records(k.client, True), f'records were left over: {records(k.client, True)}')
        succeeded(k.client.cp(*command))
        same(k.source, os.path.join(k.target, os.path.basename(k.source)))


def completed_files(world, up):
    """What the killed copy had completed does not move again, but for the last moments that were not recorded: those
    are compared."""
    with KilledTree(world, up, share=0.8, count=3000) as k:
        check(k.journal() is not None, 'no record')
        summary, _ = k.go_on()
        check(summary['resumed_bytes'] >= 0.3 * k.count * SMALL, f'{summary}')
        check(summary['bytes'] <= 0.7 * k.count * SMALL, f'{summary}')


def killed_anywhere(world, up):
    """Killed at random moments, several times in a row, and the record cut, altered, or lengthened at random: the
    copy is right."""
    for number in range(3 if REDUCED else 10):
        with KilledTree(world, up, share=random.uniform(0.05, 1.1), count=800) as k:
            path = k.journal()
            if path:
                with open(path, 'rb') as file:
                    data = bytearray(file.read())
                kind = number % 3
                if kind == 0:
                    del data[random.randrange(len(data)):]
                elif kind == 1:
                    for _ in range(20):
                        data[random.randrange(len(data))] ^= 1 + random.randrange(255)
                else:
                    data += os.urandom(random.randrange(1, 100)) + bytes(64)
                with open(path, 'wb') as file:
                    file.write(data)
            k.go_on()


def other_content(world, up):
    """Files of the same length there, which the record does not speak of, or whose source has changed since: their
    content is compared, and replaced."""
    with KilledTree(world, up, share=0.8) as k:
        done = sorted(path for path in files_below(k.target)
                      if b'.hawser-' not in os.path.basename(path))
        check(len(done) > 20, 'too few')
        for path in done[:5]:
            source = os.path.join(k.source, os.path.relpath(path, k.target))
            before = os.stat(source)
            trees.make_file(source, before.st_size, b'other')
            # Not even the time tells, where the inode's does.
            os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns + (0 if up else 2_000_000_000)))
        missing = [os.path.join(d, name) for d, _, names in os.walk(k.source) for name in names
                   if not os.path.exists(os.path.join(k.target, os.path.relpath(os.path.join(d, name), k.source)))]
        for path in missing[:5]:
            there = os.path.join(k.target, os.path.relpath(path, k.source))
            os.makedirs(os.path.dirname(there), exist_ok=True)
            trees.make_file(there, os.path.getsize(path), b'strange')
        k.go_on()


def without_journal(world, up):
    """What is equal stays, as far as it was read back; with --verify a record is not enough."""
    for verify in (False, True):
        with KilledTree(world, up, share=0.8, count=1000) as k:
            path = k.journal()
            if path and not verify:
                os.unlink(path)
            summary, _ = k.go_on(*(['--verify'] if verify else []))
            check(summary['resumed_bytes'] >= 0.2 * k.count * SMALL, f'{summary}')
            if verify:
                check(sum(summary['verified'].values()) == k.count, f'{summary}')


def tests():
    for up in (True, False):
        word = 'upload' if up else 'download'
        for how in (signal.SIGKILL, signal.SIGINT):
            yield f'killed {word} {how.name}', killed, (up, how)
        for test in (damaged_record, source_changed, lying_part, link_in_its_place, tree, same_command, completed_files,
                     killed_anywhere, other_content, without_journal):
            yield f'{test.__name__} {word}', test, (up,)
    yield without_record
    yield within_the_rate


if __name__ == '__main__':
    sys.exit(main(tests()))

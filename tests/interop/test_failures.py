#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on the way: full disks, refused files, cut connections, a killed command.

Whatever happens, a final name holds the whole file or what stood there before.
"""

import os
import shutil
import signal
import subprocess
import sys
import time

import trees
from relay import DOWN, UP, Relay
from suite import ENGINES, Skip, check, ended, files_below, main, needs_root, same, says, succeeded

NO_OVERRIDE = ['setpriv', '--bounding-set=-dac_override,-dac_read_search']


class SmallDisk:
    """A tmpfs of SIZE bytes at PATH."""

    def __init__(self, path, size):
        needs_root()
        self.path = path
        done = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'hawser-test', path],
                              capture_output=True, text=True)
        if done.returncode:
            raise Skip(f'cannot mount a small disk: {done.stderr.strip()}')

    def __enter__(self):
        return os.fsencode(self.path)

    def __exit__(self, *ignored):
        subprocess.run(['umount', self.path], check=True)


def disk_full(world, remote):
    """One large file does not fit: it is named with the reason, and so is whatever else found no room
    beside it; the rest arrives, whole."""
    source = world.path(b'tree')
    os.makedirs(source)
    trees.make_file(os.path.join(source, b'large'), 8 << 20)
    for number in range(10):
        trees.make_file(os.path.join(source, b'small%d' % number), 1000)
    with SmallDisk(world.fresh('disk'), 2 << 20) as disk:
        if remote:
            result = world.client.cp('-r', source, world.client.remote(disk))
        else:
            result = world.client.cp('-r', world.client.remote(source), disk)
        ended(result, 1)
        says(result, 'large')
        check(not os.path.exists(os.path.join(disk, b'tree', b'large')), 'a part stands under the final name')
        left = sum(os.path.getsize(path) for path in files_below(disk))
        check(left < 1 << 20, f'{left} bytes of leftovers fill the disk: {files_below(disk)}')
        for number in range(10):
            name = b'small%d' % number
            path = os.path.join(disk, b'tree', name)
            if os.path.exists(path):
                check(trees.same_file(os.path.join(source, name), path), f'{name!r} is half-written')
            else:
                says(result, name)
        if not remote:
            says(result, 'no space')


def disk_full_replacing(world):
    """A file that stands survives a new version that does not fit."""
    source = world.path(b'f')
    trees.make_file(source, 8 << 20)
    with SmallDisk(world.fresh('disk'), 2 << 20) as disk:
        for number, operand in enumerate((lambda p: p, world.client.remote)):
            target = os.path.join(disk, b'f%d' % number)
            trees.make_file(target, 500_000)
            before = trees.digest(target)
            result = world.client.cp(source, operand(target))
            ended(result, 1)
            check(trees.digest(target) == before, 'what stood there is lost')


def full_device(world):
    """/dev/full is written in place and is full."""
    source = world.path(b'f')
    trees.make_file(source, 100_000)
    ended(world.client.cp(source, world.client.remote('/dev/full')), 1)
    result = world.client.cp(world.client.remote(source), '/dev/full')
    ended(result, 1)
    says(result, '/dev/full', 'no space')


def file_too_large(world):
    """A limit on the size of files is an error of that file, not the end of the command."""
    source = world.path(b'tree')
    os.makedirs(source)
    trees.make_file(os.path.join(source, b'large'), 4 << 20)
    trees.make_file(os.path.join(source, b'small'), 1000)
    target = world.path(b'tree')
    result = world.client.cp('-r', world.client.remote(source), target,
                             wrapper=['sh', '-c', 'ulimit -f 1024; trap "" XFSZ; exec "$@"', 'sh'])
    ended(result, 1)
    says(result, 'large')
    check(not os.path.exists(os.path.join(target, b'large')), 'a part stands under the final name')
    check(trees.same_file(os.path.join(source, b'small'), os.path.join(target, b'small')), 'small differs')


def one_of_many_denied(world, servers={}):
    """Permission denied for one file of many, on each side, reading and writing."""
    wrapper = []
    if os.getuid() == 0:
        if not shutil.which('setpriv'):
            raise Skip('no setpriv')
        wrapper = NO_OVERRIDE
    server = world.new_server(wrapper=wrapper)
    client = world.new_client(server)
    source = world.path(b'tree')
    trees.make_many(source, 30, 100, per_directory=10)
    denied = os.path.join(source, b'd0001', b'f000013')
    closed = os.path.join(source, b'd0002')
    os.chmod(denied, 0)
    os.chmod(closed, 0)
    try:
        for up in (True, False):
            target = world.path(b'tree')
            operands = (source, client.remote(target)) if up else (client.remote(source), target)
            result = client.cp('-r', *operands, wrapper=wrapper)
            ended(result, 1)
            says(result, 'f000013', 'd0002', 'permission denied')
            arrived = [p for p in files_below(target)]
            check(len(arrived) == 19, f'{len(arrived)} files arrived, not 19')
    finally:
        os.chmod(denied, 0o644)
        os.chmod(closed, 0o755)
    deny_writing(world, client, source, wrapper)
    server.stop()


def deny_writing(world, client, source, wrapper):
    """A directory that takes no new names: existing files are written in place, new ones fail."""
    for up in (True, False):
        target = world.path(b'tree')
        shutil.copytree(source, target)
        locked = os.path.join(target, b'd0001')
        os.unlink(os.path.join(locked, b'f000015'))
        for path in files_below(locked):
            trees.make_file(path, 7, b'old')
        os.chmod(locked, 0o555)
        try:
            from_, to = os.path.join(source, b'.'), target
            operands = (from_, client.remote(to)) if up else (client.remote(from_), to)
            result = client.cp('-r', *operands, wrapper=wrapper)
            ended(result, 1)
            says(result, 'f000015', 'permission denied')
            for path in files_below(locked):
                check(trees.same_file(os.path.join(source, b'd0001', os.path.basename(path)), path),
                      f'{path!r} was not written in place')
        finally:
            os.chmod(locked, 0o755)


def cut_connection(world, direction, up, engine):
    """The connection breaks after so many bytes: status 255 at once, nothing half under a final name."""
    source = world.path(b'tree')
    os.makedirs(source)
    trees.make_file(os.path.join(source, b'large'), 700_000)
    trees.make_many(os.path.join(source, b'many'), 40, 500)
    total = whole_length(world, source, up, direction, engine)
    offsets = list(range(0, 1600, 93)) + list(range(1600, total, max(1, total // 25)))
    for offset in offsets:
        # At least one byte: a cut needs data to happen at.
        cut_once(world, source, (direction, offset + 1), up, engine)


def whole_length(world, source, up, direction, engine):
    with Relay(world.server.port) as relay:
        client = world.new_client(world.server, relay.port)
        target = world.path(b'tree')
        operands = (source, client.remote(target)) if up else (client.remote(source), target)
        succeeded(client.cp('-r', *operands, env={'HAWSER_NIC': engine}))
        same(source, target)
        return relay.forwarded[direction]


def cut_once(world, source, cut, up, engine):
    target = world.path(b'tree')
    with Relay(world.server.port, cut=cut) as relay:
        client = world.new_client(world.server, relay.port)
        operands = (source, client.remote(target)) if up else (client.remote(source), target)
        result = client.cp('--reconnect', '0', '-r', *operands, env={'HAWSER_NIC': engine}, timeout=30)
        if result.status == 0:  # cut among the farewells
            same(source, target)
            return
        ended(result, 255)
        check(result.err.strip(), f'cut at {cut}: nothing was said')
    for directory, _, names in os.walk(target):
        for name in names:
            path = os.path.join(directory, name)
            original = os.path.join(source, os.path.relpath(path, target))
            if os.path.exists(original):
                check(trees.same_file(original, path), f'cut at {cut}: {path!r} is half-written')


def killed_and_resumed(world, up):
    """Killed in the middle: no part under the final name; the next run finds its temporary name
    and leaves nothing behind."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 30 << 20)
    with Relay(world.server.port, rate=20_000_000) as relay:
        client = world.new_client(world.server, relay.port)
        operands = (source, client.remote(target)) if up else (client.remote(source), target)
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            child = client.start(*operands)
            deadline = time.monotonic() + 20
            while sum(map(os.path.getsize, files_below(os.path.dirname(target)))) < 3 << 20:
                check(time.monotonic() < deadline and child.poll() is None, 'the copy did not start')
                time.sleep(0.02)
            child.send_signal(number)
            child.communicate(timeout=20)
            check(child.returncode != 0, f'status {child.returncode} after signal {number}')
            check(not os.path.exists(target), 'a part stands under the final name')
            time.sleep(0.2)
            left = os.listdir(os.path.dirname(target))
            check(len(left) <= 1, f'more than one temporary name: {left}')
    client = world.client
    operands = (source, client.remote(target)) if up else (client.remote(source), target)
    succeeded(client.cp(*operands))
    check(trees.same_file(source, target), 'the copy differs')
    check(os.listdir(os.path.dirname(target)) == [b'f'], f'left over: {os.listdir(os.path.dirname(target))}')


def killed_tree_resumed(world):
    source, parent = world.path(b'tree'), world.path()
    trees.make_many(source, 4000, 3000)
    target = os.path.join(parent, b'tree')
    with Relay(world.server.port, rate=10_000_000) as relay:
        client = world.new_client(world.server, relay.port)
        child = client.start('-r', source, client.remote(target))
        deadline = time.monotonic() + 20
        while len(files_below(parent)) < 300:
            check(time.monotonic() < deadline and child.poll() is None, 'the copy did not start')
            time.sleep(0.02)
        child.kill()
        child.communicate(timeout=20)
    for path in files_below(target):
        original = os.path.join(source, os.path.relpath(path, target))
        if os.path.exists(original):
            check(trees.same_file(original, path), f'{path!r} is half-written')
    succeeded(world.client.cp('-r', os.path.join(source, b'.'), world.client.remote(target)))
    same(source, target)
    check(os.listdir(parent) == [b'tree'], f'left over: {os.listdir(parent)}')


def scarce_memory(world):
    """However little memory there is, the command ends with a sentence and never crashes."""
    if 'ASAN_OPTIONS' in os.environ:
        raise Skip('sanitizers need all of the address space')
    source = world.path(b'f')
    trees.make_file(source, 3_000_000)
    seen = set()
    for limit in range(8000, 120_000, 250):
        target = world.path(b'f')
        result = world.client.cp(world.client.remote(source), target,
                                 wrapper=['sh', '-c', f'ulimit -v {limit}; exec "$@"', 'sh'])
        ended(result, 0, 1, 2, 127, 255)  # 127: not even its libraries fit
        check(result.status == 0 or result.err, f'nothing was said: {result}')
        check(result.status == 0 or not os.path.exists(target), 'a part stands under the final name')
        seen.add(result.status)
        if result.status == 0:
            return
    check(False, f'never succeeded, only ended with {seen}')


def silent_network(world):
    """ServerAliveInterval notices a connection that no longer carries anything."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 20 << 20)
    for up in (True, False):
        with Relay(world.server.port, stall=(UP if up else DOWN, 5 << 20)) as relay:
            client = world.new_client(world.server, relay.port)
            operands = (source, client.remote(target)) if up else (client.remote(source), target)
            result = client.cp('--reconnect', '0', '-o', 'ServerAliveInterval=1', '-o', 'ServerAliveCountMax=2',
                               *operands, timeout=30)
            ended(result, 255)
            check(2 <= result.seconds < 12, f'noticed after {result.seconds:.1f} s')
        check(not os.path.exists(target), 'a part stands under the final name')


def source_vanishes(world):
    """Sources that go while the copy runs are status 3, and say so."""
    source, target = world.path(b'tree'), world.path(b'tree')
    trees.make_many(source, 3000, 4000)
    with Relay(world.server.port, rate=4_000_000) as relay:
        client = world.new_client(world.server, relay.port)
        child = client.start('-r', source, client.remote(target))
        time.sleep(1)
        gone = os.path.join(source, b'd0029')
        for path in files_below(gone):
            os.unlink(path)
        out, err = child.communicate(timeout=60)
    if child.returncode == 0:
        # Everything had been opened before it went; then all of it must have arrived.
        check(len(files_below(target)) in (2900, 3000), f'{len(files_below(target))} files arrived')
    else:
        check(child.returncode == 3, f'status {child.returncode}: {err[-500:]!r}')
        check(b'vanished' in err or b'No such file' in err, f'{err[-500:]!r}')


def links_out_of_the_destination(world):
    """What stands in the destination as a link to elsewhere is not led through by a tree that has a
    directory of that name."""
    source, target, outside = world.path(b'tree'), world.path(b'tree'), world.path()
    os.makedirs(os.path.join(source, b'trap'))
    trees.make_file(os.path.join(source, b'trap', b'planted'), 10)
    shutil.copytree(source, target)
    shutil.rmtree(os.path.join(target, b'trap'))
    os.symlink(outside, os.path.join(target, b'trap'))
    world.client.cp('-r', world.client.remote(os.path.join(source, b'.')), target)
    # As cp has it the user's own link may be followed or refused; what may not happen is a loss.
    check(os.path.islink(os.path.join(target, b'trap')) or os.path.isdir(os.path.join(target, b'trap')), 'lost')


def no_subsystem(world):
    server = world.new_server()
    with open(server.config) as file:
        text = file.read()
    server.stop()
    with open(server.config, 'w') as file:
        file.write('\n'.join(line for line in text.splitlines() if not line.startswith('Subsystem')) + '\n')
    server.start()
    source = world.path(b'f')
    trees.make_file(source, 10)
    client = world.new_client(server)
    result = client.cp(source, client.remote(world.path(b'f')), timeout=30)
    ended(result, 255, 2)
    says(result, 'sftp')
    server.stop()


def read_only_server(world):
    server = world.new_server(sftp_options='-R')
    client = world.new_client(server)
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 10)
    result = client.cp(source, client.remote(target))
    ended(result, 1)
    says(result, 'f')
    check(not os.listdir(os.path.dirname(target)), 'something was written')
    back = world.path(b'f')
    succeeded(client.cp(client.remote(source), back))
    server.stop()


def server_without_extensions(world):
    """Requests that the server denies are done without."""
    server = world.new_server(
        sftp_options='-P posix-rename,statvfs,fstatvfs,hardlink,fsync,lsetstat,limits,expand-path,copy-data,'
                     'home-directory,users-groups-by-id')
    client = world.new_client(server)
    source, there, back = world.path(b'tree'), world.path(b'tree'), world.path(b'tree')
    trees.make_odd_tree(source)
    succeeded(client.cp('-r', '-p', source, client.remote(there)))
    same(source, there, modes=True)
    succeeded(client.cp('-r', '-p', source, client.remote(os.path.dirname(there))))
    same(source, there, modes=True)
    succeeded(client.cp('-r', '-p', client.remote(there), back))
    same(source, back, modes=True)
    server.stop()


def tests():
    yield 'disk full remote', disk_full, (True,)
    yield 'disk full local', disk_full, (False,)
    yield from [disk_full_replacing, full_device, file_too_large, one_of_many_denied, scarce_memory, silent_network, source_vanishes,
                links_out_of_the_destination, no_subsystem, read_only_server, server_without_extensions,
                killed_tree_resumed]
    for up in (True, False):
        word = 'upload' if up else 'download'
        yield f'killed {word}', killed_and_resumed, (up,)
        for direction in (UP, DOWN):
            engine = ENGINES[(up, direction) in ((True, UP), (False, DOWN))]
            yield f'cut {word} {direction} {engine}', cut_connection, (direction, up, engine)


if __name__ == '__main__':
    sys.exit(main(tests()))

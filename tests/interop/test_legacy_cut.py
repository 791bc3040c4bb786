#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The old scp protocol (-O) over connections that are cut: the copy goes on, what was acknowledged is not sent
again, and every result is compared with its source, byte for byte."""

import getpass
import os
import random
import signal
import sys
import time

import trees
from relay import Network
from suite import check, ended, files_below, main, same, says, succeeded

# So that a failure can be repeated.
SEED = int(os.environ.get('HAWSER_TEST_SEED', '0')) or random.SystemRandom().randrange(1, 1 << 32)


def operands(client, sources, target, up):
    return (*sources, client.remote(target)) if up else (*[client.remote(source) for source in sources], target)


def make_tree(world, name=b'tree'):
    """Directories in directories, with files before and behind them, modes, times, empty ones."""
    source = world.path(name)
    trees.make_many(source, 150, 3000, per_directory=12)
    for number in range(6):
        deep = os.path.join(source, *[b'deep%d' % n for n in range(number + 1)])
        os.makedirs(deep, exist_ok=True)
        for n in range(5):
            trees.make_file(os.path.join(deep, b'file%d' % n), 7000 * n)
            os.utime(os.path.join(deep, b'file%d' % n), (10**9, 10**9 + n))
    os.makedirs(os.path.join(source, b'empty', b'emptier'))
    os.chmod(os.path.join(source, b'deep0'), 0o750)
    os.chmod(os.path.join(source, b'deep0', b'file1'), 0o444)
    for directory, _, _ in os.walk(source, topdown=False):
        os.utime(directory, (10**9, 10**9))
    return source


def cut_often(world, up, options, stands):
    """A tree, many cuts: to a new name, into a directory that stands there, its content."""
    source = make_tree(world)
    top = world.path()
    target = os.path.join(top, b'new')
    if stands:
        os.makedirs(target)
    what = os.path.join(source, b'.') if stands == 'content' else source
    with Network(world.server.port, cuts=25, between=(9000, 70_000), random=random.Random(SEED)) as network:
        client = world.new_client(world.server, network.port)
        result = client.cp('-O', *options, '--json', *operands(client, [what], target, up), timeout=120)
        check(result.status == 0, f'seed {SEED}, after {network.cut_count} cuts: {result}')
        check(network.cut_count >= 5, f'only {network.cut_count} cuts: the tree is too small')
    arrived = os.path.join(target, b'tree') if stands is True else target
    times = 's' if 'p' in options[0] else None
    if stands == 'content':
        os.utime(target, (10**9, 10**9))  # is not what is copied
        os.chmod(target, 0o755)
    same(source, arrived, modes=bool(times), times=times)
    left = [path for path in files_below(top) if b'.hawser' in path]
    check(not left, f'left over: {left}')
    summary = result.summary()
    count = len(files_below(source))
    size = sum(os.path.getsize(path) for path in files_below(source))
    check(summary['files'] == count and summary['bytes'] == size and summary['failed'] == 0 and
          summary['reconnects'] >= 5, f'{count} files, {size} bytes: {summary}')
    names = [line for line in result.objects() if line['type'] == 'file']
    check(len(names) == count, f'{len(names)} files named, not {count}')


def said_once(world):
    """What cannot be copied is named once, though the copy begins anew many times."""
    for up in (True, False):
        source, target = make_tree(world), world.path()
        os.symlink('nowhere', os.path.join(source, b'dangling'))
        os.symlink('nowhere', os.path.join(source, b'deep0', b'dangling'))
        os.mkfifo(os.path.join(source, b'deep0', b'fifo'))
        missing = world.path(b'missing')
        with Network(world.server.port, cuts=12, between=(9000, 70_000), random=random.Random(SEED)) as network:
            client = world.new_client(world.server, network.port)
            result = client.cp('-O', '-r', '--json', *operands(client, [missing, source], target, up), timeout=120)
        ended(result, 1)
        check(network.cut_count >= 3, f'only {network.cut_count} cuts')
        errors = [line for line in result.objects() if line['type'] in ('error', 'changed')]
        check(len(errors) == 4, f'seed {SEED}: {len(errors)} errors: {errors}')
        for name in (b'dangling', b'deep0/dangling', b'deep0/fifo'):
            os.unlink(os.path.join(source, name))
        same(source, os.path.join(target, b'tree'))


def too_large_for_the_network(world):
    """A file that never gets through between two cuts: an end, and why; nothing half under its name here."""
    source = world.path(b'f')
    trees.make_file(source, 3_000_000)
    for up in (True, False):
        target = world.path(b'f')
        with Network(world.server.port, cuts=1000, between=(100_000, 200_000), random=random.Random(SEED)) as network:
            client = world.new_client(world.server, network.port)
            result = client.cp('-O', *operands(client, [source], target, up), timeout=60)
        ended(result, 255)
        says(result, 'twenty times')
        check(not files_below(os.path.dirname(target)) or up, f'{files_below(os.path.dirname(target))}')


def server_gone(world):
    """A server that does not come back is waited for as long as --reconnect says."""
    source = world.path(b'f')
    trees.make_file(source, 20 << 20)
    for allowed, least, most in ((0, 0, 1.5), (3, 0.3, 6)):
        for up in (True, False):
            target = world.path(b'f')
            with Network(world.server.port, rate=10_000_000) as network:
                client = world.new_client(world.server, network.port)
                child = client.start('-O', '--reconnect', str(allowed), *operands(client, [source], target, up))
                time.sleep(0.7)
                check(child.poll() is None, 'too fast to be cut')
                network.refusing = True
                begin = time.monotonic()
                network.cut_all()
                err = child.communicate(timeout=30)[1]
                took = time.monotonic() - begin
            check(child.returncode == 255, f'{child.returncode}: {err!r}')
            check(least <= took < most, f'{took:.1f} s with {allowed} s allowed: {err!r}')
            check(b'connecting again' in err or not allowed, f'{err!r}')


def interrupted(world):
    """^C while no connection is there ends it at once, and leaves nothing here."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 20 << 20)
    with Network(world.server.port, rate=10_000_000) as network:
        client = world.new_client(world.server, network.port)
        child = client.start('-O', client.remote(source), target)
        time.sleep(0.7)
        network.refusing = True
        network.cut_all()
        time.sleep(1)
        check(child.poll() is None, 'it did not try to connect again')
        begin = time.monotonic()
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=30)
        took = time.monotonic() - begin
    check(child.returncode == -signal.SIGINT and took < 1, f'status {child.returncode} after {took:.1f} s')
    check(not files_below(os.path.dirname(target)), f'{files_below(os.path.dirname(target))}')


def names_for_the_shell(world):
    """A target that only the shell there knows, and that this run makes: begun anew it would be another place."""
    source = make_tree(world)
    for name, goes_on in ((b'ne\\w', False), (b'new/', True), (b'sub/../new', True)):
        top = world.path()
        os.makedirs(os.path.join(top, b'sub'))
        with Network(world.server.port, cuts=6, between=(9000, 70_000), random=random.Random(SEED)) as network:
            client = world.new_client(world.server, network.port)
            result = client.cp('-O', '-r', source, client.remote(os.path.join(top, name)), timeout=60)
        if goes_on:
            succeeded(result)
            same(source, os.path.join(top, b'new'))
        else:
            ended(result, 255)
            says(result, 'shell')
            check(not os.path.exists(os.path.join(top, b'new', b'tree')), 'the tree went into itself')


def between_hosts(world):
    """Files begin anew whichever side is cut; a tree with a new name does not, and says why."""
    sources = [world.path(b'f%d' % n) for n in range(12)]
    for number, source in enumerate(sources):
        trees.make_file(source, 5000 * number)
    tree = make_tree(world)

    def copy(side, cuts, *names, options=()):
        """From one to the other port of the server; the connection of SIDE is cut."""
        with Network(world.server.port, cuts=cuts, between=(12_000, 90_000), random=random.Random(SEED)) as network:
            client = world.new_client(world.server, network.port)
            client.write('known_hosts', world.server.known_hosts() + world.server.known_hosts(network.port))
            ports = [world.server.port, world.server.port]
            ports[side] = network.port
            urls = [f'scp://{getpass.getuser()}@127.0.0.1:{ports[name is names[-1]]}//{os.fsdecode(name)}' for name in names]
            result = client.run('cp', '-O', *options, *urls)
            check(network.cut_count >= min(cuts, 3), f'only {network.cut_count} cuts')
        return result

    for side in (0, 1):
        target = world.path()
        succeeded(copy(side, 8, *sources, target))
        for source in sources:
            check(trees.same_file(source, os.path.join(target, os.path.basename(source))), f'{source!r}')
        result = copy(side, 1, tree, world.path(b'new'), options=['-r'])
        ended(result, 255)
        says(result, 'anew')


def tests():
    yield from (said_once, too_large_for_the_network, server_gone, interrupted, names_for_the_shell, between_hosts)
    for up in (True, False):
        for options, stands in ((['-rp'], False), (['-r'], True), (['-rp'], 'content')):
            if stands == 'content' and not up:
                continue  # scp -f sends "." then, which scp does not take either
            yield (f'{"up" if up else "down"} {options[0]} {stands}', cut_often, (up, options, stands))


if __name__ == '__main__':
    sys.exit(main(list(tests())))

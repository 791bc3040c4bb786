#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From one host to another over networks that cut connections: either side is brought back, and the copy goes on.

Two of Debian's sshd, each behind a network of its own.
"""

import os
import random
import signal
import subprocess
import sys
import time

import trees
from relay import Network
from suite import check, ended, files_below, main, same, says, succeeded
from test_survive import SEED, make_tree


class LoggedIn(random.Random):
    """The first connection of a side is cut behind its login: a host that was never reached is not tried again."""

    LOGIN = 20_000
    drawn = False

    def randint(self, least, most):
        least = least if self.drawn else max(least, self.LOGIN)
        self.drawn = True
        return super().randint(least, most)


class Between:
    """Hosts "one" and "two", and a user who knows both."""

    def __init__(self, world, one=None, two=None, **both):
        """ONE and TWO: what is special about the network of that host; BOTH: of each."""
        self.world = world
        self.other = world.new_server()
        servers = world.server, self.other
        self.networks = [Network(server.port, random=LoggedIn(SEED + number), **both, **(options or {}))
                         for number, (server, options) in enumerate(zip(servers, (one, two)))]
        self.client = world.new_client(world.server)
        self.client.port = None
        self.client.write('known_hosts', ''.join(
            server.known_hosts(network.port) for server, network in zip(servers, self.networks)))
        self.client.write('config', ''.join(
            f'Host {name}\n  HostName 127.0.0.1\n  Port {network.port}\n'
            for name, network in zip(('one', 'two'), self.networks)))

    def cp(self, *arguments, **options):
        return self.client.run('cp', *arguments, **options)

    def start(self, *arguments):
        return subprocess.Popen([self.client.hawser, 'cp', *arguments], env=self.client.environment(),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        for network in self.networks:
            network.stop()
        self.other.stop()


def cut_often(world, sides, cuts, jobs=1, fresh=True, options=()):
    """Connections of either side, or of both, are cut at random places during one tree."""
    source, target = make_tree(world), world.path(b'tree')
    if not fresh:
        os.makedirs(os.path.join(target, b'd0001'))
        trees.make_file(os.path.join(target, b'large0'), 1000, b'old')
    what = os.path.join(source, b'.') if not fresh else source
    often = dict(cuts=cuts, between=(2000, 120_000))
    with Between(world, *[often if side in sides else None for side in range(2)]) as b:
        result = b.cp('-r', '-p', '--json', '-j', str(jobs), *options, b'one:' + what, b'two:' + target,
                      timeout=90 + 2 * cuts)
        odd = b'\n'.join(line for line in result.err.splitlines() if b'connecting again' not in line)
        counts = [network.cut_count for network in b.networks]
        check(result.status == 0, f'seed {SEED}, after {counts} cuts: {odd[-600:]!r} {result}')
        check(all((counts[side] >= min(cuts, 4)) == (side in sides) for side in range(2)), f'{counts} cuts')
        summary = result.summary()
        check(summary['reconnects'] > 0, f'{summary}')
        check(summary['files'] == 252, f'{summary["files"]} files counted')
    same(source, target, modes=True, times='s')
    left = [path for path in files_below(os.path.dirname(target)) if b'.hawser' in path]
    check(not left, f'left over: {left}')


def tests():
    for sides, word in (((0,), 'of the source'), ((1,), 'of the destination'), ((0, 1), 'of both')):
        yield f'cut often {word}', cut_often, (sides, 15)
        yield f'cut often {word} with three', cut_often, (sides, 12, 3)
    yield 'cut often into what stands', cut_often, ((0, 1), 10, 1, False)


if __name__ == '__main__':
    print(f'seed {SEED}')
    sys.exit(main(tests()))

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Transfers that survive: cut connections, several connections, killed commands that are resumed.

Every result is compared with its source, byte for byte.
"""

import os
import random
import signal
import sys
import time

import trees
from relay import Network
from suite import ENGINES, Skip, check, ended, files_below, main, make_key, same, says, succeeded

# So that a failure can be repeated.
SEED = int(os.environ.get('HAWSER_TEST_SEED', '0')) or random.SystemRandom().randrange(1, 1 << 32)


def operands(client, source, target, up):
    return (source, client.remote(target)) if up else (client.remote(source), target)


def make_tree(world, small=250, large=((3 << 20) + 17, 900_000)):
    source = world.path(b'tree')
    trees.make_many(source, small, 2500, per_directory=20)
    for number, size in enumerate(large):
        trees.make_file(os.path.join(source, b'large%d' % number), size)
    os.symlink(b'large0', os.path.join(source, b'link'))
    os.makedirs(os.path.join(source, b'empty', b'emptier'))
    return source


def cut_often(world, up, cuts, jobs=0, fresh=True, engine=None, between=(2000, 120_000), options=()):
    """Connections that are cut at random places during one tree."""
    large = ((3 << 20) + 17, 900_000) if cuts < 100 else ((8 << 20) + 17, 900_000)
    source, target = make_tree(world, large=large), world.path(b'tree')
    if not fresh:
        os.makedirs(os.path.join(target, b'd0001'))
        trees.make_file(os.path.join(target, b'large0'), 1000, b'old')
    what = os.path.join(source, b'.') if not fresh else source
    with Network(world.server.port, cuts=cuts, between=between, random=random.Random(SEED)) as network:
        client = world.new_client(world.server, network.port)
        many = ['-j', str(jobs)] if jobs else []
        result = client.cp('-r', '-p', '--json', *many, *options, *operands(client, what, target, up),
                           env={'HAWSER_NIC': engine} if engine else None, timeout=60 + cuts)
        odd = b'\n'.join(line for line in result.err.splitlines() if b'connecting again' not in line)
        check(result.status == 0, f'seed {SEED}, after {network.cut_count} cuts: {odd[-600:]!r} {result}')
        least = cuts if cuts >= 100 else 3
        check(network.cut_count >= least, f'only {network.cut_count} cuts: the tree is too small')
        summary = result.summary()
        check(summary['reconnects'] > 0, f'{summary}')
        check(summary['files'] == 252, f'{summary["files"]} files counted')
    same(source, target, modes=True)
    left = [p for p in files_below(os.path.dirname(target)) if b'.hawser' in p]
    check(not left, f'left over: {left}')


def server_killed(world, up):
    """The server's process for the session is killed; the next attempt finds the server again."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 40 << 20)
    with Network(world.server.port, rate=20_000_000) as network:
        client = world.new_client(world.server, network.port)
        child = client.start('--json', *operands(client, source, target, up))
        time.sleep(1)
        check(child.poll() is None, 'too fast to be cut')
        network.cut_all()
        time.sleep(0.5)
        network.cut_all()
        out, err = child.communicate(timeout=60)
    check(child.returncode == 0, f'{child.returncode}: {err[-600:]!r}')
    check(b'connecting again' in err, f'{err!r}')
    check(trees.same_file(source, target), 'differs')


def server_gone(world):
    """A server that does not come back: given up in the time allowed, said, nothing under the final name;
    with --reconnect 0 at once."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 20 << 20)
    for allowed, least, most in ((0, 0, 1.5), (3, 0.5, 6)):
        with Network(world.server.port, rate=10_000_000) as network:
            client = world.new_client(world.server, network.port)
            child = client.start('--reconnect', str(allowed), source, client.remote(target))
            time.sleep(0.7)
            network.refusing = True
            begin = time.monotonic()
            network.cut_all()
            err = child.communicate(timeout=30)[1]
            took = time.monotonic() - begin
        check(child.returncode == 255, f'{child.returncode}: {err!r}')
        check(least <= took < most, f'{took:.1f} s with {allowed} s allowed: {err!r}')
        check(not os.path.exists(target), 'a part stands under the final name')


def interrupted_while_away(world):
    """^C while no connection is there ends it at once."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 20 << 20)
    with Network(world.server.port, rate=10_000_000) as network:
        client = world.new_client(world.server, network.port)
        child = client.start(source, client.remote(target))
        time.sleep(0.7)
        network.refusing = True
        network.cut_all()
        time.sleep(1)
        check(child.poll() is None, 'it did not try to connect again')
        begin = time.monotonic()
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=30)
        took = time.monotonic() - begin
    check(child.returncode == -signal.SIGINT, f'status {child.returncode}')
    check(took < 1, f'{took:.1f} s')


def silent_connection(world):
    """Keepalives notice a connection that carries nothing more; then it is brought back."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 6 << 20)
    for up in (True, False):
        with Network(world.server.port, cuts=1, between=(1 << 20, 2 << 20), stall=True,
                     random=random.Random(SEED)) as network:
            client = world.new_client(world.server, network.port)
            result = client.cp('-o', 'ServerAliveInterval=1', '-o', 'ServerAliveCountMax=1',
                               *operands(client, source, target, up))
        succeeded(result)
        says(result, 'connecting again')
        check(trees.same_file(source, target), 'differs')


def other_host_key(world):
    """A host that comes back with another key is refused, also where nobody checks host keys."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 20 << 20)
    one = world.new_server(kinds=['ed25519'])
    impostor = world.new_server(kinds=['rsa'])
    with Network(one.port, rate=10_000_000) as network:
        client = world.new_client(one, network.port)
        child = client.start('-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null',
                             source, client.remote(target))
        time.sleep(0.7)
        network.server_port = impostor.port
        network.cut_all()
        err = child.communicate(timeout=30)[1]
    check(child.returncode == 255, f'{child.returncode}: {err!r}')
    check(b'another host key' in err, f'{err!r}')
    check('Accepted' not in impostor.log_text(), 'it logged in at the impostor')
    one.stop()
    impostor.stop()


def limited_rate(world):
    """--bwlimit holds within 5 %, in both directions."""
    source, small, target = world.path(b'f'), world.path(b'f'), world.path(b'f')
    trees.make_file(source, 14 << 20)
    trees.make_file(small, 2 << 20)
    for up in (True, False):
        seconds = []
        # What logging in takes is in both.
        for what in (small, source):
            result = world.client.cp('--json', '--bwlimit', '4M', *operands(world.client, what, target, up))
            succeeded(result)
            check(trees.same_file(what, target), 'differs')
            seconds.append(result.summary()['seconds'])
        rate = (12 << 20) / (seconds[1] - seconds[0])
        check(0.95 < rate / (4 << 20) < 1.05, f'{rate / (1 << 20):.2f} MiB/s: {seconds}')


def many_connections(world, up):
    """-j: a tree and one large file over four connections."""
    source, target = make_tree(world), world.path(b'tree')
    large, copy = world.path(b'large'), world.path(b'large')
    trees.make_file(large, (48 << 20) + 4711)
    with Network(world.server.port, rate=60_000_000) as network:
        client = world.new_client(world.server, network.port)
        succeeded(client.cp('-r', '-p', '-j', '4', *operands(client, source, target, up)))
        same(source, target, modes=True)
        network.open_most = 0
        result = client.cp('-p', '-v', '-j', '4', *operands(client, large, copy, up))
        succeeded(result)
        check(network.open_most == 4, f'{network.open_most} connections, not 4: {result}')
    check(trees.same_file(large, copy), 'differs')
    check(int(os.stat(large).st_mtime) == int(os.stat(copy).st_mtime), 'the time was not kept')


def first_dies(world, up):
    """Whichever connection dies, even the first: the others go on, and nothing is lost."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 60 << 20)
    with Network(world.server.port, rate=20_000_000) as network:
        client = world.new_client(world.server, network.port)
        child = client.start('-v', '-j', '3', *operands(client, source, target, up))
        deadline = time.monotonic() + 20
        while len(network.live) < 3 or network.forwarded['up' if up else 'down'] < 8 << 20:
            check(time.monotonic() < deadline and child.poll() is None, 'no three connections')
            time.sleep(0.02)
        lines = sorted(network.live, key=lambda line: line.number)
        lines[0].cut()
        time.sleep(0.4)
        lines[1].cut()
        err = child.communicate(timeout=60)[1]
    check(child.returncode == 0, f'{child.returncode}: {err[-800:]!r}')
    check(trees.same_file(source, target), 'differs')
    check(network.connections >= 4, f'only {network.connections} connections: none was brought back')


def growth_ends(world):
    """A server that takes few connections: growth ends at the first refusal, which is said at -v."""
    server = world.new_server(options=['MaxStartups 2:100:2'])
    client = world.new_client(server)
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 80 << 20)
    result = client.cp('-v', '-j', '16', '--bwlimit', '40M', source, client.remote(target))
    succeeded(result)
    says(result, 'going on with')
    check(trees.same_file(source, target), 'differs')
    logins = server.log_text().count('Accepted publickey')
    check(1 <= logins < 16, f'{logins} logins')
    server.stop()


def few_at_the_door(world):
    """At most eight connections are not yet logged in at a time."""
    server = world.new_server(options=['MaxStartups 8:100:8'])
    client = world.new_client(server)
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 60 << 20)
    result = client.cp('-v', '-j', '20', '--bwlimit', '15M', source, client.remote(target))
    succeeded(result)
    check(b'going on with' not in result.err, f'refused: {result}')
    logins = server.log_text().count('Accepted publickey')
    check(10 <= logins <= 20, f'{logins} logins')
    server.stop()


def asked_once(world):
    """What a person types to log in serves all connections, and those that come back."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 30 << 20)
    key = os.path.join(world.fresh('keys'), 'locked')
    make_key(key, 'ed25519', 'open sesame')
    server = world.new_server()
    with open(server.authorized, 'w') as file, open(key + '.pub') as public:
        file.write(public.read())
    with Network(server.port, cuts=3, between=(3 << 20, 8 << 20), random=random.Random(SEED)) as network:
        client = world.new_client(server, network.port)
        client.remove('id_ed25519')
        result = client.talk([(b'passphrase', b'open sesame\n')], '-j', '3', '-i', key, source,
                             client.remote(target))
        check(network.cut_count > 0, 'nothing was cut')
    check(result.status == 0, f'{result}: {result.out[-500:]!r}')
    asked = result.out.lower().count(b'enter passphrase') or result.out.lower().count(b'passphrase')
    check(asked == 1, f'asked {asked} times: {result.out[-800:]!r}')
    check(trees.same_file(source, target), 'differs')
    server.stop()


def two_hundred_cuts():
    """The long form: 200 cuts during one tree each, with and without several connections."""
    for up in (True, False):
        word = 'upload' if up else 'download'
        for jobs in (0, 4):
            yield f'200 cuts {word} -j {jobs or 1}', cut_often, (up, 200, jobs, True, None, (6000, 60_000))


def tests():
    for up in (True, False):
        word = 'upload' if up else 'download'
        engine = ENGINES[up]
        yield f'cut often {word} {engine}', cut_often, (up, 15, 0, True, engine)
        yield f'cut often {word} into what stands', cut_often, (up, 10, 0, False)
        yield f'server killed {word}', server_killed, (up,)
        yield f'many connections {word}', many_connections, (up,)
        yield f'cut often {word} of three', cut_often, (up, 12, 3)
        yield f'first dies {word}', first_dies, (up,)
    yield from [growth_ends, few_at_the_door, asked_once, server_gone, interrupted_while_away, silent_connection, other_host_key, limited_rate]


if __name__ == '__main__':
    print(f'seed {SEED}')
    # With "-- 200" the long form, which takes minutes.
    if sys.argv[2:] == ['--', '200']:
        del sys.argv[2:]
        sys.exit(main(two_hundred_cuts()))
    sys.exit(main(tests()))

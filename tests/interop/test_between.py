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
from sshd import SFTP_SERVER
from suite import check, ended, files_below, main, same, says, succeeded
from test_survive import SEED, make_tree

HERE = os.path.dirname(os.path.abspath(__file__))


class Between:
    """Hosts "one" and "two", and a user who knows both."""

    def __init__(self, world, one=None, two=None, first=None, second=None, **both):
        """ONE and TWO: what is special about the network of that host; BOTH: of each. FIRST and SECOND: options of
        their servers."""
        self.world = world
        servers = world.new_server(**first) if first else world.server, world.new_server(**(second or {}))
        self.servers = servers if first else servers[1:]
        self.networks = [Network(server.port, random=random.Random(SEED + number), **both, **(options or {}))
                         for number, (server, options) in enumerate(zip(servers, (one, two)))]
        self.client = world.new_client(world.server)
        self.client.port = None
        self.through_ssh = ['-S', '/usr/bin/ssh', '-F', os.path.join(self.client.ssh, 'config')]
        self.client.write('known_hosts', ''.join(
            server.known_hosts(network.port) for server, network in zip(servers, self.networks)))
        self.client.write('config', ''.join(
            f'Host {name}\n  HostName 127.0.0.1\n  Port {network.port}\n'
            # For ssh, which takes the home directory from elsewhere.
            f'  UserKnownHostsFile {self.client.ssh}/known_hosts\n  IdentityFile {self.client.ssh}/id_ed25519\n'
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
        for server in self.servers:
            server.stop()


def cut_often(world, sides, cuts, jobs=1, fresh=True, options=()):
    """Connections of either side, or of both, are cut at random places during one tree."""
    large = ((3 << 20) + 17, 900_000) if cuts < 100 else ((8 << 20) + 17, 900_000)
    source, target = make_tree(world, large=large), world.path(b'tree')
    if not fresh:
        os.makedirs(os.path.join(target, b'd0001'))
        trees.make_file(os.path.join(target, b'large0'), 1000, b'old')
    what = os.path.join(source, b'.') if not fresh else source
    often = dict(cuts=cuts, between=(2000, 120_000) if cuts < 100 else (6000, 60_000))
    with Between(world, *[often if side in sides else None for side in range(2)]) as b:
        result = b.cp('-r', '-p', '--json', '-j', str(jobs), *options, b'one:' + what, b'two:' + target,
                      timeout=90 + 2 * cuts)
        odd = b'\n'.join(line for line in result.err.splitlines() if b'connecting again' not in line)
        counts = [network.cut_count for network in b.networks]
        check(result.status == 0, f'seed {SEED}, after {counts} cuts: {odd[-600:]!r} {result}')
        check(all((counts[side] >= (cuts if cuts >= 100 else min(cuts, 4))) == (side in sides) for side in range(2)), f'{counts} cuts')
        summary = result.summary()
        check(summary['reconnects'] > 0, f'{summary}')
        check(summary['files'] == 252, f'{summary["files"]} files counted')
    same(source, target, modes=True, times='s')
    left = [path for path in files_below(os.path.dirname(target)) if b'.hawser' in path]
    check(not left, f'left over: {left}')


def operands(source, target):
    return b'one:' + source, b'two:' + target


def wait_until(child, condition, what):
    deadline = time.monotonic() + 30
    while not condition():
        check(time.monotonic() < deadline and child.poll() is None, what)
        time.sleep(0.02)


def large_over_three(world):
    """-j: three connections to each side, one large file over all; whichever dies, even the first, the copy goes on."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 60 << 20)
    with Between(world, rate=20_000_000) as b:
        child = b.start('-p', '-j', '3', *operands(source, target))
        wait_until(child, lambda: all(len(network.live) == 3 for network in b.networks), 'no three connections')
        for network in b.networks:
            min(network.live, key=lambda line: line.number).cut()
        err = child.communicate(timeout=60)[1]
        check(child.returncode == 0, f'{child.returncode}: {err[-800:]!r}')
        for network in b.networks:
            check(network.open_most == 3, f'{network.open_most} connections')
            check(network.connections >= 4, f'only {network.connections} connections: none was brought back')
    check(trees.same_file(source, target), 'differs')
    check(int(os.stat(source).st_mtime) == int(os.stat(target).st_mtime), 'the time was not kept')


def gone(world, side):
    """A host that does not come back: given up in the time allowed, named, nothing left on the other but what has to."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 20 << 20)
    for allowed, least, most in ((0, 0, 2.5), (3, 0.5, 7)):
        with Between(world, rate=10_000_000) as b:
            child = b.start('--reconnect', str(allowed), *operands(source, target))
            time.sleep(0.9)
            check(child.poll() is None, 'too fast to be cut')
            b.networks[side].refusing = True
            begin = time.monotonic()
            b.networks[side].cut_all()
            err = child.communicate(timeout=30)[1]
            took = time.monotonic() - begin
        check(child.returncode == 255, f'{child.returncode}: {err!r}')
        check((b'one:', b'two:')[side] in err, f'{err!r}')
        check(least <= took < most, f'{took:.1f} s with {allowed} s allowed: {err!r}')
        left = os.listdir(os.path.dirname(target))
        check(not left if side == 0 else left in ([], [b'.f.hawser-part']), f'left: {left}')


def interrupted_while_away(world, side):
    """^C while a side is away ends it at once."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 20 << 20)
    with Between(world, rate=10_000_000) as b:
        child = b.start(*operands(source, target))
        time.sleep(0.9)
        b.networks[side].refusing = True
        b.networks[side].cut_all()
        time.sleep(1)
        check(child.poll() is None, 'it did not try to connect again')
        begin = time.monotonic()
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=30)
        took = time.monotonic() - begin
    check(child.returncode == -signal.SIGINT, f'status {child.returncode}')
    check(took < 2.5, f'{took:.1f} s')


def changed_while_away(world, size):
    """A source that is another one when its host is back is not mixed with what was read before."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, size)
    os.utime(source, (1_600_000_000, 1_600_000_000))
    with Between(world, rate=10_000_000) as b:
        # A small one is read at once: it has to be cut in the middle.
        rate = b.networks[0].rate = max(size // 3, 100_000)
        child = b.start(*operands(source, target))
        begun = b.networks[0].forwarded
        wait_until(child, lambda: begun['down'] > size // 3 + 8000, 'the copy did not begin')
        b.networks[0].refusing = True
        b.networks[0].cut_all()
        trees.make_file(source, size, b'other')
        b.networks[0].rate = None
        b.networks[0].refusing = False
        err = child.communicate(timeout=30)[1]
        check(rate > 0 and child.returncode == 3, f'{child.returncode}: {err!r}')
    check(b'changed while' in err, f'{err!r}')
    check(not os.path.exists(target), 'it stands under the final name')


def changed_while_away_downloads(world):
    """The same for a small file that comes here, which one READ brings: half of it came before the cut."""
    size = 200_000
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, size)
    with Between(world, one={'rate': 100_000}) as b:
        child = b.start(b'one:' + source, target)
        wait_until(child, lambda: b.networks[0].forwarded['down'] > size // 2, 'the copy did not begin')
        b.networks[0].refusing = True
        b.networks[0].cut_all()
        trees.make_file(source, size, b'other')
        b.networks[0].rate = None
        b.networks[0].refusing = False
        err = child.communicate(timeout=30)[1]
    check(child.returncode == 0 and b'connecting again' in err, f'{child.returncode}: {err!r}')
    check(trees.same_file(source, target), 'a mixture of two files')


def memory_holds(world, memory):
    """While the destination is away no more is read than may be held, and the process is no larger than that."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 120 << 20)
    with Between(world) as b:
        b.networks[1].rate = 10_000_000
        child = b.start('--memory', str(memory), *operands(source, target))
        wait_until(child, lambda: b.networks[1].forwarded['up'] > 4 << 20, 'the copy did not begin')
        b.networks[1].refusing = True
        b.networks[1].cut_all()
        before = b.networks[0].forwarded['down']
        time.sleep(1.5)
        read = b.networks[0].forwarded['down'] - before
        check(child.poll() is None and read < (memory << 20) * 1.2, f'{read} bytes were read meanwhile')
        ahead = b.networks[0].forwarded['down'] - b.networks[1].forwarded['up']
        # What lies in sockets was written, and yet is not acknowledged.
        check(ahead < (memory << 20) * 1.2 + 500_000, f'{ahead} bytes ahead')
        with open(f'/proc/{child.pid}/status') as file:
            peak = next(int(line.split()[1]) for line in file if line.startswith('VmHWM'))
        check('ASAN_OPTIONS' in os.environ or peak < (memory << 10) + 40_000, f'{peak} KiB')
        b.networks[1].rate = None
        b.networks[1].refusing = False
        err = child.communicate(timeout=60)[1]
    check(child.returncode == 0, f'{child.returncode}: {err!r}')
    check(trees.same_file(source, target), 'differs')


# ---- --resume ----

SIZE = 24 << 20


def records(b, notes=False):
    top = os.path.join(b.client.home, '.local/state/hawser/resume')
    paths = [os.path.join(top, name) for name in os.listdir(top)] if os.path.isdir(top) else []
    # The empty ones say only what was begun.
    return [path for path in paths if notes or os.path.getsize(path)]


class Killed:
    """A copy that was killed, and is gone on with."""

    def __init__(self, world, how=signal.SIGKILL, options=('--resume',), tree=False):
        self.source = self.top = world.path(b'f')
        self.target = world.path(b'f')
        if tree:
            trees.make_many(self.top, 40, 2000)
            self.source = os.path.join(self.top, b'large')
        trees.make_file(self.source, SIZE)
        self.between = Between(world, rate=8_000_000)
        operand = os.path.join(self.top, b'.') if tree else self.top
        self.operands = ['-r', *operands(operand, self.target)]
        child = self.between.start(*options, *self.operands)
        wait_until(child, lambda: self.between.networks[1].forwarded['up'] > 14 << 20, 'the copy did not go on')
        child.send_signal(how)
        child.communicate(timeout=20)
        check(child.returncode == -how, f'status {child.returncode}')
        time.sleep(0.3)  # the server finishes what it had received
        for network in self.between.networks:
            network.rate = None

    def part(self):
        return os.path.join(os.path.dirname(self.target), b'.f.hawser-part')

    def go_on(self, *options):
        before = self.between.networks[0].forwarded['down']
        result = self.between.cp('--json', '-v', '--resume', *options, *self.operands)
        succeeded(result)
        if self.source == self.top:
            check(trees.same_file(self.source, self.target), f'differs: {result}')
        else:
            same(self.top, self.target)
        left = [path for path in files_below(os.path.dirname(self.target)) if b'.hawser' in path]
        check(not left, f'left over: {left}')
        check(not records(self.between, True), 'the record was left over')
        resumed = result.summary()['resumed_bytes']
        moved = self.between.networks[0].forwarded['down'] - before
        check(moved < SIZE * 1.05 - resumed + 200_000, f'{moved} bytes were read, {resumed} were there')
        return result, resumed

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.between.__exit__()


def killed(world, how, tree=False):
    with Killed(world, how, tree=tree) as k:
        check(len(records(k.between)) == 1, f'records: {records(k.between)}')
        result, resumed = k.go_on()
        check(4 << 20 < resumed < SIZE, f'{resumed} bytes were there')
        says(result, 'recorded')


def same_command(world):
    """The command that made its destination goes on with that when it is run again, and not below it."""
    with Killed(world, tree=True) as k:
        k.operands = ['-r', *operands(k.top, k.target)]
        k.go_on()


def killed_twice(world):
    """What was there is still known when the second run is killed, too, wherever that was."""
    with Killed(world) as k:
        for network in k.between.networks:
            network.rate = 8_000_000
        child = k.between.start('--resume', *k.operands)
        time.sleep(1)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=20)
        check(child.returncode == -signal.SIGINT, f'status {child.returncode}')
        for network in k.between.networks:
            network.rate = None
        result, resumed = k.go_on()
        check(8 << 20 < resumed < SIZE, f'{resumed} bytes were there')


def distrusted(world):
    """No record, one for another source, a damaged one, a link in its place: from the start, and the copy is right."""
    def forget(k):
        os.unlink(records(k.between)[0])

    def damage(k):
        path = records(k.between)[0]
        with open(path, 'rb') as file:
            text = file.read()
        at = random.randrange(len(text))
        with open(path, 'wb') as file:
            file.write(text[:at] + bytes([text[at] ^ 1]) + text[at + 1:])

    def change(k):
        trees.make_file(k.source, SIZE, b'other')
        os.utime(k.source, (1_600_000_000, 1_600_000_000))

    def lead_away(k):
        os.unlink(k.part())
        os.symlink(victim, k.part())

    victim = world.path(b'victim')
    trees.make_file(victim, 1000)
    before = trees.digest(victim)
    for prepare in (forget, damage, change, lead_away):
        with Killed(world) as k:
            prepare(k)
            result, resumed = k.go_on()
            check(resumed == 0, f'{prepare.__name__}: {resumed} bytes were there')
    check(trees.digest(victim) == before, 'written through a link')


def longer_part(world):
    """Somebody has made the partial file longer: what is behind the end goes."""
    with Killed(world) as k:
        with open(k.part(), 'ab') as file:
            file.write(b'x' * SIZE)
        result, resumed = k.go_on()
        check(resumed > 4 << 20, f'{resumed} bytes were there')


# ---- --verify ----

def verified(result, **expected):
    counts = {name: int(n) for name, n in result.summary()['verified'].items() if n}
    check(counts == expected, f'{counts}, not {expected}: {result}')


def by_command_and_reading(world, jobs):
    """Large files by sha256sum on both, small ones by reading both; while both sides are cut, too."""
    source, target = world.path(b'tree'), world.path(b'tree')
    trees.make_many(source, 20, 3000)
    for name in (b'large', b"it's \\ \"odd\" $(no) name", b'new\nline'):
        trees.make_file(os.path.join(source, name), (2 << 20) + 5)
    trees.make_file(os.path.join(source, b'empty'), 0)
    trees.make_file(os.path.join(source, b'medium'), 300_001)
    with Between(world) as b:
        for _ in range(2):
            result = b.cp('--json', '--verify', '-j', str(jobs), '-r', *operands(os.path.join(source, b'.'), target))
            succeeded(result)
            same(source, target)
            # What sha256sum quotes is not taken for its output: the name with a line break is read.
            verified(result, sha256sum=2, read_back=23)
            says(result, 'verified by sha256sum', 'verified by reading back')
    target = world.path(b'tree')
    often = dict(cuts=8, between=(60_000, 900_000))
    with Between(world, **often) as b:
        result = b.cp('--json', '--verify', '-j', str(jobs), '-r', *operands(source, target))
        succeeded(result)
        check(sum(result.summary()['verified'].values()) == 25, f'{result}')
    same(source, target)


def by_check_file(world, kinds, expected):
    """Servers with check-file; one whose hashes are wrong is not believed."""
    home = world.fresh('home')
    first, second = ({'subsystem': f'{sys.executable} {HERE}/check_sftp.py {kind} {home} {SFTP_SERVER} -d {home}'}
                     for kind in kinds)
    trees.make_file(os.path.join(os.fsencode(home), b'f'), 3 << 20)
    with Between(world, first=first, second=second) as b:
        result = b.cp('--json', '--verify', b'one:f', b'two:g')
    succeeded(result)
    verified(result, **{expected: 1})
    check(trees.same_file(os.path.join(home, 'f'), os.path.join(home, 'g')), 'differs')


def bad_disk(world, size):
    """A byte that the second host alters behind SSH's back: named, exit 1, and what stood there stays."""
    second = {'subsystem': f'{sys.executable} {HERE}/slow_sftp.py alters {size // 2} {SFTP_SERVER}'}
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, size)
    trees.make_file(target, 1000, b'old')
    before = trees.digest(target)
    with Between(world, second=second) as b:
        succeeded(b.cp(*operands(source, world.path(b'unseen'))))
        result = b.cp('--verify', *operands(source, target))
    ended(result, 1)
    says(result, 'differs', b'two:' + target)
    check(trees.digest(target) == before, 'the bad copy replaced what stood there')
    check(os.listdir(os.path.dirname(target)) == [b'f'], 'left over')


# ---- -S ----

def cut_through_ssh(world, sides, jobs=1):
    """Debian's ssh in place of our connections: run again when it has ended, several times with -j. SIDES that are
    remote, both of which are cut."""
    source, target = make_tree(world, small=100), world.path(b'tree')
    often = dict(cuts=10, between=(5000, 200_000))
    with Between(world, **often) as b:
        both = [(b'one:', b'two:')[side] + path if side in sides else path
                for side, path in enumerate((source, target))]
        result = b.cp('-r', '-p', '--json', '-j', str(jobs), *b.through_ssh, *both, timeout=120)
        counts = [b.networks[side].cut_count for side in sides]
        check(result.status == 0, f'seed {SEED}, after {counts} cuts: {result}')
        check(all(count >= 3 for count in counts), f'{counts} cuts')
        summary = result.summary()
        check(summary['reconnects'] > 0 and summary['files'] == 102 and summary['failed'] == 0, f'{summary}')
    same(source, target, modes=True, times='s')


def several_programs(world):
    """-S and -j: one large file over three, between hosts over three to each."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 40 << 20)
    with Between(world, rate=20_000_000) as b:
        succeeded(b.cp('-j', '3', *b.through_ssh, *operands(source, target)))
        check([network.open_most for network in b.networks] == [3, 3], 'not three connections each')
    check(trees.same_file(source, target), 'differs')


def refused(world):
    """What cannot be between two hosts is said, before anything is connected."""
    with Between(world) as b:
        for options, word in ((['-D', '/bin/true', '-j', '2'], '-j'), (['-D', '/bin/true', '--reconnect', '5'], '-D'),
                              (['-O', '-j', '2'], '-j'), (['-O', '--resume'], '--resume'), (['-R', '-j', '3'], '-R'),
                              (['-O', '--verify'], '--verify'), (['-R', '--reconnect', '9'], '--reconnect')):
            result = b.cp(*options, *operands(b'/etc/hosts', world.path(b'f')))
            ended(result, 2)
            says(result, word)
        check(not b.networks[0].connections, 'it connected')


def two_hundred_cuts():
    """The long form: 200 cuts of each side during one tree, with and without several connections."""
    for jobs in (1, 4):
        yield f'200 cuts -j {jobs}', cut_often, ((0, 1), 200, jobs)


def tests():
    for sides, word in (((0,), 'of the source'), ((1,), 'of the destination'), ((0, 1), 'of both')):
        yield f'cut often {word}', cut_often, (sides, 15)
        yield f'cut often {word} with three', cut_often, (sides, 12, 3)
    yield 'cut often into what stands', cut_often, ((0, 1), 10, 1, False)
    yield 'cut often with --resume', cut_often, ((0, 1), 10, 2, True, ('--resume',))
    yield large_over_three
    for side in (0, 1):
        yield f'gone {("source", "destination")[side]}', gone, (side,)
        yield f'interrupted while away {("source", "destination")[side]}', interrupted_while_away, (side,)
    for size in (100_000, 3 << 20):
        yield f'changed while away {size}', changed_while_away, (size,)
    yield changed_while_away_downloads
    for memory in (4, 32):
        yield f'memory holds, {memory} MiB', memory_holds, (memory,)
    for how in (signal.SIGKILL, signal.SIGINT):
        yield f'killed {how.name}', killed, (how,)
    yield 'killed tree', killed, (signal.SIGKILL, True)
    for jobs in (1, 3):
        yield f'verified by command and reading, {jobs}', by_command_and_reading, (jobs,)
    for kinds, expected in ((('right', 'right'), 'check_file'), (('right', 'wrong'), 'read_back')):
        yield f'verified by check-file {kinds[1]}', by_check_file, (kinds, expected)
    for size in (200_000, 3 << 20):
        yield f'bad disk {size}', bad_disk, (size,)
    for sides, word in (((1,), 'upload'), ((0,), 'download'), ((0, 1), 'between')):
        yield f'cut through ssh {word}', cut_through_ssh, (sides,)
    yield 'cut through ssh between with three', cut_through_ssh, ((0, 1), 3)
    yield from [same_command, killed_twice, distrusted, longer_part, several_programs, refused]


if __name__ == '__main__':
    print(f'seed {SEED}')
    # With "-- 200" the long form, which takes minutes.
    if sys.argv[2:] == ['--', '200']:
        del sys.argv[2:]
        sys.exit(main(two_hundred_cuts()))
    sys.exit(main(tests()))

# SPDX-License-Identifier: Apache-2.0
"""The comparisons: what ours and a peer do, how often, and what the ratio should be.

A row is measured in rounds. Each round makes fresh sources and runs ours, then the peer. Work whose subject
is not the set-up is done in two sizes, and what counts is the difference between the two.
"""

import json
import os
import subprocess

from measure import Failure, Goal, Spread, divide, wait_for_quiet
from setting import MIB

# How much less the small copy is: it is there for what comes before and after, not for its data.
SMALL = 100

here = os.path.dirname(os.path.abspath(__file__))


# ---- What is copied ----

class OneFile:
    """One file of SIZE bytes; the small one has a hundredth."""

    def __init__(self, size):
        self.bytes = {'big': size, 'small': size // SMALL}

    def make(self, setting, part):
        setting.make_file(part, self.bytes[part])

    def fills(self, part):
        return self.bytes[part]

    def difference(self, a, b):
        """Why the files A and B are not equal, or None."""
        done = subprocess.run(['cmp', a, b], capture_output=True, text=True)
        return done.stdout + done.stderr if done.returncode else None

    def describe(self):
        return 'one file of {:.0f} MiB, less one of {:.1f} MiB'.format(*(n / MIB for n in self.bytes.values()))


class Tree:
    """COUNT files of SIZE bytes, 100 to a directory; the small tree has a hundredth."""

    def __init__(self, count, size=4096):
        self.count = {'big': count, 'small': count // SMALL}
        self.size = size
        self.bytes = {part: n * size for part, n in self.count.items()}

    def make(self, setting, part):
        setting.make_tree(part, self.count[part], self.size)

    def fills(self, part):
        # An inode and a name cost about as much as the 4 KiB do.
        return self.count[part] * (self.size + 4096)

    def difference(self, a, b):
        done = subprocess.run(['diff', '-rq', '--no-dereference', a, b], capture_output=True, text=True)
        return done.stdout[:1000] + done.stderr[:1000] if done.returncode else None

    def describe(self):
        return '{} files of {} bytes, less {}'.format(self.count['big'], self.size, self.count['small'])


# ---- Who copies ----

class Side:
    """Builds the command that copies setting.source/PART into setting.target. HOST is a name in the
    client's configuration."""

    def __init__(self, name, up, down):
        self.name, self.build = name, {'up': up, 'down': down}

    def command(self, setting, direction, part, host):
        return self.build[direction](setting, os.path.join(setting.source, part), setting.target, part, host)


def copier(name, *start):
    def command(setting):
        return [setting.program(start[0]) if '/' in start[0] else start[0], *start[1:], '-F', setting.config, '-r']

    return Side(name, lambda setting, source, target, part, host: [*command(setting), source, f'{host}:{target}/'],
                lambda setting, source, target, part, host: [*command(setting), f'{host}:{source}', f'{target}/'])


def shell(script, *words):
    return ['sh', '-c', script, 'sh', *words]


# Nothing of owners, modes and times is kept on either side; without these options tar as root keeps all.
UNTAR = 'tar --no-same-owner --no-same-permissions -m -xf - -C'

OURS = copier('hawser cp', 'tools/hawser', 'cp', '-q')
SCP = copier('scp', 'scp', '-q')
TAR = Side('tar | ssh tar',
           lambda s, source, target, part, host: shell(
               f'tar -C "$2" -cf - "$3" | ssh -F "$1" {host} "{UNTAR} $4"', s.config, s.source, part, target),
           lambda s, source, target, part, host: shell(
               f'ssh -F "$1" {host} "tar -C $2 -cf - $3" | {UNTAR} "$4"', s.config, s.source, part, target))
CAT = Side('ssh cat',
           lambda s, source, target, part, host: shell(
               f'ssh -F "$1" {host} "cat >$3" <"$2"', s.config, source, f'{target}/{part}'),
           lambda s, source, target, part, host: shell(
               f'ssh -F "$1" {host} "cat $2" >"$3"', s.config, source, f'{target}/{part}'))
PLAIN_TCP = Side('plain TCP', *2 * [lambda s, source, target, part, host: [
    os.path.join(here, 'plain_tcp'), source, f'{target}/{part}']])


# ---- Rows ----

class Row:
    patience = 20  # seconds that a round waits for other programs to end

    def __init__(self, name, goals=()):
        self.name, self.goals = name, list(goals)
        self.results = []
        self.disturbed = 0

    def settle(self, log):
        if not wait_for_quiet(self.patience):
            self.disturbed += 1
            log('  other programs run on this machine')

    def verdicts(self):
        return [(result, result['goal'].reached(result['ratio'].median))
                for result in self.results if result.get('goal')]


class Copy(Row):
    """WORK copied in DIRECTION by ours and by PEER."""

    def __init__(self, name, work, direction, ours, peer, goals=()):
        super().__init__(name, goals)
        self.work, self.direction, self.ours, self.peer = work, direction, ours, peer

    def title(self):
        return f'{self.work.describe()}, {self.direction}: {self.ours.name} against {self.peer.name}'

    def run_side(self, setting, side, part, host='direct'):
        setting.clear(setting.target)
        setting.warm(self.work.fills(part))
        result = setting.measure(side.command(setting, self.direction, part, host))
        names, wrong = os.listdir(setting.target), None
        if names != [part]:
            wrong = f'{names} stand where {part} should'
        wrong = wrong or self.work.difference(*(os.path.join(d, part) for d in (setting.source, setting.target)))
        if wrong:
            raise Failure(f'{self.name}: {side.name}: the copy differs: {wrong}')
        if result.left and side is OURS:
            raise Failure(f'{self.name}: {result.left} processes are left when {side.name} has ended')
        if result.bytes_on_loopback < self.work.bytes[part]:
            raise Failure(f'{self.name}: {side.name}: fewer bytes crossed loopback than were copied')
        return result

    def warm_up(self, setting, log):
        """Neither side's first run counts. It goes by a relay that counts what crosses the socket."""
        self.crossed = {}
        self.work.make(setting, 'big')
        for side in (self.ours, self.peer):
            if PLAIN_TCP.name in side.name:
                self.run_side(setting, side, 'big')
                continue
            self.run_side(setting, side, 'big', 'counted')
            crossed = sum(setting.counter.carried())
            self.crossed[side.name] = crossed
            log(f'  warm-up, {side.name}: {crossed} bytes crossed the socket')
            if crossed < self.work.bytes['big']:
                raise Failure(f'{self.name}: {side.name} sent {crossed} bytes for {self.work.bytes["big"]}')

    def measure(self, setting, pairs, log):
        setting.clear(setting.source, setting.target)
        self.warm_up(setting, log)
        rounds = []
        for number in range(pairs):
            setting.clear(setting.source)
            done = {}
            for part in ('small', 'big'):
                self.work.make(setting, part)
                self.settle(log)
                for side in (self.ours, self.peer):
                    done[side.name, part] = self.run_side(setting, side, part)
            rounds.append(done)
            log(f'  round {number + 1}: ' + '; '.join(
                f'{name} {part} {r.seconds:.3f} s, CPU {r.cpu:.3f} s, server {r.server_cpu:.2f} s'
                for (name, part), r in done.items()))
        setting.clear(setting.source, setting.target)
        self.judge(rounds)

    def judge(self, rounds):
        goals = {goal.what: goal for goal in self.goals}
        for what, word in (('seconds', 'time'), ('cpu', 'cpu')):
            goal = goals.get(word)
            # A goal for time says how many times faster, one for CPU what part of it.
            faster = word == 'time'
            self.results.append(self.result(rounds, what, word, goal, faster))

    def result(self, rounds, what, word, goal, faster):
        values = {(side, kind): [] for side in (self.ours.name, self.peer.name) for kind in ('whole', 'net')}
        for done in rounds:
            for side in (self.ours.name, self.peer.name):
                big, small = (getattr(done[side, part], what) for part in ('big', 'small'))
                values[side, 'whole'].append(big)
                values[side, 'net'].append(big - small)

        def ratio(kind):
            pairs = zip(values[self.ours.name, kind], values[self.peer.name, kind])
            return Spread(divide(p, o) if faster else divide(o, p) for o, p in pairs)

        size = self.work.bytes['big'] - self.work.bytes['small']
        server = {side: Spread(done[side, 'big'].server_cpu for done in rounds)
                  for side in (self.ours.name, self.peer.name)}
        return {'what': word, 'goal': goal, 'ratio': ratio('net'), 'whole': ratio('whole'),
                'ours': Spread(values[self.ours.name, 'whole']), 'peer': Spread(values[self.peer.name, 'whole']),
                'ours_net': Spread(values[self.ours.name, 'net']), 'peer_net': Spread(values[self.peer.name, 'net']),
                'bytes': size, 'server_cpu': server, 'rounds': rounds}


class List(Row):
    """Connect, log in and list one directory through the relay. The set-up is the subject."""

    def __init__(self, name, entries, goals):
        super().__init__(name, goals)
        self.entries = entries

    def title(self):
        return f'connect, log in, list a directory of {self.entries}, 50 ms each way: list_client against sftp'

    def commands(self, setting):
        # What sftp reads its commands from; what is made for the batch is not timed.
        batch = os.path.join(setting.top, 'batch')
        with open(batch, 'w') as file:
            file.write(f'ls -1 {setting.source}/list\n')
        return {'list_client': [setting.program('bench/list_client'), setting.config, 'delayed',
                                f'{setting.source}/list'],
                'sftp': ['sftp', '-q', '-b', batch, '-F', setting.config, 'delayed']}

    def run_side(self, setting, argv, expected):
        result = setting.measure(argv)
        setting.relay.carried()
        lines = setting.output().splitlines()
        names = sorted(os.path.basename(line) for line in lines if not line.startswith('sftp>'))
        if names != expected:
            raise Failure(f'{self.name}: {argv[0]} listed {len(names)} names, not the {len(expected)} there are')
        return result

    def measure(self, setting, pairs, log):
        setting.clear(setting.source, setting.target)
        os.mkdir(f'{setting.source}/list')
        expected = sorted(f'entry{n:04}' for n in range(self.entries))
        for name in expected:
            open(f'{setting.source}/list/{name}', 'w').close()
        commands, rounds = self.commands(setting), []
        for number in range(pairs + 1):
            self.settle(log)
            done = {name: self.run_side(setting, argv, expected) for name, argv in commands.items()}
            log(f'  round {number}: ' + '; '.join(f'{name} {r.seconds:.3f} s' for name, r in done.items()))
            if number > 0:
                rounds.append(done)
        ours, peer = ([done[name].seconds for done in rounds] for name in commands)
        self.results.append({'what': 'time', 'goal': self.goals[0], 'ours': Spread(ours), 'peer': Spread(peer),
                             'ratio': Spread(divide(o, p) for o, p in zip(ours, peer)), 'rounds': rounds})


class Packets(Row):
    """GCM packets framed and sealed, or opened and checked, beside the primitive of the same backend."""

    def __init__(self, name, size, goals, seconds):
        super().__init__(name, goals)
        self.size, self.seconds = size, seconds

    def title(self):
        return f'GCM packets of {self.size} bytes framed and sealed, or opened: Hawser against the raw primitive'

    def run_program(self, setting, program, names):
        done = subprocess.run([setting.program(f'bench/{program}'), '--benchmark_format=json',
                               f'--benchmark_min_time={self.seconds}',
                               f'--benchmark_filter=^({names})/aes(128|256)-gcm.*/{self.size}(/manual_time)?$'],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f'{program}: status {done.returncode}: {done.stderr[-1000:]}')
        rates = {}
        for entry in json.loads(done.stdout)['benchmarks']:
            if entry.get('error_occurred'):
                raise Failure(f'{entry["name"]}: {entry.get("error_message")}')
            what, suite, backend = entry['name'].split('/')[:3]
            rates[what, suite, backend] = entry['bytes_per_second']
        return rates

    def one_round(self, setting):
        rates = self.run_program(setting, 'packet_bench', 'seal|raw_seal|open|raw_open')
        rates.update(self.run_program(setting, 'packetizer_bench', 'packetizer_seal|packetizer_open'))
        return rates

    def measure(self, setting, pairs, log):
        self.one_round(setting)
        rounds = []
        for number in range(pairs):
            self.settle(log)
            rounds.append(self.one_round(setting))
            log(f'  round {number + 1}: ' + '; '.join(f'{"/".join(k)} {v / 1e9:.2f} GB/s'
                                                      for k, v in rounds[-1].items()))
        for what, suite, backend in rounds[0]:
            if what.startswith('raw_'):
                continue
            raw = 'raw_' + what.rpartition('_')[2], suite, backend
            ours, peer = ([rates[key] for rates in rounds] for key in ((what, suite, backend), raw))
            self.results.append({'what': f'{what}/{suite}/{backend}', 'goal': self.goals[0], 'unit': 'GB/s',
                                 'ours': Spread(v / 1e9 for v in ours), 'peer': Spread(v / 1e9 for v in peer),
                                 'ratio': Spread(divide(o, p) for o, p in zip(ours, peer))})


class Crypto(Row):
    """Packets by the backends beside the same packets by other means, in turns inside one program."""

    # What a row of bench/crypto/crypto_bench should reach: its suite's beginning, its size, its peer.
    GOALS = (('aes128-gcm', 32768, 'evp', 2.5),
             ('aes', 32768, 'raw', 0.93), ('aes', 32768, 'raw-scatter', 0.97),
             ('aes', 1024, 'raw', 0.85), ('aes', 1024, 'raw-scatter', 0.85),
             ('aes256-ctr+hmac-sha2-256-etm', 32768, 'evp', 2), ('aes256-ctr+hmac-sha2-512-etm', 32768, 'evp', 3),
             ('chacha20', 32768, 'evp', 1.05), ('chacha20', 32768, 'evp-portable', 1.3), ('chacha20', 1024, 'evp', 1.6))

    def __init__(self, name, milliseconds):
        super().__init__(name)
        self.milliseconds = milliseconds

    def title(self):
        return 'packets by the backends: against the raw calls, and against OpenSSL, straight and one by one'

    def goal(self, suite, size, peer):
        for begin, of_size, of_peer, value in self.GOALS:
            if suite.startswith(begin) and (size, peer) == (of_size, of_peer):
                return at_least(value)
        return None

    def measure(self, setting, pairs, log):
        self.settle(log)
        done = subprocess.run([setting.program('bench/crypto/crypto_bench'), str(pairs), str(self.milliseconds)],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f'crypto_bench: status {done.returncode}: {done.stderr[-1000:]}')
        for line in done.stdout.splitlines():
            name, peer, *rates = line.split()
            suite, size = name.split('/')[1], int(name.split('/')[3])
            ours, peers = zip(*([float(part) for part in rate.split(':')] for rate in rates))
            self.results.append({'what': f'{name} {peer}', 'goal': self.goal(suite, size, peer), 'unit': 'GB/s',
                                 'ours': Spread(ours), 'peer': Spread(peers),
                                 'ratio': Spread(divide(o, p) for o, p in zip(ours, peers))})


class Offload(Row):
    """Packets by a backend outside of the CPU beside the same by one on it, both taking turns in one process."""

    def __init__(self, name, backend, peer, suites, size, goals, seconds):
        super().__init__(name, goals)
        self.backend, self.peer, self.suites, self.size, self.seconds = backend, peer, suites, size, seconds

    def title(self):
        return f'packets of {self.size} bytes in batches of 32: {self.backend} against {self.peer}'

    def run_suite(self, setting, suite, pairs):
        modules = os.path.dirname(setting.program('crypto-backends/cryptodev/cryptodev.so'))
        done = subprocess.run([setting.program('bench/offload_bench'), '--backend', self.backend, '--peer', self.peer,
                               '--modules', os.path.abspath(modules), '--suite', suite, '--bytes', str(self.size),
                               '--pairs', str(pairs), '--seconds', str(self.seconds), '--json'],
                              capture_output=True, text=True)
        if done.returncode != 0 or not done.stdout:
            raise Failure(f'offload_bench: status {done.returncode}: {done.stderr[-1000:] or "nothing to compare"}')
        return [json.loads(line) for line in done.stdout.splitlines()]

    def measure(self, setting, pairs, log):
        for suite in self.suites:
            self.settle(log)
            for figure in self.run_suite(setting, suite, pairs):
                ours, peer = figure['bytes_per_second'], figure['peer_bytes_per_second']
                log(f'  {figure["what"]}/{suite}: ' + ', '.join(f'{a / 1e9:.2f}:{b / 1e9:.2f}'
                                                                 for a, b in zip(ours, peer)))
                self.results.append({'what': f'{figure["what"]}/{suite}/{self.backend}', 'goal': self.goals[0],
                                     'unit': 'GB/s', 'ours': Spread(v / 1e9 for v in ours),
                                     'peer': Spread(v / 1e9 for v in peer),
                                     'ratio': Spread(divide(o, p) for o, p in zip(ours, peer))})


def at_least(value):
    return Goal('time', value, True)


def at_most(value, what='time'):
    return Goal(what, value, False)


def all_rows(quick, null=False):
    """The rows; with NULL, those that copy have the peer in our place too, which shows the noise."""
    def copy(name, work, direction, peer, goals=()):
        ours = Side(f'{peer.name} again', peer.build['up'], peer.build['down']) if null else OURS
        return Copy(name, work, direction, ours, peer, () if null else goals)

    file, tree = OneFile((256 if quick else 1024) * MIB), Tree(2000 if quick else 20000)
    return [
        copy('file-up', file, 'up', SCP, [at_least(1.3), at_most(0.25, 'cpu')]),
        copy('file-down', file, 'down', SCP, [at_least(1.4), at_most(0.45, 'cpu')]),
        copy('tree-up', tree, 'up', SCP, [at_least(15)]),
        copy('tree-down', tree, 'down', SCP, [at_least(15)]),
        copy('tar-up', tree, 'up', TAR, [at_least(1.0)]),
        copy('tar-down', tree, 'down', TAR, [at_least(1.2)]),
        List('list', 100, [at_most(0.6)]),
        Packets('packets', 32768, [at_least(0.9)], 0.02 if quick else 0.1),
        Crypto('crypto', 10 if quick else 50),
        Offload('crypto-cryptodev', 'cryptodev:crypto_aesni_gcm0', 'ipsecmb',
                ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'], 32768, [at_least(0.85)],
                0.02 if quick else 0.1),
        copy('bound-tcp', file, 'up', PLAIN_TCP),
        copy('bound-cat-up', file, 'up', CAT),
        copy('bound-cat-down', file, 'down', CAT),
    ]


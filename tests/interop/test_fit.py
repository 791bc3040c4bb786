#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every option in every kind of copy: it holds, or it is refused with a reason before anything starts."""

import os
import subprocess
import sys
import time

import trees
from relay import Network
from sshd import SFTP_SERVER
from suite import check, ended, main, same, says, succeeded
from test_scp import ssh_options, script

# What each kind of copy refuses; all other options hold.
NETWORK = {'-j': ['-j', '2'], '--resume': ['--resume'], '--verify': ['--verify'], '--reconnect': ['--reconnect', '5'],
           '-X': ['-X', 'nrequests=9', '-Xbuffer=9k'], '--backend': ['--backend', 'aes128-gcm@openssh.com=openssl']}
REFUSED = {
    'up': (), 'down': (),
    'local': ('-j', '--resume', '--verify'),
    'between': (),
    '-O up': ('-j', '--resume', '--verify', '-X'),
    '-O down': ('-j', '--resume', '--verify', '-X'),
    '-O between': ('-j', '--resume', '--verify', '-X'),
    '-R': ('-j', '--resume', '--verify', '--reconnect'),
    '-R -S': ('-j', '--resume', '--verify', '--reconnect', '--backend'),
    '-S up': ('--backend',), '-S down': ('--backend',), '-S between': ('--backend',),
    '-O -S up': ('-j', '--resume', '--verify', '-X', '--reconnect', '--backend'),
    '-O -S down': ('-j', '--resume', '--verify', '-X', '--reconnect', '--backend'),
    '-D up': ('-j', '--reconnect', '--backend'), '-D down': ('-j', '--reconnect', '--backend'),
    '-D between': ('-j', '--reconnect', '--backend'),
}
# What scp has, and says how a connection is made, or holds for any copy.
ALWAYS = [['-4'], ['-B'], ['-c', 'aes128-ctr'], ['-C'], ['-o', 'ServerAliveInterval=9'], ['-p'], ['-q'], ['-s'], ['-T'],
          ['-v'], ['-3'], ['-L'], ['-l', '800000'], ['--bwlimit', '100M'], ['--memory', '16'], ['--json'],
          ['--reconnect', '0']]


def shell(world):
    """A program for -S that runs what is to run there here, as ssh and the shell of a server do."""
    return script(world, f'''while [ "$1" != -- ]; do [ "$1" != -s ] || sftp=y; shift; done
shift 2
[ -z "$sftp" ] || exec {SFTP_SERVER}
exec sh -c "$*"
''')


class Place:
    """A kind of copy: what stands in front of the operands, and they."""

    def __init__(self, world, kind):
        self.world, self.client = world, world.client
        self.words = kind.split()
        self.kind = kind
        self.options = [word for word in self.words if word in ('-O', '-R')]
        if '-S' in self.words:
            self.options += ['-S', shell(world)]
        if '-D' in self.words:
            self.options += ['-D', SFTP_SERVER]
        if kind == '-R':
            # scp there is told to reach the second host in a way that needs no key.
            directory = world.fresh()
            with open(os.path.join(directory, 'scp'), 'w') as file:
                file.write(f'#!/bin/sh\nexec /usr/bin/scp -S {shell(world)} "$@"\n')
            os.chmod(os.path.join(directory, 'scp'), 0o755)
            server = world.new_server(options=[f'SetEnv PATH={directory}:/usr/bin:/bin'])
            self.client = world.new_client(server)
        if kind == '-R -S':
            inner = os.path.join(world.fresh(), 'scp')
            with open(inner, 'w') as file:
                file.write(f'#!/bin/sh\nexec /usr/bin/scp -S {shell(world)} "$@"\n')
            os.chmod(inner, 0o755)
            program = script(world, f'while [ "$1" != -- ]; do shift; done\nshift 2\nPATH={os.path.dirname(inner)}:$PATH\n'
                                    'exec sh -c "$*"\n')
            self.options = ['-R', '-S', program]

    def operand(self, path, remote):
        return self.client.remote(path) if remote else path

    def cp(self, source, target, *options):
        between = 'between' in self.words or '-R' in self.words
        down, up = between or 'down' in self.words, between or 'up' in self.words
        # A server gets no port, nor does one that is not there.
        run = self.client.run if '-D' in self.words or 'local' in self.words else self.client.cp
        first = ('cp',) if run == self.client.run else ()
        return run(*first, *self.options, *options, self.operand(source, down), self.operand(target, up))


def kind_of_copy(world, kind):
    place = Place(world, kind)
    tree = world.path(b'tree')
    trees.make_many(tree, 12, 30_000, per_directory=4)
    for option in REFUSED[kind]:
        result = place.cp(tree, world.path(), '-r', *NETWORK[option])
        ended(result, 2)
        says(result, option, 'cannot be had')
    hold = [words for option, words in NETWORK.items() if option not in REFUSED[kind]]
    always = [words for words in ALWAYS if '-R' not in kind or words != ['-3']]  # the last of both counts
    for options in ([], *hold, sum(always, []), sum(hold, [])):
        target = world.path(b'copy')
        result = place.cp(tree, target, '-r', *options)
        check(result.status == 0, f'{kind} {options}: {result}')
        same(tree, target)


def limit_holds(world):
    """-l limits every kind of copy, whoever moves the data."""
    source = world.path(b'f')
    trees.make_file(source, 1_500_000)
    for kind in REFUSED:
        place, target = Place(world, kind), world.path(b'f')
        begin = time.monotonic()
        succeeded(place.cp(source, target, '-l', '8000'))
        seconds = time.monotonic() - begin
        check(0.9 < seconds < 5, f'{kind}: 1.5 MB at 8000 Kbit/s took {seconds:.2f} s')
        check(trees.same_file(source, target), 'other content')


def origin_through_a_program(world):
    """-R with -S: the program gets scp's words, and how it ends is told."""
    for arguments in (['-v', '-q', '-4', '-C', '-B', '-o', 'X=y', '-c', 'aes128-ctr', '-i', '/key', '-F', '/dev/null', '-J', 'j1',
                       '-r', '-p', 'u@h:a b', 'u2@k:c'],
                      ['h:a', 'g:b'], ['h:a', 'h:b c', 'g:d'], ['scp://u@h:77/a', 'g:~/b'], ['[::1]:a', 'g:b']):
        told = []
        for command in (['scp'], [world.hawser, 'cp']):
            out = os.path.join(world.fresh(), 'words')
            program = script(world, f'printf "%s\\n" "$@" >> {out}\nexit 3\n')
            done = subprocess.run([*command, '-R', '-S', program, *arguments], stdin=subprocess.DEVNULL, capture_output=True)
            check(done.returncode == 1, f'{command[0]} {arguments}: {done}')
            with open(out) as file:
                told.append(file.read().split('\n'))
        check(told[0] == told[1], f'{arguments}: scp gives {told[0]}, hawser {told[1]}')
    for arguments in (['h:x', "a'b@g:y"], ['h:x', 'scp://g:23/y']):
        result = world.client.run('cp', '-R', '-S', '/bin/false', *arguments)
        ended(result, 2)
        says(result, '-R')
        check(subprocess.run(['scp', '-R', '-S', '/bin/true', *arguments], stdin=subprocess.DEVNULL,
                             capture_output=True).returncode != 0, f'scp takes {arguments}')


def origin_cut(world):
    """-R: a connection that is cut leaves open what happened there, and says so."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 100_000)
    directory = world.fresh()
    with open(os.path.join(directory, 'scp'), 'w') as file:
        file.write('#!/bin/sh\nsleep 5\n')
    os.chmod(os.path.join(directory, 'scp'), 0o755)
    server = world.new_server(options=[f'SetEnv PATH={directory}:/usr/bin:/bin'])
    with Network(server.port) as network:
        client = world.new_client(server, network.port)
        child = client.start('-R', client.remote(source), client.remote(target))
        time.sleep(1)
        network.cut_all()
        err = child.communicate(timeout=20)[1]
    check(child.returncode == 255 and b'not known' in err, f'{child.returncode}: {err!r}')


def tests():
    yield from (limit_holds, origin_through_a_program, origin_cut)
    for kind in REFUSED:
        yield kind, kind_of_copy, (kind,)


if __name__ == '__main__':
    sys.exit(main(list(tests())))

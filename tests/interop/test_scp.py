#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scp's options mean what they mean in scp(1): the same copies by Debian's scp and by hawser cp, compared."""

import os
import re
import subprocess
import sys
import time

import trees
from relay import DOWN, Relay, UP
from sshd import SFTP_SERVER
from suite import check, ended, main, same, says, succeeded

HERE = os.path.dirname(os.path.abspath(__file__))


def script(world, text):
    """An executable of the shell."""
    path = os.path.join(world.fresh(), 'program')
    with open(path, 'w') as file:
        file.write('#!/bin/sh\n' + text)
    os.chmod(path, 0o755)
    return path


def ssh_options(world, client=None):
    """What ssh and scp need to reach the server as the client's user."""
    return ['-F', 'none', '-o', f'UserKnownHostsFile={(client or world.client).ssh}/known_hosts',
            '-o', f'IdentityFile={world.client.ssh}/id_ed25519', '-o', 'IdentitiesOnly=yes']


class Ended:
    def __init__(self, done):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr

    def __str__(self):
        return f'scp: status {self.status}, stdout {self.out[-300:]!r}, stderr {self.err[-800:]!r}'


def scp(world, *arguments, cwd=None, port=True, options=None):
    port = ['-P', str(world.server.port)] if port else []
    return Ended(subprocess.run(['scp', *(options or ssh_options(world)), *port, *arguments],
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=60, cwd=cwd))


def local(world):
    """The commands, neither told a port: sftp-server would take -p for a list of requests."""
    return (lambda *a, **o: scp(world, *a, port=False, **o), lambda *a, **o: world.client.run('cp', *a, **o))


def small_tree(world):
    """Plain files, modes, times, a link: what both commands copy alike."""
    top = world.path(b'tree')
    os.makedirs(os.path.join(top, b'sub', b'empty'))
    for number, name in enumerate([b'plain', b'sub/odd name', b'sub/$HOME; `x` \'"*', b'sub/\xff\xfe', b'zero']):
        path = os.path.join(top, name)
        trees.make_file(path, 70_001 * number if name != b'zero' else 0)
        os.chmod(path, (0o644, 0o600, 0o755, 0o444, 0o664)[number])
        os.utime(path, (1_000_000_000 + number, 1_100_000_000 + number))
    os.chmod(os.path.join(top, b'sub'), 0o750)
    os.utime(os.path.join(top, b'sub'), (10**9, 10**9))
    return top


def both(world, copy, runs=None, **compared):
    """COPY(run, target) by scp and by hawser cp into a new directory each; what they leave is the same."""
    left, right = world.path(), world.path()
    scp_run, hawser_run = runs or (lambda *a, **o: scp(world, *a, **o), world.client.cp)
    one, two = copy(scp_run, left), copy(hawser_run, right)
    check((one.status == 0) == (two.status == 0), f'{one}; hawser: {two}')
    for top in (left, right):
        os.utime(top, (10**9, 10**9))
    same(left, right, **compared)
    return one, two


def remote(world, path):
    return world.client.remote(path)


# ---- -S, -D ----

def program_gets_scp_s_words(world):
    """The words that -S's program gets are those that scp gives it, in its order."""
    key = world.keys.client
    for arguments in (
            ['-v', '-q', '-4', '-C', '-o', 'X=y', '-c', 'aes128-ctr', '-i', key, '-F', '/dev/null', '-J', 'j1,j2', '-P',
             '77', '-B', '-A', '/etc/hosts', 'u@h:a b'],
            ['-6', '-oA=b', '/etc/hosts', 'u@h@x:'],
            ['/etc/hosts', '[::1]:-x'],
            ['h:a', '/tmp/']):
        told = []
        for command in (['scp'], [world.hawser, 'cp']):
            out = os.path.join(world.fresh(), 'words')
            program = script(world, f'printf "%s\\n" "$@" > {out}\nexit 3\n')
            subprocess.run([*command, '-S', program, *arguments], stdin=subprocess.DEVNULL, capture_output=True)
            with open(out) as file:
                told.append(file.read().split('\n'))
        check(told[0] == told[1], f'{arguments}: scp gives {told[0]}, hawser {told[1]}')


def program_is_ssh(world):
    """Trees in both directions through Debian's ssh."""
    tree = small_tree(world)
    options = ['-S', '/usr/bin/ssh', *ssh_options(world)]
    there, back = world.path(b'there'), world.path(b'back')
    succeeded(world.client.cp(*options, '-rp', tree, remote(world, there)))
    same(tree, there, modes=True, times='s')
    succeeded(world.client.cp(*options, '-rp', remote(world, there), back))
    same(tree, back, modes=True, times='s')


def program_dies(world):
    """Its status is told, whenever it ends; one that is not there is told at once."""
    target = remote(world, b'x')
    result = world.client.cp('-S', script(world, 'exit 7\n'), '/etc/hosts', target)
    ended(result, 255)
    says(result, 'status 7')
    result = world.client.cp('-S', script(world, 'kill -9 $$\n'), '/etc/hosts', target)
    ended(result, 255)
    says(result, 'signal 9')
    # All was copied, and yet it fails: scp's status is not 0 either.
    late = script(world, f'{SFTP_SERVER}\nexit 5\n')
    result = world.client.cp('-S', late, '/etc/hosts', remote(world, world.path(b'f')))
    ended(result, 1)
    says(result, 'status 5')
    check(scp(world, '-S', late, '/etc/hosts', remote(world, world.path(b'f'))).status != 0, 'scp says 0')
    result = world.client.cp('-S', '/nonexistent/ssh', '/etc/hosts', target)
    ended(result, 2)
    says(result, '/nonexistent/ssh', 'No such file')


def program_dies_in_the_middle(world):
    source = world.path(b'f')
    trees.make_file(source, 30_000_000)
    target = world.path(b'f')
    cut = script(world, f'exec {sys.executable} {HERE}/cut_sftp.py 5000000 9\n')
    result = world.client.cp('-S', cut, '--reconnect', '0', source, remote(world, target))
    ended(result, 255)
    says(result, 'status 9')
    check(not os.path.exists(target), 'half a file stands under its final name')
    # Else it is run again, which gets it further each time; how those ended is only a note.
    result = world.client.cp('-v', '--json', '-S', cut, source, remote(world, target))
    succeeded(result)
    says(result, 'connecting again', 'status 9')
    check(result.summary()['reconnects'] >= 5, f'{result.summary()}')
    check(trees.same_file(source, target), 'other content')


def program_cannot_be_run_again(world):
    """A program that ends at once when it is run again: tried as often, and as long, as was allowed."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 30_000_000)
    for options, most in ((['-o', 'ConnectionAttempts=3'], 4), (['--reconnect', '2'], 8)):
        count = os.path.join(world.fresh(), 'count')
        program = script(world, f'echo >> {count}\n[ $(wc -l < {count}) = 1 ] || exit 7\n'
                                f'exec {sys.executable} {HERE}/cut_sftp.py 5000000 9\n')
        result = world.client.cp('-S', program, *options, source, remote(world, target))
        ended(result, 255)
        says(result, 'status 7', 'given up')
        with open(count) as file:
            runs = len(file.readlines())
        check(3 <= runs <= most, f'{options}: run {runs} times')
        check(not os.path.exists(target), 'half a file stands under its final name')


def hanging_program(world):
    """One that does not end when its connection is lost holds nothing up, and is ended."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 20_000_000)
    pids = os.path.join(world.fresh(), 'pids')
    # The first closes its output in the middle, and stays.
    program = script(world, f'echo $$ >> {pids}\n[ $(wc -l < {pids}) = 1 ] || exec {SFTP_SERVER}\n'
                            f'{sys.executable} {HERE}/cut_sftp.py 3000000 9\nexec sleep 60 > /dev/null < /dev/null\n')
    begin = time.monotonic()
    succeeded(world.client.cp('-S', program, source, remote(world, target)))
    check(time.monotonic() - begin < 20, f'{time.monotonic() - begin:.1f} s')
    check(trees.same_file(source, target), 'other content')
    with open(pids) as file:
        for pid in file.read().split():
            check(not os.path.exists(f'/proc/{pid}'), f'process {pid} is still there')


def local_server(world):
    """-D: an SFTP server here; relative paths are relative to this directory on both sides, as with scp."""
    tree = small_tree(world)

    def copy(run, target):
        os.symlink(tree, os.path.join(target, b'source'))
        result = run('-D', SFTP_SERVER, '-rp', b'source/', b'nowhere:there', cwd=target)
        os.unlink(os.path.join(target, b'source'))
        if result.status == 0:
            result = run('-D', SFTP_SERVER, '-rp', b'nowhere:there/sub', b'back', cwd=target)
        return result

    one, two = both(world, copy, local(world), modes=True, times='s')
    succeeded(one), succeeded(two)


def local_server_words(world):
    told = []
    for command in (['scp'], [world.hawser, 'cp']):
        out = os.path.join(world.fresh(), 'words')
        program = script(world, f'printf "%s\\n" "$@" > {out}\nexit 3\n')
        subprocess.run([*command, '-v', '-D', program, '/etc/hosts', 'u@h:a'], stdin=subprocess.DEVNULL,
                       capture_output=True)
        with open(out) as file:
            told.append(file.read())
    check(told[0] == told[1], f'scp gives {told[0]}, hawser {told[1]}')


# ---- Patterns, and from one host to another ----

def patterns(world):
    """Names on a server are patterns, as with scp, unless a name exists as it is written."""
    tree = world.path(b'tree')
    for name in (b'a1.txt', b'a2.txt', b'b1.txt', b'.hidden.txt', b'sub/x1', b'other/x2', b'star*', b'q?', b'back\\slash',
                 b'[x]y', b'xy'):
        os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
        trees.make_file(os.path.join(tree, name), 100)
    for number, pattern in enumerate([b'a*.txt', b'?1.txt', b'[ab]*', b'*/x?', b'*', b'a1.t\\xt', b'star\\*', b'su*/x1',
                                      b'nothing*', b'/*', b'[!a]*.txt', b'back\\\\slash']):
        # A slash in front: the pattern is all of the tree's path.
        operand = os.path.join(tree, pattern) if number != 9 else tree + b'/*/x1'
        both(world, lambda run, target: run('-D', SFTP_SERVER, '-r', remote(world, operand), target), local(world))
    for name in (b'star*', b'q?', b'[x]y', b'back\\slash'):
        target = world.path()
        succeeded(world.client.cp(remote(world, os.path.join(tree, name)), target))
        check(os.listdir(target) == [name], f'{name}: {os.listdir(target)}')
    result = world.client.cp(remote(world, os.path.join(tree, b'none*')), world.path())
    ended(result, 1)
    says(result, 'none*', 'No such file')


class Two:
    """Two servers on ports of their own, both known to the client."""

    def __init__(self, world):
        self.other = world.new_server()
        self.client = world.new_client(world.server)
        self.client.write('known_hosts', world.server.known_hosts() + self.other.known_hosts())
        self.ports = world.server.port, self.other.port

    def url(self, which, path):
        path = ''.join(f'%{byte:02x}' for byte in path)
        return f'sftp://{os.environ.get("USER", "root")}@127.0.0.1:{self.ports[which]}//{path}'

    def cp(self, *arguments, **options):
        return self.client.run('cp', *arguments, **options)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.other.stop()


def between_hosts(world):
    """Trees, modes, times, links and odd names arrive; twice, the second time upon the first."""
    tree = world.path(b'tree')
    trees.make_odd_tree(tree)
    trees.make_file(os.path.join(tree, b'large'), 9_000_001)
    with Two(world) as two:
        there = world.path()
        for options in (['-rp'], ['-3', '-rp'], ['-rp', '-Xnrequests=3', '-Xbuffer=5000']):
            succeeded(two.cp(*options, two.url(0, tree), two.url(1, there)))
            same(tree, os.path.join(there, b'tree'), modes=True, times='s')
        check(os.listdir(there) == [b'tree'], f'left over: {os.listdir(there)}')


def between_hosts_as_scp(world):
    """What scp -3 makes of the same operands: modes without -p, renaming, patterns, several sources."""
    tree = small_tree(world)
    host = remote(world, b'')
    for operands in ([b'/plain', b'/new'], [b'/plain', b'/'], [b'/plain', b'/sub/empty', b'/zero', b'/'],
                     [b'/sub/*', b'/'], [b'', b'/new'], [b'/plain', b'/none/at all'],
                     [b'/plain', b'/zero', b'/none'], [b'/nothing', b'/']):
        for options in ('-r', '-rp'):
            both(world, lambda run, target: run('-D', SFTP_SERVER, '-3', options,
                                                *[host + tree + name for name in operands[:-1]],
                                                host + target + operands[-1]), local(world), modes=True,
                 times='s' if 'p' in options else None)
    result = world.client.cp(host + tree, host + world.path())
    ended(result, 1)
    says(result, 'directory', '-r')


def between_hosts_never_on_disk(world):
    """The client may write no file at all, and its memory does not grow with what it copies."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 250_000_000)
    with Two(world) as two:
        pid = os.posix_spawn('/bin/sh', ['sh', '-c', 'ulimit -f 0; exec "$@"', 'sh', world.hawser, 'cp', two.url(0, source),
                                         two.url(1, target)], two.client.environment())
        _, status, usage = os.wait4(pid, 0)
    check(os.waitstatus_to_exitcode(status) == 0, f'status {status}')
    check(trees.same_file(source, target), 'other content')
    # Sanitizers keep what was freed.
    padded = 'HAWSER_TEST_PATIENCE' in os.environ or 'ASAN_OPTIONS' in os.environ
    check(padded or usage.ru_maxrss < 170_000, f'{usage.ru_maxrss} KiB of memory')
    os.unlink(source), os.unlink(target)


def between_hosts_and_a_server_dies(world):
    """Either server's death is reported with its name; nothing half stands under a final name."""
    source = world.path(b'f')
    trees.make_file(source, 30_000_000)
    for side in (0, 1):
        target = world.path(b'f')
        # The first server that is started is the source's.
        count = os.path.join(world.fresh(), 'count')
        program = script(world, f'echo >> {count}\n[ $(wc -l < {count}) = {side + 1} ] || exec {SFTP_SERVER}\n'
                                f'exec {sys.executable} {HERE}/cut_sftp.py {3000 if side == 0 else 5_000_000} 9\n')
        result = world.client.run('cp', '-S', program, '--reconnect', '0', b'one:' + source, b'two:' + target)
        ended(result, 255)
        says(result, 'status 9', ('one', 'two')[side] + ':')
        check(not os.path.exists(target), 'half a file stands under its final name')


# ---- -l, -X ----

def limit(world):
    """-l: Kbit/s, in both directions and over many small files too."""
    one, many = world.path(b'one'), world.path(b'many')
    trees.make_file(one, 1_500_000)
    trees.make_many(many, 30, 50_000)
    for source, up in ((one, True), (one, False), (many, True), (many, False)):
        target = world.path(b'copy')
        begin = time.monotonic()
        operands = (source, remote(world, target)) if up else (remote(world, source), target)
        succeeded(world.client.cp('-r', '-l', '8000', *operands))
        seconds = time.monotonic() - begin
        check(1.2 < seconds < 4, f'1.5 MB at 8000 Kbit/s took {seconds:.2f} s')
        same(source, target) if source == many else check(trees.same_file(source, target), 'other content')


def requests(world):
    """-X: so many READs and WRITEs under way and no more, none larger than the buffer."""
    source = world.path(b'tree')
    trees.make_many(source, 20, 30_000)
    trees.make_file(os.path.join(source, b'large'), 300_000)
    for up in (True, False):
        counted, target = os.path.join(world.fresh(), 'counted'), world.path(b'copy')
        program = script(world, f'exec {sys.executable} {HERE}/counting_sftp.py {counted}\n')
        operands = (source, remote(world, target)) if up else (remote(world, source), target)
        succeeded(world.client.cp('-D', program, '-r', '-X', 'nrequests=5', '-Xbuffer=8k', *operands))
        same(source, target)
        with open(counted) as file:
            most, largest = map(int, file.read().split())
        check(most == 5 and largest == 8192, f'{"up" if up else "down"}: {most} at once, {largest} bytes')


def wrong_values(world):
    """What scp refuses is refused, with a word about it."""
    for arguments, word in (
            (['-l', '0'], '-l'), (['-l', '104857601'], '-l'), (['-l', '10x'], '-l'), (['-l', '-5'], '-l'),
            (['-X', 'nrequests=0'], 'nrequests'), (['-X', 'nrequests=262145'], 'nrequests'),
            (['-X', 'nrequests='], 'nrequests'), (['-X', 'buffer=0'], 'buffer'), (['-X', 'buffer=257k'], 'buffer'),
            (['-X', 'buffer=1z'], 'buffer'), (['-X', 'else=1'], '-X'), (['-P', '0'], '-P')):
        result = world.client.run('cp', *arguments, '/etc/hosts', 'h:')
        ended(result, 2)
        says(result, word)
        check(scp(world, *arguments, '-S', '/bin/false', '/etc/hosts', 'h:').status != 0, f'scp takes {arguments}')
    for arguments in (['-E'], ['-1'], ['-d'], ['--no-such'], ['-A'], ['-D', 'x', '-O'], ['-D', 'x', '-S', 'y']):
        ended(world.client.run('cp', *arguments, '/etc/hosts', 'h:'), 2)
    for value in ('nrequests=262144', 'nrequests=1', 'buffer=1', 'buffer=256k', 'buffer=0.25m'):
        one, two = [run('-X', value, '-D', SFTP_SERVER, '/etc/hosts', remote(world, world.path(b'f')))
                    for run in local(world)]
        check(one.status == two.status == 0, f'{value}: {one}; hawser: {two}')


def accepted(world):
    """-s, -T, -3 and -C change nothing that a copy to a server shows."""
    tree = small_tree(world)
    both(world, lambda run, target: run('-s', '-T', '-3', '-C', '-rp', tree, remote(world, target)), modes=True, times='s')
    both(world, lambda run, target: run('-O', '-s', '-T', '-rp', remote(world, tree), target), modes=True, times='s')


def compression(world):
    """-C: what can be compressed is, in both directions and by both protocols."""
    source = world.path(b'f')
    with open(source, 'wb') as file:
        file.write(b'compressible ' * 200_000)
    for options, most in (([], 10_000_000), (['-C'], 500_000), (['-C', '-O'], 500_000)):
        for up in (True, False):
            relay = Relay(world.server.port)
            client, target = world.new_client(world.server, relay.port), world.path(b'f')
            operands = (source, client.remote(target)) if up else (client.remote(source), target)
            succeeded(client.cp(*options, *operands))
            moved = relay.forwarded[UP if up else DOWN]
            relay.stop()
            check(trees.same_file(source, target), 'other content')
            check(moved < most and (options or moved > 2_600_000), f'{options}: {moved} bytes')


def help_names_every_option(world):
    out = world.client.run('cp', '--help').out.decode()
    usage = re.search(r'\[-(\w+)\]', subprocess.run(['scp'], capture_output=True, text=True).stderr).group(1)
    missing = [letter for letter in usage + 'cDFiJloPSX' if not re.search(rf'^ .*-{letter}\b', out, re.MULTILINE)]
    check(not missing, f'--help does not name {missing}')


def tests():
    return [program_gets_scp_s_words, program_is_ssh, program_dies, program_dies_in_the_middle, program_cannot_be_run_again, hanging_program, local_server,
            local_server_words, patterns, between_hosts, between_hosts_as_scp, between_hosts_never_on_disk,
            between_hosts_and_a_server_dies, limit, requests, wrong_values, accepted, compression, help_names_every_option]


if __name__ == '__main__':
    sys.exit(main(tests()))

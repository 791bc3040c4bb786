#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The old scp protocol (-O): against sshd with Debian's scp, and against servers that break its rules."""

import os
import shlex
import subprocess
import sys
import time

import trees
from suite import Skip, check, ended, files_below, main, same, says, succeeded
from test_scp import Two, both, remote, scp, script, small_tree

HERE = os.path.dirname(os.path.abspath(__file__))


def shell(world):
    """A program for -S that runs the command here, as the shell of a server would."""
    return script(world, 'for last; do :; done\nexec sh -c "$last"\n')


def runs(world):
    """scp and hawser cp, both with -O and through that shell: quick."""
    program = shell(world)
    return (lambda *a, **o: scp(world, '-O', '-S', program, *a, **o),
            lambda *a, **o: world.client.cp('-O', '-S', program, *a, **o))


def odd_tree(world):
    """All names that the protocol can carry, modes, times; links are followed."""
    tree = world.path(b'tree')
    trees.make_odd_tree(tree)
    for name in (b'new\nline', b'directories/new\nline'):
        path = os.path.join(tree, name)
        if os.path.isdir(path):
            os.unlink(os.path.join(path, b'new\nline'))
            os.rmdir(path)
        else:
            os.unlink(path)
    links = os.path.join(tree, b'links')
    for name in (b'dangling', b'itself', b'up', b'odd', b'long', b'ring-a', b'ring-b'):
        os.unlink(os.path.join(links, name))
    return tree


# ---- As scp does ----

def over_ssh(world):
    """Trees in both directions over a connection of our own to sshd, the same as by scp -O."""
    tree = odd_tree(world)
    trees.make_file(os.path.join(tree, b'large'), 20_000_003)
    for options in ('-r', '-rp'):
        times = 's' if 'p' in options else None
        both(world, lambda run, target: run('-O', options, tree, remote(world, target)), modes=True, times=times)
        both(world, lambda run, target: run('-O', options, remote(world, tree), target), modes=True, times=times)


def operands(world):
    """New names, directories, several sources, patterns, braces, quotes, what is missing."""
    tree = small_tree(world)
    trees.make_file(tree + b'/a b', 10)
    host = b'h:'
    for names, target in (
            (['plain'], 'new'), (['plain'], ''), (['plain', 'zero'], ''), (['plain', 'zero'], 'none'),
            (['plain'], 'none/at/all'), (['none'], ''), (['sub'], ''), (['sub'], 'new'), (['sub/'], 'new'),
            (['plain'], 'new/')):
        for options in ([], ['-r'], ['-p'], ['-rp']):
            up = [tree + b'/' + name.encode() for name in names]
            times = 's' if options and 'p' in options[0] else None
            both(world, lambda run, top: run(*options, *up, host + top + b'/' + target.encode()), runs(world),
                 modes=True, times=times)
            both(world, lambda run, top: run(*options, *[host + name for name in up], top + b'/' + target.encode()),
                 runs(world), modes=True, times=times)
    for request in (b'/*', b'/p*', b'/{plain,zero}', b'/pl?in', b'/a\\ b', b'/"a b"', b"/'a b'", b'/nothing*', b'/{plain',
                    b'/[pz]*', b'/plain ' + tree + b'/zero', b'/sub/*'):
        both(world, lambda run, top: run(host + tree + request, top), runs(world))


def onto_what_stands(world):
    """Files and directories that stand there, in both directions."""
    tree = small_tree(world)

    def prepare(top):
        os.makedirs(top + b'/tree/sub', mode=0o700)
        for name in (b'plain', b'zero', b'sub/kept', b'sub/odd name'):
            with open(top + b'/tree/' + name, 'wb') as file:
                file.write(b'stands' * 30_000)
            os.chmod(top + b'/tree/' + name, 0o640)
            os.utime(top + b'/tree/' + name, (1_000_000_000, 1_000_000_000))  # of what is not written upon

    for options in ('-r', '-rp'):
        for up in (True, False):
            def copy(run, top):
                prepare(top)
                return run(options, tree, b'h:' + top) if up else run(options, b'h:' + tree, top)
            both(world, copy, runs(world), modes=True, times='s' if 'p' in options else None)

    def onto_directory(run, top):
        os.makedirs(top + b'/plain/x')
        return run(b'h:' + tree + b'/plain', top)
    both(world, onto_directory, runs(world))


def names_with_line_breaks(world):
    """They arrive in the notation that scp gives them."""
    source = world.path(b's')
    os.makedirs(source)
    for name in (b'a\nb', b'tab\t sp\\back\nx', b'\x1b[31m\x07\x7f\nq', 'ü漢\n'.encode(), b'\xff\x80\xa0\n', b'only\x1bctl'):
        trees.make_file(os.path.join(source, name), 20)
    names = [os.path.join(source, name) for name in os.listdir(source)]
    both(world, lambda run, top: run(*names, b'h:' + top), runs(world))
    both(world, lambda run, top: run(b'h:' + source + b'/*', top), runs(world))


def between(world):
    """-3 through this machine, and -R by scp on the first host."""
    tree = odd_tree(world)
    both(world, lambda run, top: run('-3', '-rp', b'g:' + tree, b'h:' + top), runs(world), modes=True, times='s')
    with Two(world) as two:
        target = world.path()
        succeeded(two.cp('-O', '-rp', two.url(0, tree), two.url(1, target)))
        same_followed(tree, os.path.join(target, b'tree'))
        trees.make_file(os.path.join(tree, b'large'), 50_000_000)
        succeeded(two.cp('-O', two.url(0, tree + b'/large'), two.url(1, target)))
        check(trees.same_file(tree + b'/large', target + b'/large'), 'other content')


def same_followed(tree, copy):
    """As same, links being copied as what they lead to."""
    for path in files_below(tree):
        check(trees.same_file(os.path.realpath(path), os.path.join(copy, os.path.relpath(path, tree))), f'{path!r}')


def on_origin(world):
    """-R runs what scp -R runs, on the first host."""
    bin_directory = world.fresh()
    told = os.path.join(bin_directory, 'told')
    with open(os.path.join(bin_directory, 'scp'), 'w') as file:
        file.write(f'#!/bin/sh\nfor word; do echo "<$word>" >> {told}; done\necho done >> {told}\necho "all \33[31m well"\n'
                   'exit 4\n')
    os.chmod(os.path.join(bin_directory, 'scp'), 0o755)
    server = world.new_server(options=[f'SetEnv PATH={bin_directory}:/usr/bin:/bin'])
    client = world.new_client(server)
    result = client.cp('-R', '-rpv', '127.0.0.1:a*b c', '127.0.0.1:/x/one', 'user@other:y z')
    ended(result, 1)
    says(result, 'status 4', 'all \\033[31m well')
    with open(told) as file:
        words = file.read()
    check(words.startswith('<-v>\n<-r>\n<-p>\n<-d>\n<a*b>\n<c>\n<user@other:y>\n<z>\ndone\n') and
          '</x/one>\n<user@other:y>' in words, words)
    for arguments in (['127.0.0.1:x', "a'b@other:y"], ['127.0.0.1:x', 'sftp://other:23/y']):
        result = client.cp('-R', *arguments)
        ended(result, 2)
        says(result, '-R')
    server.stop()


def limited(world):
    """-l holds for -O too."""
    source = world.path(b'f')
    trees.make_file(source, 1_500_000)
    for up in (True, False):
        target = world.path(b'f')
        begin = time.monotonic()
        succeeded(world.client.cp('-O', '-l', '8000', *((source, remote(world, target)) if up else (remote(world, source), target))))
        seconds = time.monotonic() - begin
        check(1.2 < seconds < 4, f'1.5 MB at 8000 Kbit/s took {seconds:.2f} s')
        check(trees.same_file(source, target), 'other content')


def changing_and_vanishing(world):
    """What cannot be read is named, and the rest arrives."""
    tree = world.path(b'tree')
    os.makedirs(tree)
    trees.make_file(tree + b'/good', 100)
    os.symlink(b'nowhere', tree + b'/dangling')
    os.symlink(b'.', tree + b'/around')
    os.mkfifo(tree + b'/fifo')
    target = world.path()
    result = world.client.cp('-O', '-r', tree, remote(world, target), timeout=30)
    ended(result, 1)
    says(result, 'dangling', 'fifo', 'around')
    check(os.listdir(target + b'/tree') == [b'good'], f'{os.listdir(target)}')


# ---- Servers without one or the other ----

def without_sftp(world):
    """A device that has no SFTP: the error says that -O would help, and it does."""
    server = world.new_server(options=['Subsystem none /bin/false'], subsystem='none')
    with open(server.config) as file:
        lines = [line for line in file if not line.startswith('Subsystem')]
    with open(server.config, 'w') as file:
        file.writelines(lines)
    server.stop()
    server.start()
    client = world.new_client(server)
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 1000)
    result = client.cp(source, client.remote(target))
    ended(result, 255)
    says(result, '-O')
    succeeded(client.cp('-O', source, client.remote(target)))
    check(trees.same_file(source, target), 'other content')
    server.stop()


def without_scp(world):
    server = world.new_server(options=['SetEnv PATH=/nowhere'])
    client = world.new_client(server)
    for arguments in (['/etc/hosts', client.remote(b'x')], [client.remote(b'x'), world.path(b'x')]):
        result = client.cp('-O', *arguments)
        ended(result, 1)
        says(result, 'scp', 'not found', '127')
    server.stop()


# ---- Servers that break the rules ----

ESC = b'\x1b]0;owned\x07'


def fake(world, sends):
    """A program for -S that sends SENDS, whatever is asked of it, and reads what is answered."""
    content = os.path.join(world.fresh(), 'content')
    with open(content, 'wb') as file:
        file.write(sends)
    return script(world, f'exec {sys.executable} {HERE}/fixed_answer.py {shlex.quote(content)}\n')


def hostile_names(world):
    """What was not asked for, or leads elsewhere, is not written; anything that is good arrives."""
    cases = [
        (b'C0644 1 ../escaped\nx\0', b'f', []), (b'C0644 1 ..\nx\0', b'f', []), (b'C0644 1 .\nx\0', b'f', []),
        (b'C0644 1 \nx\0', b'f', []), (b'C0644 1 /tmp/escaped\nx\0', b'f', []), (b'C0644 1 a/b\nx\0', b'*', []),
        (b'C0644 1 other\nx\0', b'f', []), (b'C0644 1 .bashrc\nx\0', b'*.txt', []),
        (b'C0644 1 a.txt\nx\0C0644 1 evil\ny\0', b'*.txt', [b'a.txt']),
        (b'C0644 1 ' + ESC + b'\nx\0', b'f', []), (b'C0644 1 a\0b\nx\0', b'*', []),
        (b'D0755 0 sub\nC0644 1 f\nx\0E\n', b'sub', []), (b'E\nC0644 1 f\nx\0', b'f', []),
    ]
    for sends, request, expected in cases:
        top = world.path()
        target = os.path.join(top, b'one', b'two')
        os.makedirs(target)
        result = world.client.cp('-O', '-S', fake(world, sends), b'h:' + request, target, timeout=20)
        ended(result, 1)
        found = sorted(os.path.relpath(path, target) for path in files_below(top))
        check(found == expected, f'{sends!r}: {found}')
        check(not set(result.err) & {0x1b, 0x07}, f'raw control characters: {result}')
    check(not os.path.exists('/tmp/escaped'), '/tmp/escaped was written')
    # With -T any name is taken, but none that leads elsewhere.
    target = world.path()
    succeeded(world.client.cp('-O', '-T', '-S', fake(world, b'C0644 1 other\nx\0'), b'h:f', target))
    check(os.listdir(target) == [b'other'], f'{os.listdir(target)}')
    ended(world.client.cp('-O', '-T', '-S', fake(world, b'C0644 1 ../other\nx\0'), b'h:f', target), 1)


def hostile_trees(world):
    """With -r: out of the directory, through links that stand there, endlessly deep."""
    outside = world.path()
    for sends in (b'D0755 0 ..\nC0644 1 f\nx\0E\n', b'D0755 0 .\nC0644 1 f\nx\0E\n', b'D0755 0 t\nE\nE\nC0644 1 f\nx\0',
                  b'D0755 0 t\nD0755 0 ..\nC0644 1 f\nx\0', b'D0777 0 /\nC0644 1 f\nx\0', b'D0777 0 other\nC0644 1 f\nx\0E\n',
                  b'D0755 0 t\nD0755 0 link\nC0644 1 f\nx\0E\nE\n', b'D0755 0 t\nC0644 1 flink\nx\0E\n'):
        top = world.path()
        target = os.path.join(top, b'two')
        os.makedirs(target + b'/t')
        os.symlink(outside, target + b'/t/link')
        os.symlink(outside + b'/f', target + b'/t/flink')
        result = world.client.cp('-O', '-r', '-S', fake(world, sends), b'h:t', target, timeout=20)
        ended(result, 1)
        found = [path for path in files_below(top) if not os.path.islink(path)]
        check(found in ([], [target + b'/t/f']) and not os.listdir(outside), f'{sends!r}: {found} {os.listdir(outside)}')
    deep = world.path()
    result = world.client.cp('-O', '-r', '-S', fake(world, b'D0755 0 t\n' + b'D0755 0 d\n' * 3000), b'h:t', deep, timeout=40)
    ended(result, 1)
    # Too deep for Python.
    subprocess.run(['rm', '-rf', deep], check=True)


def hostile_records(world):
    """Numbers out of their ranges, endless lines, records cut short: an error, in bounded time and memory."""
    for sends in (
            b'C0644 -1 f\n', b'C0644 9223372036854775808 f\n', b'C0644 99999999999999999999999 f\n', b'C0644 f\n',
            b'C0648 1 f\nx\0', b'C-644 1 f\nx\0', b'C00644 1 f\nx\0', b'C064 1 f\nx\0', b'C0644  1 f\nx\0', b'C0644 0x1 f\nx\0',
            b'C0644 1\tf\nx\0', b'C0644 +1 f\nx\0', b'\n', b'C', b'C0644 5 f\nx', b'C0644 1 f\nx', b'C0644 1 f',
            b'T1 0 1\nC0644 1 f\nx\0', b'T-1 0 1 0\nC0644 1 f\nx\0', b'T1 1000000 1 0\nC0644 1 f\nx\0', b'T1 0 1 0 \nC0644 1 f\nx\0',
            b'T99999999999999999999 0 1 0\nC0644 1 f\nx\0', b'Z0644 1 f\nx\0', b'Last login: ' + ESC + b'\n',
            b'C0644 1 ' + b'f' * 100_000 + b'\nx\0', b'x' * 5_000_000, b'\1' + b'm' * 5_000_000, b'\2' + ESC + b'\n',
            b'\1' + ESC + b' no\n', b'C0644 1 f\nx\1' + ESC + b'\n', b'C0644 1 f\nx\2' + ESC + b'\n', b'C0644 1 f\nxy',
            b'C0644 1 f\nx' + b'\5' * 300_000, b'', b'C0644 1 f\nx\0' * 3 + b'\n'):
        target = world.path()
        result = world.client.cp('-O', '-p', '-S', fake(world, sends), b'h:f', target, timeout=20)
        ended(result, 1)
        check(result.err.strip() and len(result.err) < 60_000, f'{sends[:40]!r}: {len(result.err)} bytes said')
        check(not set(result.err) & {0x1b, 0x07}, f'raw control characters: {result}')
        left = os.listdir(target)
        check(left in ([], [b'f']), f'{sends[:40]!r}: {left}')
        check(not left or sends.count(b'x\0') == 3, f'{sends[:40]!r}: half a file stands there')


def hostile_answers(world):
    """The same for what is sent to them."""
    source = world.path(b'f')
    trees.make_file(source, 100_000)
    for sends in (b'', b'\1' + ESC + b'\n', b'\2no\n', b'\0\1' + ESC + b'\n', b'\0\2' + ESC + b'\n', b'\0\0\1disk full\n',
                  b'\0\0', b'\0', b'not an answer ' + ESC + b'\n', b'\1' + b'm' * 5_000_000, b'\0\0\2' + b'm' * 100_000):
        result = world.client.cp('-O', '-S', fake(world, sends), source, b'h:f', timeout=20)
        ended(result, 1)
        check(result.err.strip() and len(result.err) < 60_000, f'{sends[:40]!r}: {result}')
        check(not set(result.err) & {0x1b, 0x07}, f'raw control characters: {result}')


def setuid_only_with_p(world):
    """Modes beyond the permissions come only with -p, as with scp."""
    for options in ([], ['-p']):
        target = world.path()
        succeeded(world.client.cp('-O', *options, '-S', fake(world, b'T1 0 1 0\nC6777 1 f\nx\0'), b'h:f', target))
        mode = os.stat(target + b'/f').st_mode & 0o7777
        check(mode == (0o6777 if options else 0o755), f'{options}: {mode:o}')


def hostile_standard_error(world):
    """What the command writes to standard error is shown, escaped, over a connection of our own."""
    bin_directory = world.fresh()
    with open(os.path.join(bin_directory, 'scp'), 'wb') as file:
        file.write(b'#!/bin/sh\nprintf "%s\\n" "' + ESC + b'" >&2\nhead -c 3000000 /dev/zero | tr "\\0" m >&2\nexit 1\n')
    os.chmod(os.path.join(bin_directory, 'scp'), 0o755)
    server = world.new_server(options=[f'SetEnv PATH={bin_directory}:/usr/bin:/bin'])
    client = world.new_client(server)
    result = client.cp('-O', client.remote(b'f'), world.path())
    ended(result, 1)
    says(result, 'owned')
    check(not set(result.err) & {0x1b, 0x07}, f'raw control characters: {result}')
    server.stop()


def interrupted(world):
    """A signal leaves no half file under its final name."""
    if 'HAWSER_TEST_PATIENCE' in os.environ:
        raise Skip('a sanitized build is too slow for this moment')
    top = world.path()
    program = script(world, 'printf "C0644 1000 f\\nhalf"\nexec sleep 20\n')
    child = world.client.start('-O', '-S', program, b'h:f', top)
    deadline = time.monotonic() + 10
    while not os.listdir(top) and time.monotonic() < deadline:
        time.sleep(0.01)
    check(os.listdir(top), 'nothing was begun')
    child.terminate()
    _, err = child.communicate(timeout=15)
    check(child.returncode == -15, f'status {child.returncode}: {err!r}')
    check(os.listdir(top) == [], f'left: {os.listdir(top)}')


def tests():
    return [over_ssh, operands, onto_what_stands, names_with_line_breaks, between, on_origin, limited, changing_and_vanishing,
            without_sftp, without_scp, hostile_names, hostile_trees, hostile_records, hostile_answers, setuid_only_with_p,
            hostile_standard_error, interrupted]


if __name__ == '__main__':
    sys.exit(main(tests()))

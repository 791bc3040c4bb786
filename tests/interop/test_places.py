#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where operands point: several hosts and this machine in one command, ~USER, scp:// URLs. The same commands by
Debian's scp and by hawser cp, compared."""

import getpass
import os
import pwd
import shutil
import sys
import tempfile

import trees
from sshd import SFTP_SERVER
from suite import Skip, check, ended, main, same, says, succeeded
from test_scp import Two, both, local, scp, script, small_tree, ssh_options

ME = getpass.getuser()


def url(world_port, path, scheme='scp'):
    """PATH, absolute and in bytes, on a server of this machine."""
    return f'{scheme}://{ME}@127.0.0.1:{world_port}//{"".join(f"%{byte:02x}" for byte in path)}'


def places(two, world):
    """scp and hawser cp, both knowing both servers."""
    options = ssh_options(world, two.client)
    return (lambda *a, **o: scp(world, *a, port=False, options=options, **o), two.cp)


# ---- Several places ----

def several_hosts(world):
    """Sources on two hosts and on this machine, to this machine and to a host; what fails is no reason to stop."""
    tree = small_tree(world)
    other = world.path(b'other')
    trees.make_file(other, 12_345)
    with Two(world) as two:
        first, second = two.ports
        plain, zero, sub = (tree + name for name in (b'/plain', b'/zero', b'/sub'))
        cases = [
            [url(first, plain), url(second, zero)],
            [url(first, plain), other, url(second, zero), url(second, plain), zero],
            [other, url(second, sub), plain],
            [url(first, plain), url(first, tree + b'/none'), url(second, zero), other],
            [url(first, zero), url(second, zero), zero],
        ]
        for sources in cases:
            for options in (['-rp'], ['-O', '-r']):
                times = None if '-O' in options else 's'
                compared = {'modes': times is not None, 'times': times}
                both(world, lambda run, top: run(*options, *sources, top), places(two, world), **compared)
                if '-O' not in options or len(sources) != 4:  # between hosts scp -O says 0 where a source is not there
                    both(world, lambda run, top: run(*options, *sources, url(second, top)), places(two, world), **compared)


def several_need_a_directory(world):
    """Sources in several places, one in each, go into a directory or nowhere."""
    tree = small_tree(world)
    with Two(world) as two:
        first, second = two.ports
        for sources in ([url(first, tree + b'/plain'), url(second, tree + b'/zero')],
                        [tree + b'/plain', url(second, tree + b'/zero')],
                        [url(second, tree + b'/zero'), tree + b'/plain']):
            for stands in (False, True):
                def copy(run, top, there):
                    if stands:
                        with open(top + b'/file', 'wb') as file:
                            file.write(b'stands')
                    target = top + b'/file'
                    # Over SFTP scp lets one replace the other there.
                    return run(*['-O'][:there], *sources, url(first, target) if there else target)
                for there in (False, True):
                    one, two_ = both(world, lambda run, top: copy(run, top, there), places(two, world))
                    check(two_.status == 1, f'{two_}')
                result = two.cp(*sources, url(first, world.path(b'none')))
                ended(result, 1)
                says(result, 'No such directory')


def one_host_is_away(world):
    """The others' sources arrive, and the status tells of it."""
    tree = small_tree(world)
    with Two(world) as two:
        target = world.path()
        result = two.cp('--reconnect', '0', url(1, tree + b'/plain'), url(two.ports[1], tree + b'/zero'), tree + b'/plain',
                        target)
        ended(result, 255)
        check(sorted(os.listdir(target)) == [b'plain', b'zero'], f'{os.listdir(target)}')
        target = world.path()
        result = two.cp('--json', url(two.ports[0], tree + b'/plain'), tree + b'/zero', target)
        succeeded(result)
        summary = result.summary()
        check(summary['files'] == 2 and summary['peer'].startswith('SSH-2.0-OpenSSH'), f'{summary}')


# ---- ~ ----

def in_home(run):
    """RUN(name of a directory in this user's home, its path)."""
    try:
        path = tempfile.mkdtemp(prefix='.hawser-test-', dir=pwd.getpwuid(os.getuid()).pw_dir)
    except OSError as error:
        raise Skip(f'no file can be made in the home directory: {error}')
    try:
        run(os.path.basename(path), os.fsencode(path))
    finally:
        shutil.rmtree(path)


def tilde_user(world):
    """~USER as a source, a destination, with patterns, on both sides; nobody of that name."""
    tree = small_tree(world)

    def sources(name, path):
        shutil.copytree(tree, path + b'/tree', symlinks=True)
        home = f'h:~{ME}/{name}/tree'
        for sources in ([f'{home}/plain'], [f'{home}/p*'], [home], [f'{home}/'], [f'{home}/none'], [f'{home}/plain', f'{home}/zero'],
                        ['h:~no-such-user/x'], ['h:~no-such-user/x', f'{home}/plain'], [f'h:~{ME}//{name}/tree/zero']):
            both(world, lambda run, top: run('-D', SFTP_SERVER, '-rp', *sources, top), local(world), modes=True, times='s')
            if sources[0] != 'h:~no-such-user/x':  # scp ends there
                both(world, lambda run, top: run('-D', SFTP_SERVER, '-3', '-rp', *sources, b'g:' + top), local(world),
                     modes=True, times='s')
        # Where scp's way of asking takes a link for what it leads to, or no pattern but in the last name.
        os.symlink('plain', path + b'/tree/link')
        target = world.path()
        succeeded(world.client.run('cp', '-D', SFTP_SERVER, f'{home}/link', f'{home}/s*/odd*', target))
        check(sorted(os.listdir(target)) == [b'link', b'odd name'], f'{os.listdir(target)}')
    in_home(sources)

    for operands in (['/plain', ''], ['/plain', '/new'], ['/plain', '/zero', ''], ['/sub', ''], ['/plain', '/none/at/all']):
        def destination(run, top):
            result = None

            def copy(name, path):
                nonlocal result
                result = run('-D', SFTP_SERVER, '-rp', *[tree + part.encode() for part in operands[:-1]],
                             f'h:~{ME}/{name}{operands[-1]}')
                shutil.copytree(path, top + b'/copied')
            in_home(copy)
            return result
        both(world, destination, local(world), modes=True)
    for run in local(world):
        result = run('-D', SFTP_SERVER, tree + b'/plain', 'h:~no-such-user/x')
        check(result.status != 0, f'{result}')
    # The home directory of the user itself, without any help of the server.
    for run in local(world):
        there = world.path()
        result = run('-D', SFTP_SERVER, tree + b'/plain', 'h:~/', cwd=there)
        succeeded(result)
        check(os.listdir(there) == [b'plain'], f'{os.listdir(there)}')


def tilde_user_over_ssh(world):
    tree = small_tree(world)

    def copy(name, path):
        succeeded(world.client.cp('-r', tree, f'127.0.0.1:~{ME}/{name}'))
        same(tree, path + b'/tree')
        target = world.path()
        succeeded(world.client.cp('-j', '2', '-r', f'127.0.0.1:~{ME}/{name}/tree', target))
        same(tree, target + b'/tree')
        result = world.client.cp(f'127.0.0.1:~no-such-user/{name}', target)
        ended(result, 1)
        says(result, '~no-such-user')
    in_home(copy)


def tilde_user_without_help(world):
    """A server that cannot expand: refused, as scp does, and what else there is arrives."""
    tree = small_tree(world)
    server = script(world, f'exec {SFTP_SERVER} -P expand-path\n')
    for run in local(world):
        for operands in ([f'h:~{ME}/x', tree + b'/plain'], [tree + b'/plain', f'h:~{ME}/x']):
            target = world.path()
            result = run('-D', server, *operands[:1], *([target] if operands[0] == f'h:~{ME}/x' else operands[1:]))
            check(result.status != 0, f'{result}')
            says(result, 'expand-path')
    target = world.path()
    result = world.client.run('cp', '-D', server, f'h:~{ME}/x', b'h:' + tree + b'/plain', target)
    ended(result, 1)
    check(os.listdir(target) == [b'plain'], f'{os.listdir(target)}')


# ---- scp:// ----

def scp_urls(world):
    """As scp takes them: a port of their own, a path below the home directory or with a second slash absolute."""
    tree = small_tree(world)
    with Two(world) as two:
        port = two.ports[1]
        both(world, lambda run, top: run('-r', url(port, tree), top), places(two, world))
        both(world, lambda run, top: run('-r', tree, url(port, top)), places(two, world))
        both(world, lambda run, top: run('-O', '-r', url(port, tree + b'/sub'), top), places(two, world))

        def copy(name, path):
            shutil.copy(tree + b'/plain', path)
            for below in (f'~/{name}/plain', f'{name}/plain', f'~{ME}/{name}/plain', f'{name}/p*'):
                both(world, lambda run, top: run(f'scp://{ME}@127.0.0.1:{port}/{below}', top), places(two, world))
        in_home(copy)
        for wrong in ('scp://127.0.0.1:0/x', 'scp://127.0.0.1:65536/x', 'scp://127.0.0.1/%zz', 'scp://'):
            one, other = (run(wrong, world.path()) for run in places(two, world))
            check(one.status != 0 and other.status == 2, f'{wrong}: {one}; {other}')


def tests():
    return [several_hosts, several_need_a_directory, one_host_is_away, tilde_user, tilde_user_over_ssh,
            tilde_user_without_help, scp_urls]


if __name__ == '__main__':
    sys.exit(main(tests()))

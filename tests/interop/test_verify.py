#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--verify: copies are compared with their sources, by whatever the server can do, and it is said how."""

import os
import sys

import trees
from peers import ProFtpd
from sshd import SFTP_SERVER
from suite import Skip, check, ended, main, same, says, succeeded

ODD_SFTP = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'slow_sftp.py')
CHECK_SFTP = os.path.join(os.path.dirname(ODD_SFTP), 'check_sftp.py')


def operands(client, source, target, up):
    return (source, client.remote(target)) if up else (client.remote(source), target)


def verified(result, **expected):
    counts = {name: int(n) for name, n in result.summary()['verified'].items()}
    wanted = {**dict.fromkeys(('check_file', 'sha256sum', 'read_back'), 0), **expected}
    check(counts == wanted, f'{counts}, not {wanted}')


def by_command_and_reading(world, up):
    """Large files by sha256sum, small ones by reading back; odd names; what stands there is replaced."""
    source, target = world.path(b'tree'), world.path(b'tree')
    trees.make_many(source, 20, 3000)
    for name in (b'large', b"it's \\ \"odd\" $(no) name", b'-n', b'new\nline', b'\xff\xfe'):
        trees.make_file(os.path.join(source, name), (2 << 20) + 5)
    trees.make_file(os.path.join(source, b'empty'), 0)
    for _ in range(2):
        result = world.client.cp('--json', '--verify', '-r', os.path.join(source, b'.') if up else
                                 world.client.remote(os.path.join(source, b'.')),
                                 world.client.remote(target) if up else target)
        succeeded(result)
        same(source, target)
        says(result, 'verified by sha256sum on the server', 'verified by reading back')
        counts = result.summary()['verified']
        check(counts['sha256sum'] + counts['read_back'] == 26, f'{counts}')
        check(counts['sha256sum'] >= 3 and counts['read_back'] >= 22, f'{counts}')


def no_command(world):
    """A server that runs nothing but SFTP: by reading back."""
    server = world.new_server(options=['ForceCommand internal-sftp'], subsystem='internal-sftp')
    client = world.new_client(server)
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 3 << 20)
    for up in (True, False):
        result = client.cp('--json', '--verify', *operands(client, source, target, up), timeout=30)
        succeeded(result)
        verified(result, read_back=1)
    server.stop()


def within_the_rate(world, up):
    """What is read back counts, too: for --bwlimit and for -l, of one large file and of many small ones."""
    server = world.new_server(options=['ForceCommand internal-sftp'], subsystem='internal-sftp')
    client = world.new_client(server)
    source = world.path(b'tree')
    trees.make_many(source, 64, 16384)
    trees.make_file(os.path.join(source, b'large'), 1 << 20)
    for limit in (('--bwlimit', '2M'), ('-l', str(16 * 1024))):
        target = world.path(b'tree')
        result = client.cp('--json', '--verify', '-r', *limit, *operands(client, source, target, up))
        succeeded(result)
        same(source, target)
        verified(result, read_back=65)
        # A tenth of a second's worth may gather, and what is sent or asked for last is not waited for.
        check(2 - 0.4 < result.seconds < 2 + 2, f'{result.seconds} s')
    server.stop()


def wrong_output(world):
    """What is no output of sha256sum, or a wrong hash, is not believed: the file is read back."""
    for number, script in enumerate((
            'echo nonsense', 'exit 1', 'yes | head -c 100000', 'head -c 3000 /dev/urandom',
            'printf "%064d  x\\n" 0', 'printf "%064d  x\\n%064d  y\\n" 0 0', 'printf "%063d  x\\n" 0',
            'cat; echo', 'kill $$')):
        directory = world.fresh('bin')
        with open(os.path.join(directory, 'sha256sum'), 'w') as file:
            file.write(f'#!/bin/sh\n{script}\n')
        os.chmod(os.path.join(directory, 'sha256sum'), 0o755)
        server = world.new_server(options=[f'SetEnv PATH={directory}:/usr/bin:/bin'])
        client = world.new_client(server)
        source, target = world.path(b'f'), world.path(b'f')
        trees.make_file(source, 2 << 20)
        result = client.cp('--json', '--verify', source, client.remote(target), timeout=40)
        succeeded(result)
        verified(result, read_back=1)
        server.stop()


def bad_disk(world):
    """A byte that is altered behind SSH's back: named, exit 1, and what stood there stays."""
    server = world.new_server(subsystem=f'{sys.executable} {ODD_SFTP} alters 700000 {SFTP_SERVER}')
    client = world.new_client(server)
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 3 << 20)
    trees.make_file(target, 1000, b'old')
    before = trees.digest(target)
    succeeded(client.cp(source, client.remote(world.path(b'unseen'))))
    result = client.cp('--verify', source, client.remote(target))
    ended(result, 1)
    says(result, 'differs', os.path.basename(source))
    check(trees.digest(target) == before, 'the bad copy replaced what stood there')
    check(os.listdir(os.path.dirname(target)) == [b'f'], 'left over')
    server.stop()


def by_check_file(world, kind):
    """A server with check-file; one whose hashes are wrong, or too short, is not believed."""
    directory = world.fresh('home')
    server = world.new_server(
        subsystem=f'{sys.executable} {CHECK_SFTP} {kind} {directory} {SFTP_SERVER} -d {directory}')
    client = world.new_client(server)
    source, back = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 3 << 20)
    for arguments, copied in (((source, client.remote(b'f')), os.path.join(os.fsencode(directory), b'f')),
                              ((client.remote(b'f'), back), back)):
        result = client.cp('--json', '--verify', *arguments)
        succeeded(result)
        check(trees.same_file(source, copied), 'differs')
        verified(result, **({'check_file': 1} if kind in ('right', 'handle') else {'read_back': 1}))
    if kind in ('right', 'handle'):
        says(result, "by the server's check-file")
    server.stop()


def proftpd(world, *options):
    reason = ProFtpd.missing()
    if reason:
        raise Skip(reason)
    server = ProFtpd(world, options=options)
    return server, world.new_client(server)


def by_proftpd(world, up, *options):
    """A server that has check-file, but announces it only in versions of SFTP that nobody else speaks; and the
    same with that taken away."""
    server, client = proftpd(world, *options)
    source = world.path(b'tree')
    trees.make_many(source, 20, 3000)
    trees.make_file(os.path.join(source, b'large'), (3 << 20) + 5)
    trees.make_file(os.path.join(source, b'empty'), 0)
    for connections in ('1', '3'):
        target = world.path(b'tree')
        result = client.cp('--json', '--verify', '-r', '-j', connections, *operands(client, source, target, up))
        succeeded(result)
        same(source, target)
        # Nothing has no hash there.
        verified(result, **({'read_back': 22} if options else {'check_file': 21, 'read_back': 1}))
        says(result, 'verified by reading back', *([] if options else ["verified by the server's check-file"]))
    server.stop()


def by_proftpd_in_ranges(world):
    """More than is hashed at a time. The file is one of holes, whose zeros nobody but the server reads."""
    if os.environ.get('HAWSER_TEST_EFFORT') == 'reduced':
        raise Skip('takes a while')
    server, client = proftpd(world)
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 3 << 20)
    os.truncate(source, (4 << 30) + 7)
    result = client.cp('--json', '--verify', source, client.remote(target), timeout=200)
    succeeded(result)
    verified(result, check_file=1)
    server.stop()


def tests():
    for up in (True, False):
        word = 'upload' if up else 'download'
        yield f'by command and reading {word}', by_command_and_reading, (up,)
        yield f'within the rate {word}', within_the_rate, (up,)
    for up in (True, False):
        yield f'by ProFTPD {"upload" if up else "download"}', by_proftpd, (up,)
    yield 'by ProFTPD without it', by_proftpd, (True, 'SFTPExtensions -checkFile')
    yield by_proftpd_in_ranges
    for kind in ('right', 'handle', 'wrong', 'short'):
        yield f'check-file {kind}', by_check_file, (kind,)
    yield from [no_command, wrong_output, bad_disk]


if __name__ == '__main__':
    sys.exit(main(tests()))

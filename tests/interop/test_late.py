#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Servers that work off what a lost connection has brought only when another one has repeated it: nothing that
comes so late does harm.

Every result is compared with its source, byte for byte, when the late requests have been carried out.
"""

import os
import sys
import time

import trees
from sshd import SFTP_SERVER
from suite import check, main, same, says, succeeded
from test_between import Between

LATE_SFTP = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'late_sftp.py')
LATE_SECONDS = 0.8
# As late_sftp.py counts them.
SFTP_TYPES = {'open': '3,13', 'write': '6', 'fsetstat': '10', 'mkdir': '14', 'symlink': '20,13',
              'rename': '200,18', 'mode': '6,9', 'replace': '18,13'}


def late_subsystem(world, count, types, weak='', options=''):
    state = world.fresh('late')
    return f'{sys.executable} {LATE_SFTP} {state} {count} {types} {LATE_SECONDS} ' + weak + SFTP_SERVER + options


def carried_out_late(world, kind, standing=None, tree=False):
    """What lost connections have brought is carried out while, or after, another one has repeated it."""
    # The superuser may write to what is read-only.
    weak = 'setpriv --bounding-set=-dac_override ' if kind == 'mode' and os.geteuid() == 0 else ''
    options = ' -P posix-rename' if kind == 'replace' else ''
    server = world.new_server(subsystem=late_subsystem(world, 2, SFTP_TYPES[kind], weak, options))
    client = world.new_client(server)
    source, target = world.path(b'f'), world.path(b'f')
    if tree:
        os.makedirs(source)
        for number in range(6):
            trees.make_file(os.path.join(source, b'f%d' % number), 500_000)
            os.symlink(b'f%d' % number, os.path.join(source, b'link%d' % number))
        os.chmod(os.path.join(source, b'f3'), 0o444)
    else:
        trees.make_file(source, 3_000_000)
    if standing == 'file':
        trees.make_file(target, 4_000_000, b'old')
    elif standing == 'link':
        trees.make_file(target + b'.real', 4_000_000, b'old')
        os.symlink(target + b'.real', target)
    elif standing == 'broken':
        os.symlink(target + b'.real', target)
    elif standing == 'tree':
        os.makedirs(target)
        for number in range(0, 6, 2):
            trees.make_file(os.path.join(target, b'f%d' % number), 600_000, b'old')
    preserve = ['-p'] if kind != 'mode' else []
    result = client.cp('-r', *preserve, '--bwlimit', '2M', source + (b'/.' if standing == 'tree' else b''),
                       client.remote(target))
    succeeded(result)
    says(result, 'connecting again')
    time.sleep(LATE_SECONDS + 0.3)
    if tree:
        same(source, target, modes=True)
    else:
        check(trees.same_file(source, target), f'differs: {os.stat(target).st_size} bytes')
    server.stop()


def between_hosts(world, kind, standing):
    """The second host is late."""
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, 3_000_000)
    if standing == 'file':
        trees.make_file(target, 4_000_000, b'old')
    elif standing == 'broken':
        os.symlink(target + b'.real', target)
    subsystem = late_subsystem(world, 2, SFTP_TYPES[kind])
    with Between(world, second={'subsystem': subsystem}) as hosts:
        result = hosts.cp('--bwlimit', '2M', b'one:' + source, b'two:' + target)
        succeeded(result)
        says(result, 'connecting again')
        time.sleep(LATE_SECONDS + 0.3)
    check(trees.same_file(source, target), f'differs: {os.stat(target).st_size} bytes')


def tests():
    for kind in ('open', 'write', 'fsetstat', 'symlink', 'mkdir', 'rename'):
        yield f'{kind} tree', carried_out_late, (kind, None, True)
        if kind != 'mkdir':
            yield f'{kind} tree that stands', carried_out_late, (kind, 'tree', True)
        if kind not in ('mkdir', 'symlink'):
            yield f'{kind} file', carried_out_late, (kind,)
            yield f'{kind} file that stands', carried_out_late, (kind, 'file')
    # Without posix-rename what stands there is removed first.
    yield 'replace file that stands', carried_out_late, ('replace', 'file')
    yield 'read-only files opened again', carried_out_late, ('mode', None, True)
    for kind in ('open', 'write', 'fsetstat'):
        yield f'{kind} into a link', carried_out_late, (kind, 'link')
        yield f'{kind} behind a broken link', carried_out_late, (kind, 'broken')
    for kind in ('open', 'write', 'rename'):
        for standing in (None, 'file', 'broken') if kind == 'open' else (None,):
            yield f'{kind} between hosts {standing or ""}', between_hosts, (kind, standing)


if __name__ == '__main__':
    sys.exit(main(tests()))

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How the command gets to a server, as the configuration says."""

import os
import sys

import trees
from sshd import Keys, public_key
from suite import check, ended, main, says, succeeded


def source_file(world):
    path = world.path(b'source')
    trees.make_file(path, 5000)
    return path


def works(world, client, *options, host=b'127.0.0.1', **more):
    """A copy to HOST by CLIENT's configuration alone."""
    source, there = source_file(world), world.path(b'target')
    result = client.run('cp', *options, source, host + b':' + there, **more)
    succeeded(result)
    check(trees.same_file(source, there), 'the copy differs')
    return result


def fails(world, client, *options, host=b'127.0.0.1', words=(), status=255, **more):
    there = world.path(b'target')
    result = client.run('cp', *options, source_file(world), host + b':' + there, **more)
    ended(result, status)
    says(result, *words)
    check(not os.listdir(os.path.dirname(there)), 'something was written')
    return result


def host_key_alias(world):
    """known_hosts is asked for the alias, without a port, and nothing else counts."""
    server = world.server
    client = world.new_client(server)
    client.write('config', f'Host box\n HostName 127.0.0.1\n Port {server.port}\n HostKeyAlias Kept.Name\n')
    fails(world, client, host=b'box', words=('not known',))
    key = public_key(world.keys.host['ed25519'])
    client.write('known_hosts', f'kept.name {key}\n')
    works(world, client, host=b'box')
    other = Keys(world.fresh('keys'), kinds=('ed25519',)).host['ed25519']
    client.write('known_hosts', f'[127.0.0.1]:{server.port} {key}\nkept.name {public_key(other)}\n')
    fails(world, client, host=b'box', words=('has changed',))
    client.remove('known_hosts')
    works(world, client, '-o', 'StrictHostKeyChecking=accept-new', '-o', 'HashKnownHosts=no', host=b'box')
    with open(os.path.join(client.ssh, 'known_hosts')) as file:
        text = file.read()
    check(text.startswith('kept.name '), f'recorded as {text}')


def by_match(world):
    """The second walk finds the host's port, and a command decides about its name."""
    server = world.server
    client = world.new_client(server)
    client.write('config', 'Match originalhost box exec "test %n = box"\n HostName 127.0.0.1\n'
                 f'Match final host 127.0.0.1\n Port {server.port}\n')
    works(world, client, host=b'box')


def tests():
    return [host_key_alias, by_match]


if __name__ == '__main__':
    sys.exit(main(tests()))

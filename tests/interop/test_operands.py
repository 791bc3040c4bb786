#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line: operands, options, exit statuses, what is printed where."""

import base64
import json
import os
import re
import sys

import trees
from sshd import user_name
from suite import check, ended, files_below, main, same, says, succeeded

KEYS = {'v', 'type', 'files', 'bytes', 'failed', 'retries', 'seconds', 'bytes_per_second', 'cpu_seconds', 'suite',
        'backend', 'engine', 'protocol', 'peer'}


def source_file(world, name=b'source', size=5000):
    path = world.path(name)
    trees.make_file(path, size)
    return path


def arrived(source, target):
    check(os.path.isfile(target), f'{target!r} is not there')
    check(trees.same_file(source, target), f'{target!r} differs')


def both_ways(world):
    """(name, function that makes an operand of a path) for a local and a remote destination."""
    return (('local', lambda path: path), ('remote', world.client.remote))


def file_to_new_name(world):
    source = source_file(world)
    for _, operand in both_ways(world):
        target = world.path(b'new name')
        succeeded(world.client.cp(source, operand(target)))
        arrived(source, target)


def file_onto_file(world):
    source = source_file(world)
    for _, operand in both_ways(world):
        target = world.path(b'old')
        trees.make_file(target, 50_000)
        succeeded(world.client.cp(source, operand(target)))
        arrived(source, target)


def file_into_directory(world):
    source = source_file(world)
    for _, operand in both_ways(world):
        for slash in (b'', b'/'):
            target = world.path()
            succeeded(world.client.cp(source, operand(target.rstrip(b'/') + slash)))
            arrived(source, os.path.join(target, b'source'))


def file_to_missing_directory(world):
    source = source_file(world)
    for _, operand in both_ways(world):
        for tail in (b'missing/', b'missing/name'):
            target = world.path(b'missing')
            result = world.client.cp(source, operand(os.path.dirname(target) + b'/' + tail))
            ended(result, 1)
            says(result, 'missing')
            check(not os.path.lexists(target), f'{target!r} was made')


def directory_to_new_name(world):
    source = world.path(b'tree')
    trees.make_odd_tree(source)
    for _, operand in both_ways(world):
        for slash in (b'', b'/'):
            target = world.path(b'copy')
            succeeded(world.client.cp('-r', source, operand(target + slash)))
            same(source, target)


def directory_into_directory(world):
    source = world.path(b'tree')
    trees.make_many(source, 10, 100)
    for _, operand in both_ways(world):
        for slash in (b'', b'/'):
            target = world.path(b'there')
            os.mkdir(target)
            succeeded(world.client.cp('-r', source + slash, operand(target)))
            same(source, os.path.join(target, b'tree'))


def directory_without_r(world):
    source = world.path(b'tree')
    trees.make_many(source, 1, 100)
    for _, operand in both_ways(world):
        target = world.path(b'copy')
        result = world.client.cp(source, operand(target))
        ended(result, 1)
        says(result, 'tree', 'directory')
        check(not os.path.lexists(target), 'something was copied')
    result = world.client.cp(world.client.remote(source), world.path(b'copy'))
    ended(result, 1)
    says(result, 'tree')


def directory_onto_file(world):
    """A destination that is a file where a directory is needed is left alone."""
    source = world.path(b'tree')
    trees.make_many(source, 3, 100)
    for _, operand in both_ways(world):
        target = source_file(world, b'target')
        before = trees.digest(target)
        result = world.client.cp('-r', source, operand(target))
        ended(result, 1, 2)
        says(result, 'target')
        check(trees.digest(target) == before, 'the file was touched')


def file_where_directory_is_needed_inside(world):
    """The same inside a tree: what lies below it fails and is named, the rest arrives."""
    source = world.path(b'tree')
    os.makedirs(os.path.join(source, b'clash'))
    trees.make_file(os.path.join(source, b'clash', b'below'), 10)
    trees.make_file(os.path.join(source, b'good'), 10)
    for _, operand in both_ways(world):
        target = world.path()
        os.mkdir(os.path.join(target, b'tree'))
        trees.make_file(os.path.join(target, b'tree', b'clash'), 7)
        result = world.client.cp('-r', source, operand(target))
        ended(result, 1)
        says(result, 'clash')
        arrived(os.path.join(source, b'good'), os.path.join(target, b'tree', b'good'))
        check(os.path.getsize(os.path.join(target, b'tree', b'clash')) == 7, 'the file was touched')


def file_onto_directory_inside(world):
    source = world.path(b'tree')
    os.makedirs(source)
    trees.make_file(os.path.join(source, b'clash'), 10)
    for _, operand in both_ways(world):
        target = world.path()
        os.makedirs(os.path.join(target, b'tree', b'clash'))
        result = world.client.cp('-r', source, operand(target))
        ended(result, 1)
        says(result, 'clash')
        check(os.path.isdir(os.path.join(target, b'tree', b'clash')), 'the directory is gone')


def several_sources(world):
    sources = [source_file(world, name) for name in (b'one', b'two', b'-three')]
    for _, operand in both_ways(world):
        target = world.path()
        succeeded(world.client.cp(*sources, operand(target)))
        for path in sources:
            arrived(path, os.path.join(target, os.path.basename(path)))
    target = world.path()
    succeeded(world.client.cp(*map(world.client.remote, sources), target))
    for path in sources:
        arrived(path, os.path.join(target, os.path.basename(path)))


def several_sources_need_a_directory(world):
    sources = [source_file(world, name) for name in (b'one', b'two')]
    for _, operand in both_ways(world):
        for target in (world.path(b'missing'), source_file(world, b'standing')):
            before = trees.digest(target) if os.path.exists(target) else None
            result = world.client.cp(*sources, operand(target))
            ended(result, 1, 2)
            says(result, os.path.basename(target))
            after = trees.digest(target) if os.path.exists(target) else None
            check(before == after, 'the destination was touched')


def onto_itself(world):
    """A file that is copied onto itself survives, whichever way the copy reaches it."""
    source = source_file(world)
    link = os.path.join(os.path.dirname(source), b'link')
    os.symlink(b'source', link)
    before = trees.digest(source)
    for operands in ((source, source), (source, os.path.dirname(source)), (link, source), (source, link),
                     (source, world.client.remote(source)), (world.client.remote(source), source)):
        result = world.client.cp(*operands)
        ended(result, 0, 1)
        check(os.path.isfile(source) and trees.digest(source) == before, f'{operands}: lost')
    ended(world.client.run('cp', source, source), 1)


def into_itself(world):
    """A tree that is copied into itself ends."""
    tree = world.path(b'tree')
    trees.make_many(tree, 5, 100)
    for operand in (lambda path: path, world.client.remote):
        result = world.client.cp('-r', tree, operand(os.path.join(tree, b'inside')), timeout=30)
        ended(result, 0, 1, 2)
        depth = max(path.count(b'/inside') for path in files_below(tree))
        check(depth <= 2, f'copied {depth} deep')


def missing_source(world):
    """An absent SRC is one file that failed; the others go on."""
    good = source_file(world, b'good')
    missing = world.path(b'absent')
    for _, operand in both_ways(world):
        target = world.path()
        result = world.client.cp(missing, good, operand(target))
        ended(result, 1)
        says(result, 'absent', 'no such file')
        arrived(good, os.path.join(target, b'good'))
    target = world.path()
    result = world.client.cp('-r', world.client.remote(missing), world.client.remote(good), target)
    ended(result, 1)
    says(result, 'absent')
    arrived(good, os.path.join(target, b'good'))


def relative_remote_names(world):
    """Relative to the home directory, and "host:" alone is it."""
    source = source_file(world)
    home = os.fsencode(world.server.home)
    os.makedirs(os.path.join(home, b'below'), exist_ok=True)
    for operand, place in ((b'', b'source'), (b'below', b'below/source'), (b'below/renamed', b'below/renamed'),
                           (b'./dotted', b'dotted')):
        succeeded(world.client.cp(source, world.client.remote(operand)))
        arrived(source, os.path.join(home, place))
        back = world.path(b'back')
        succeeded(world.client.cp(world.client.remote(place), back))
        arrived(source, back)


def users_and_urls(world):
    source = source_file(world, b'with space%')
    user, port = user_name(), world.server.port
    home = os.fsencode(world.server.home)
    url = f'sftp://{user}@127.0.0.1:{port}'
    for operand, place in (
            (f'{user}@127.0.0.1:by-user', b'by-user'),
            (f'{user}@[127.0.0.1]:bracketed', b'bracketed'),
            (f'{url}/relative', b'relative'),
            (f'{url}/a%20b%25', b'a b%'),
            (f'{url}//{world.server.home}/absolute'.replace('///', '//'), b'absolute')):
        arguments = ['-P', str(port)] if not operand.startswith('sftp:') else []
        succeeded(world.client.run('cp', *arguments, source, operand))
        arrived(source, os.path.join(home, place))
        back = world.path(b'back')
        succeeded(world.client.run('cp', *arguments, operand, back))
        arrived(source, back)


def names_and_families(world):
    """A name is resolved, each of its addresses is tried, and -4 and -6 hold to one family."""
    client = world.new_client(world.server)
    known = world.server.known_hosts()
    client.write('known_hosts', known + known.replace('[127.0.0.1]', '[localhost]'))
    source = source_file(world)
    for options in ([], ['-4']):
        target = world.path(b'f')
        succeeded(client.cp(*options, source, b'localhost:' + target))
        arrived(source, target)
    result = client.cp('-6', source, b'localhost:' + world.path(b'f'), timeout=30)
    ended(result, 255)
    says(result, 'localhost')
    result = client.cp('-6', source, b'127.0.0.1:' + world.path(b'f'), timeout=30)
    ended(result, 255)


def local_colon_names(world):
    """A slash before the colon makes a name local, as scp has it."""
    source = source_file(world)
    directory = world.fresh()
    succeeded(world.client.run('cp', source, './host:file', cwd=directory))
    arrived(source, os.path.join(os.fsencode(directory), b'host:file'))


def wrong_use(world):
    source = source_file(world)
    for arguments in (['cp'], ['cp', source], ['cp', '--no-such-option', source, 'x'], ['cp', '-P', 'x', source, 'h:x'],
                      ['cp', '-P', '70000', source, 'h:x'], ['cp', source, 'sftp://h:port/x'], ['nosuchcommand'],
                      ['cp', '-o', 'NoSuchKeyword=1', source, 'h:x'], ['cp', '-c', 'no-such-cipher', source, 'h:x'],
                      ['cp', source, 'scp://h:port/x'],
                      ['cp', '-F', '/nonexistent/config', source, 'h:x'], ['cp', source, ':x'], ['cp', source, '@h:x'],
                      ['cp', '-i'], ['cp', '', world.client.remote(b'x')]):
        result = world.client.run(*arguments, timeout=20)
        if arguments[1:2] == ['']:
            ended(result, 1, 2)
        else:
            ended(result, 2)
        check(result.err.strip(), f'{arguments}: nothing was said')
        check(not result.out, f'{arguments}: output {result.out!r}')


def help_and_version(world):
    for arguments in (['--help'], ['cp', '--help'], ['--version']):
        result = world.client.run(*arguments)
        succeeded(result)
        check(result.out and not result.err, f'{arguments}: {result}')
    check(re.search(rb'\d+\.\d+\.\d+', world.client.run('--version').out), 'no version')


def unsafe_configuration(world):
    """Keywords that change route, identity or trust are errors; harmless ones are not."""
    source = source_file(world)
    for text in ('VerifyHostKeyDNS yes', 'VerifyHostKeyDNS ask', 'HostbasedAuthentication yes',
                 'ProxyUseFdpass yes'):
        world.client.write('config', text + '\n')
        result = world.client.cp(source, world.client.remote(world.path(b'f')))
        ended(result, 2)
        says(result, text.split()[0], 'config')
    world.client.write('config', 'Host *\n  SendEnv LANG LC_*\n  HashKnownHosts yes\n  GSSAPIAuthentication yes\n'
                                 '  ForwardAgent no\n  ControlMaster no\n')
    target = world.path(b'f')
    result = world.client.cp(source, world.client.remote(target))
    succeeded(result)
    check(not result.err, f'noise: {result}')
    arrived(source, target)
    result = world.client.cp('-v', source, world.client.remote(target))
    says(result, 'SendEnv')
    world.client.remove('config')


def configured_host(world):
    """Host, HostName, User, Port, IdentityFile, Include, UserKnownHostsFile."""
    client = world.new_client()
    key = client.write('elsewhere', open(world.keys.client).read(), mode=0o600)
    known = client.write('hosts', world.server.known_hosts())
    client.write('included', f'Host nick*\n  HostName 127.0.0.1\n  Port {world.server.port}\n  User {user_name()}\n')
    client.write('config', f'Include {client.ssh}/included\nHost nick\n  IdentityFile {key}\n  IdentitiesOnly yes\n'
                           f'  UserKnownHostsFile {known}\n  StrictHostKeyChecking yes\n  LogLevel QUIET\n')
    source, target = source_file(world), world.path(b'f')
    succeeded(client.run('cp', source, b'nick:' + target))
    arrived(source, target)
    moved = client.write('my config', open(os.path.join(client.ssh, 'config')).read())
    client.remove('config')
    target = world.path(b'f')
    succeeded(client.run('cp', '-F', moved, source, b'nick:' + target))
    arrived(source, target)


def identity_option(world):
    client = world.new_client(world.server)
    client.remove('id_ed25519')
    source, target = source_file(world), world.path(b'f')
    ended(client.cp('-B', source, client.remote(target)), 255)
    succeeded(client.cp('-i', world.keys.client, source, client.remote(target)))
    arrived(source, target)


def quiet_and_piped(world):
    """Nothing is printed when all is well and no terminal looks; -q hides no error."""
    source = source_file(world)
    for options in ([], ['-q']):
        result = world.client.cp(*options, source, world.client.remote(world.path(b'f')))
        succeeded(result)
        check(not result.out and not result.err, f'noise: {result}')
    result = world.client.cp('-q', world.path(b'absent'), world.client.remote(world.path(b'f')))
    ended(result, 1)
    says(result, 'absent')


def progress_on_terminal(world):
    source = source_file(world, size=20_000_000)
    result = world.client.talk([], source, world.client.remote(world.path(b'f')))
    succeeded(result)
    check(b'\r' in result.out and re.search(rb'MB/s|MiB/s|GB/s|GiB/s', result.out), f'no progress: {result}')
    result = world.client.talk([], '-q', source, world.client.remote(world.path(b'f')))
    succeeded(result)
    check(not result.out.strip(), f'-q showed {result.out!r}')


def peer_text_is_escaped(world):
    """A name from the server is not printed raw."""
    tree = world.path(b'tree')
    os.makedirs(tree)
    os.mkfifo(os.path.join(tree, b'bad\x1b]0;owned\x07\r\x9b2J'))
    result = world.client.cp('-r', '-v', world.client.remote(tree), world.path(b'tree'), timeout=30)
    ended(result, 1)
    says(result, 'owned')
    check(not set(result.err) & {0x1b, 0x07, 0x0d, 0x9b}, f'raw control characters: {result}')


def json_summary(world):
    tree = world.path(b'tree')
    trees.make_many(tree, 20, 1000)
    trees.make_file(os.path.join(tree, b'\xffodd'), 10)
    result = world.client.cp('-r', '--json', tree, world.client.remote(world.path(b'tree')))
    succeeded(result)
    objects = result.objects()
    check(all(o.get('v') == 1 and isinstance(o.get('type'), str) for o in objects), f'{result}')
    summary = objects[-1]
    check(summary['type'] == 'summary' and KEYS <= set(summary), f'keys {sorted(summary)}')
    check(summary['files'] == 21 and summary['bytes'] == 20_010 and summary['failed'] == 0, f'{summary}')
    check(summary['seconds'] > 0 and summary['bytes_per_second'] > 0 and summary['cpu_seconds'] >= 0, f'{summary}')
    check('OpenSSH' in summary['peer'], f'peer {summary["peer"]!r}')
    check([o['type'] for o in objects].count('summary') == 1, 'more than one summary')


def json_failure(world):
    """Failures are objects too; names that are not UTF-8 travel as path_b64."""
    missing = world.path(b'\xff\xfegone')
    result = world.client.cp('--json', missing, source_file(world), world.client.remote(world.path()))
    ended(result, 1)
    objects = result.objects()
    check(objects[-1]['type'] == 'summary' and objects[-1]['failed'] == 1, f'{objects[-1]}')
    named = [base64.b64decode(o['path_b64']) for o in objects if 'path_b64' in o]
    check(any(name.endswith(b'\xff\xfegone') for name in named), f'no path_b64: {json.dumps(objects)}')


def json_without_connection(world):
    client = world.new_client(world.server, port=1)
    result = client.cp('--json', source_file(world), client.remote(b'x'))
    ended(result, 255)
    check(result.objects()[-1]['type'] == 'summary', f'{result}')


def tests():
    return [file_to_new_name, file_onto_file, file_into_directory, file_to_missing_directory,
            directory_to_new_name, directory_into_directory, directory_without_r, directory_onto_file,
            file_where_directory_is_needed_inside, file_onto_directory_inside, several_sources,
            several_sources_need_a_directory, onto_itself, into_itself, missing_source, relative_remote_names, users_and_urls,
            names_and_families, local_colon_names, wrong_use, help_and_version, unsafe_configuration, configured_host,
            identity_option, quiet_and_piped, progress_on_terminal, peer_text_is_escaped, json_summary,
            json_failure, json_without_connection]


if __name__ == '__main__':
    sys.exit(main(tests()))

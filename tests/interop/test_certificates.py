#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Host certificates of Debian's sshd and known hosts, judged as ssh(1) judges the same."""

import os
import re
import shutil
import subprocess
import sys
import time

import trees
from sshd import HOST_KEY_KINDS, public_key
from suite import check, main, says

CA_KINDS = {'ed25519': (), 'ecdsa': ('-b', '384'), 'rsa': ('-b', '2048')}


def ca_key(world, kind='ed25519', which=''):
    path = os.path.join(world.keys.directory, f'ca_{kind}{which}')
    if not os.path.exists(path):
        subprocess.run(['ssh-keygen', '-q', '-t', kind, *CA_KINDS[kind], '-N', '', '-C', 'ca', '-f', path], check=True)
    return path


def sign(world, ca, kinds=('ed25519',), principals='127.0.0.1', options=()):
    """A server with certificates over its keys of KINDS."""
    directory, lines = world.fresh('certificates'), []
    for kind in kinds:
        base = os.path.join(directory, kind)
        shutil.copy(world.keys.host[kind] + '.pub', base + '.pub')
        subprocess.run(['ssh-keygen', '-q', '-s', ca, '-h', '-I', 'a host', *options,
                        *(['-n', principals] if principals else []), base + '.pub'], check=True)
        lines.append(f'HostCertificate {base}-cert.pub')
    return world.new_server(kinds=kinds, options=lines)


def trusts(ca, names='*', marker='@cert-authority '):
    return f'{marker}{names} {public_key(ca)}\n'


def ssh(client, known, *options):
    """Whether ssh gets in, and what it says."""
    done = subprocess.run(['ssh', '-F', 'none', '-p', str(client.port), '-i', os.path.join(client.ssh, 'id_ed25519'),
                           *options, '-o', f'UserKnownHostsFile={known}', '-o', 'GlobalKnownHostsFile=/dev/null',
                           '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes', '127.0.0.1', 'true'],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
    return done.returncode == 0, done.stderr.decode(errors='replace')


def ours(world, client, known, *options):
    source, there = world.path(b'source'), world.path(b'target')
    trees.make_file(source, 100)
    done = client.cp('-F', 'none', '-B', *options, '-o', f'UserKnownHostsFile={known}', '-o',
                     'GlobalKnownHostsFile=/dev/null', source, client.remote(there), timeout=30)
    check(done.status in (0, 255), f'{done}')
    return done.status == 0, done


def agree(world, server, lines, *options, accepted, words=()):
    """ssh and we come to the same verdict, and leave known_hosts the same. '{name}' in LINES is the
    server's name there."""
    client = world.new_client(server)
    lines = lines.replace('{name}', f'[127.0.0.1]:{server.port}')
    theirs = client.write('theirs', lines, mode=0o600)
    mine = client.write('ours', lines, mode=0o600)
    result, said = ssh(client, theirs, *options)
    check(result == accepted, f'ssh says {result}, the test expects {accepted}: {said}')
    result, done = ours(world, client, mine, *options)
    check(result == accepted, f'ssh says {accepted}, we {result}: {done}')
    says(done, *words)
    check(open(mine).read() == open(theirs).read(),
          f'known_hosts differ: {open(mine).read()!r}, ssh {open(theirs).read()!r}')
    return done


def every_type(world):
    """Each host key certified by each kind of authority, negotiated as its own algorithm."""
    for kind in HOST_KEY_KINDS:
        plain = public_key(world.keys.host[kind]).split()[0]
        names = [plain] if plain != 'ssh-rsa' else ['rsa-sha2-256', 'rsa-sha2-512']
        for ca_kind in CA_KINDS:
            server = sign(world, ca_key(world, ca_kind), [kind])
            for name in names:
                offset = server.log_size()
                agree(world, server, trusts(ca_key(world, ca_kind)), '-o',
                      f'HostKeyAlgorithms={name}-cert-v01@openssh.com', accepted=True)
                check(server.log_text(offset).count('Accepted publickey') == 2, 'not both were let in')
            agree(world, server, trusts(ca_key(world, ca_kind)), accepted=True)
            server.stop()


def names_and_ports(world):
    ca = ca_key(world)
    server = sign(world, ca)
    port = server.port
    for names in (f'[127.0.0.1]:{port}', '127.0.0.1', '[127.0.0.*]:*', 'a.example.org,[127.*]:*', f'[*]:{port}'):
        agree(world, server, trusts(ca, names), accepted=True)
    for names in (f'[127.0.0.1]:{port + 1}', '[127.0.0.1]:22', '127.0.0.2', f'*,![127.0.0.1]:{port},!127.0.0.1'):
        agree(world, server, trusts(ca, names), accepted=False, words=['not known'])
    hashed = world.new_client(server).write('hashed', trusts(ca, f'[127.0.0.1]:{port}', marker=''))
    subprocess.run(['ssh-keygen', '-q', '-H', '-f', hashed], check=True, capture_output=True)
    agree(world, server, '@cert-authority ' + open(hashed).read(), accepted=True)


def principals(world):
    ca = ca_key(world)
    for names, accepted in (('127.0.0.1', True), ('other,127.0.0.1', True), ('other', False), ('127.0.0.*', False),
                            ('[127.0.0.1]', False), (None, True)):
        server = sign(world, ca, principals=names)
        agree(world, server, trusts(ca), accepted=accepted, words=[] if accepted else ['not for that name'])
        server.stop()
    server = sign(world, ca, principals='the.alias')
    agree(world, server, trusts(ca), '-o', 'HostKeyAlias=the.alias', accepted=True)
    agree(world, server, trusts(ca, 'the.alias'), '-o', 'HostKeyAlias=THE.alias', accepted=True)
    agree(world, server, trusts(ca, '127.0.0.1'), '-o', 'HostKeyAlias=the.alias', accepted=False)
    agree(world, server, trusts(ca), '-o', 'HostKeyAlias=other', accepted=False)
    agree(world, server, f'the.alias {public_key(world.keys.host["ed25519"])}\n', '-o', 'HostKeyAlias=the.alias',
          accepted=True)


def validity_and_options(world):
    ca = ca_key(world)
    for options, word in ((('-V', '20010101:20020101'), 'has expired'), (('-V', '20350101:20360101'), 'not valid yet'),
                          (('-O', 'critical:x@example.org=y'), 'x@example.org')):
        server = sign(world, ca, options=options)
        agree(world, server, trusts(ca), accepted=False, words=[word])
        # The key inside is judged by itself.
        agree(world, server, trusts(ca) + f'{{name}} {public_key(world.keys.host["ed25519"])}\n', accepted=True)
        server.stop()


def signature_algorithms(world):
    ca = ca_key(world, 'rsa')
    server = sign(world, ca, options=['-t', 'rsa-sha2-256'])
    agree(world, server, trusts(ca), accepted=True)
    agree(world, server, trusts(ca), '-o', 'CASignatureAlgorithms=rsa-sha2-256', accepted=True)
    for value in ('rsa-sha2-512', 'ssh-ed25519,rsa-sha2-512', '-rsa-sha2-256'):
        agree(world, server, trusts(ca), '-o', f'CASignatureAlgorithms={value}', accepted=False,
              words=['rsa-sha2-256', 'not allowed'])
    server.stop()
    server = sign(world, ca, options=['-t', 'ssh-rsa'])
    agree(world, server, trusts(ca), accepted=False, words=['ssh-rsa'])


def fall_back_to_the_key(world):
    """An authority that is not trusted: the key inside decides, and is what is stored."""
    ca, other = ca_key(world), ca_key(world, which='other')
    server, key = sign(world, ca), public_key(world.keys.host['ed25519'])
    for lines in ('', trusts(other)):
        agree(world, server, lines, accepted=False, words=['not known'])
        agree(world, server, lines, '-o', 'StrictHostKeyChecking=accept-new', accepted=True)
        agree(world, server, lines, '-o', 'StrictHostKeyChecking=no', accepted=True)
        agree(world, server, lines + f'{{name}} {key}\n', accepted=True)
        agree(world, server, lines + f'{{name}} {public_key(other)}\n', accepted=False, words=['changed'])


def revoked(world):
    ca, key = ca_key(world), world.keys.host['ed25519']
    server = sign(world, ca)
    for marked in (ca, key):
        for policy in ('yes', 'ask', 'accept-new'):
            agree(world, server, trusts(ca) + trusts(marked, marker='@revoked '), '-o',
                  f'StrictHostKeyChecking={policy}', accepted=False, words=['revoked'])
        agree(world, server, trusts(ca) + trusts(marked, marker='@revoked '), '-o', 'StrictHostKeyChecking=off',
              accepted=True, words=['revoked'])
    agree(world, server, trusts(ca) + trusts(ca, 'other.example.org', '@revoked '), accepted=True)


def revocation_files(world):
    """RevokedHostKeys: lists of keys, and every section of a key revocation list."""
    ca, key = ca_key(world), world.keys.host['ed25519']
    other = ca_key(world, which='other')
    server = sign(world, ca, options=['-z', '70'])
    directory = world.fresh('revoked')

    def judge(name, revokes):
        agree(world, server, trusts(ca), '-o', f'RevokedHostKeys={os.path.join(directory, name)}',
              accepted=not revokes, words=['revoked'] if revokes else [])

    def krl(name, text, *options):
        with open(os.path.join(directory, name + '.txt'), 'w') as file:
            file.write(text)
        subprocess.run(['ssh-keygen', '-q', '-k', '-f', os.path.join(directory, name), *options,
                        os.path.join(directory, name + '.txt')], check=True)
        return name

    for number, (listed, revokes) in enumerate(((key, True), (ca, True), (other, False))):
        with open(os.path.join(directory, f'list{number}'), 'w') as file:
            file.write(f'# a comment\n\n{public_key(other)}\n{public_key(listed)}\n')
        judge(f'list{number}', revokes)
    hexed = ['-s', ca + '.pub']
    for number, (text, options, revokes) in enumerate((
            (f'key: {public_key(key)}\n', [], True), (f'key: {public_key(ca)}\n', [], True),
            (f'key: {public_key(other)}\n', [], False), (f'sha1: {public_key(key)}\n', [], True),
            (f'sha256: {public_key(key)}\n', [], True), (f'sha256: {public_key(other)}\n', [], False),
            ('serial: 70\n', hexed, True), ('serial: 71\n', hexed, False), ('serial: 60-80\n', hexed, True),
            ('serial: 60-69\n', hexed, False), ('serial: 1\nserial: 3\nserial: 70\nserial: 72\nserial: 75\n', hexed, True),
            ('serial: 1\nserial: 3\nserial: 69\nserial: 71\nserial: 75\n', hexed, False),
            (''.join(f'serial: {n}\n' for n in range(2, 300, 2)), hexed, True),
            (''.join(f'serial: {n}\n' for n in range(1, 300, 2)), hexed, False),
            ('id: a host\n', hexed, True), ('id: another\n', hexed, False),
            ('serial: 70\n', ['-s', other + '.pub'], False), ('id: a host\n', ['-s', other + '.pub'], False))):
        judge(krl(f'krl{number}', text, *options), revokes)
    agree(world, server, trusts(ca), '-o', f'RevokedHostKeys={directory}/missing', accepted=False, words=['missing'])


def plain_policies(world):
    """StrictHostKeyChecking with plain keys: what ssh does, word by word of the table."""
    server = world.new_server(kinds=['ed25519', 'rsa'])
    key, rsa = (public_key(world.keys.host[kind]) for kind in ('ed25519', 'rsa'))
    other = public_key(ca_key(world, which='other'))
    for policy, unknown, changed in (('yes', False, False), ('ask', False, False), ('accept-new', True, False),
                                     ('no', True, True), ('off', True, True)):
        option = ['-o', f'StrictHostKeyChecking={policy}', '-o', 'UpdateHostKeys=no']
        agree(world, server, '# nothing\n', *option, accepted=unknown)
        agree(world, server, f'{{name}} {key}\n', *option, accepted=True)
        agree(world, server, f'{{name}} {rsa}', *option, accepted=True)
        agree(world, server, f'127.0.0.1 {key}\n', *option, accepted=True)
        agree(world, server, f'127.0.0.1 {other}\n', *option, accepted=unknown)
        agree(world, server, f'{{name}} {other}\n', *option, accepted=changed, words=['identification has changed'])
        # Of another type than the server has: changed, too.
        agree(world, server, f'{{name}} {public_key(world.keys.host["ecdsa256"])}\n', *option, accepted=changed,
              words=['identification has changed'])
        agree(world, server, f'@revoked * {key}\n', *option, '-o', 'HostKeyAlgorithms=ssh-ed25519', accepted=changed,
              words=['revoked'])


def hashed_names(world):
    """HashKnownHosts: ssh finds what we store, and the other way round."""
    server = world.new_server(kinds=['ed25519'])
    client = world.new_client(server)
    theirs, mine = (os.path.join(client.ssh, name) for name in ('theirs', 'mine'))
    options = ['-o', 'HashKnownHosts=yes', '-o', 'StrictHostKeyChecking=accept-new']
    check(ssh(client, theirs, *options)[0] and ours(world, client, mine, *options)[0], 'not let in')
    for path in (theirs, mine):
        check(open(path).read().startswith('|1|'), f'{path} is not hashed')
        check(ssh(client, path)[0] and ours(world, client, path)[0], f'{path} is not understood')


def several_files(world):
    """Every file is searched, the first one is written; global files count."""
    server, key = world.new_server(kinds=['ed25519']), public_key(world.keys.host['ed25519'])
    client = world.new_client(server)
    first, second = os.path.join(client.ssh, 'first'), os.path.join(client.ssh, 'second')
    both = f'{first} {second}'
    with open(second, 'w') as file:
        file.write(f'[127.0.0.1]:{server.port} {key}\n')
    check(ssh(client, both)[0] and ours(world, client, both)[0], 'the second file is not searched')
    with open(second, 'w') as file:
        file.write(f'@revoked * {key}\n')
    check(not ssh(client, both)[0] and not ours(world, client, both)[0], 'the second file is not searched')
    os.unlink(second)
    check(ours(world, client, both, '-o', 'StrictHostKeyChecking=accept-new')[0], 'not let in')
    check(os.path.exists(first) and not os.path.exists(second), 'not the first was written')
    there = world.path(b'target')
    source = world.path(b'source')
    trees.make_file(source, 100)
    done = client.cp('-F', 'none', '-B', '-o', 'UserKnownHostsFile=/dev/null', '-o', f'GlobalKnownHostsFile={first}',
                     source, client.remote(there))
    check(done.status == 0, f'{done}')


def order_of_algorithms(world):
    """What is asked of the server first is what can be judged: as ssh."""
    ca = ca_key(world)
    kinds = ['rsa', 'ecdsa256', 'ed25519']
    server = sign(world, ca, kinds)
    compared = 0
    for lines in ('', trusts(ca), '{name} ' + public_key(world.keys.host['rsa']) + '\n',
                  '{name} ' + public_key(world.keys.host['ecdsa256']) + '\n',
                  '{name} ' + public_key(world.keys.host['ed25519']) + '\n',
                  trusts(ca) + '{name} ' + public_key(world.keys.host['ecdsa256']) + '\n'):
        client = world.new_client(server)
        known = client.write('known', lines.replace('{name}', f'[127.0.0.1]:{server.port}'))
        theirs = ssh(client, known, '-v')[1]
        mine = ours(world, client, known, '-v')[1].text()
        chosen = [re.search(pattern, text) for pattern, text in (
            (r'kex: host key algorithm: (\S+)', theirs), (r'key exchange 1: .*, host key ([^ ,]+)', mine))]
        if not chosen[1]:  # refused before the keys were in force
            continue
        check(chosen[0] and chosen[0].group(1) == chosen[1].group(1), f'{lines!r}: {theirs}\n{mine}')
        compared += 1
    check(compared >= 5, f'only {compared} could be compared')


def rsa_size(world):
    """RequiredRSASize holds for the host's key and for the user's."""
    server = world.new_server(kinds=['rsa'])
    key = f'{{name}} {public_key(world.keys.host["rsa"])}\n'
    agree(world, server, key, '-o', 'RequiredRSASize=2048', accepted=True)
    agree(world, server, key, '-o', 'RequiredRSASize=2049', accepted=False, words=['2048 bits', 'RequiredRSASize'])


def no_password_for_a_changed_host(world):
    """Under "off" the connection goes on, but the password does not leave."""
    server = world.new_server(kinds=['ed25519'], options=['PubkeyAuthentication no', 'PasswordAuthentication yes',
                                                          'KbdInteractiveAuthentication yes'])
    client = world.new_client(server)
    client.write('known_hosts', f'[127.0.0.1]:{server.port} {public_key(ca_key(world, which="other"))}\n')
    source, there = world.path(b'source'), world.path(b'target')
    trees.make_file(source, 100)
    offset = server.log_size()
    done = client.talk([(b'password', b'secret\n')], '-o', 'StrictHostKeyChecking=off', source, client.remote(there))
    check(done.status == 255 and b'password:' not in done.out, f'{done}')
    time.sleep(0.1)
    check('password' not in server.log_text(offset).replace('PasswordAuthentication', ''), server.log_text(offset))


if __name__ == '__main__':
    sys.exit(main([every_type, names_and_ports, principals, validity_and_options, signature_algorithms,
                   fall_back_to_the_key, revoked, revocation_files, plain_policies, hashed_names, several_files,
                   order_of_algorithms, rsa_size, no_password_for_a_changed_host]))

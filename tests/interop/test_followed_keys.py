#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""UpdateHostKeys against Debian's sshd: what becomes of known hosts is what ssh(1) makes of the same."""

import os
import re
import subprocess
import sys

import trees
from sshd import public_key
from suite import check, main
from test_certificates import ca_key, sign, ssh, trusts

KINDS = ['ed25519', 'ecdsa256', 'rsa']


class Case:
    """The same known hosts for ssh and for us."""

    def __init__(self, world, server, lines, *options, update='yes'):
        self.world, self.server = world, server
        self.client = world.new_client(server)
        self.before = self.fill(lines)
        self.options = ['-o', f'UpdateHostKeys={update}', *options]
        self.paths = [self.client.write(name, self.before, mode=0o644) for name in ('theirs', 'ours')]

    def fill(self, text):
        """'{name}' is the server's name, '{ed25519}' and so on are its possible keys."""
        words = {'name': f'[127.0.0.1]:{self.server.port}'}
        words.update((kind, public_key(path)) for kind, path in self.world.keys.host.items())
        return re.sub(r'\{(\w+)\}', lambda found: words[found.group(1)], text)

    def copy(self, *options, talk=None):
        source, there = self.world.path(b'source'), self.world.path(b'target')
        trees.make_file(source, 100)
        options = [*self.options, *options, source, self.client.remote(there)]
        done = self.client.talk(talk, *options) if talk else self.client.cp(*options, timeout=30)
        check(done.status == 0 and os.path.exists(there), f'{done}')
        return done

    def ours(self, *options):
        return self.copy('-F', 'none', '-B', '-o', f'UserKnownHostsFile={self.paths[1]}', '-o',
                         'GlobalKnownHostsFile=/dev/null', *options)

    def run(self):
        accepted, said = ssh(self.client, self.paths[0], *self.options)
        check(accepted, f'ssh was not let in: {said}')
        done = self.ours('-v')
        self.theirs, self.mine = (open(path).read() for path in self.paths)
        check(self.theirs == self.mine, f'{self.before!r} became\n{self.mine!r}, with ssh\n{self.theirs!r}\n{done.text()}')
        return self


def follow(world, server, lines, *options, becomes=None, update='yes'):
    """LINES become BECOMES, or stay, with ssh and with us."""
    case = Case(world, server, lines, *options, update=update).run()
    expected = case.fill(lines if becomes is None else becomes)
    check(case.mine == expected, f'{case.before!r} became {case.mine!r}, not {expected!r}')
    return case


def new_keys(world):
    server = world.new_server(kinds=KINDS)
    all_keys = ''.join(f'{{name}} {{{kind}}}\n' for kind in KINDS)
    follow(world, server, all_keys)
    follow(world, server, '{name} {ed25519}\n', becomes=all_keys)
    follow(world, server, '{name} {rsa}\n', becomes='{name} {rsa}\n{name} {ed25519}\n{name} {ecdsa256}\n')
    around = '# a comment\n\n  \nother.example.org {ecdsa521}\n@revoked lost.example.org {ecdsa384}\nnot a line\n'
    follow(world, server, around + '{name} {ecdsa256} a comment, too\n# the end',
           becomes=around + '{name} {ecdsa256} a comment, too\n# the end\n{name} {ed25519}\n{name} {rsa}\n')
    # Two names are a host and its address.
    follow(world, server, '{name},10.1.2.3 {ed25519}\n', becomes='{name},10.1.2.3 {ed25519}\n{name} {ecdsa256}\n{name} {rsa}\n')


def obsolete_keys(world):
    server = world.new_server(kinds=KINDS[:2])
    left = '{name} {ed25519}\n{name} {ecdsa256}\n'
    follow(world, server, left + '{name} {rsa}\n', becomes=left)
    follow(world, server, '# one\n{name} {rsa}\n{name} {ed25519}\n# two\n{name} {ecdsa384} x\n',
           becomes='# one\n{name} {ed25519}\n# two\n{name} {ecdsa256}\n')
    # Elsewhere, too: then it is left to whoever wrote it there.
    follow(world, server, left + '{name} {rsa}\nother.example.org {rsa}\n')
    follow(world, server, left + '{name} {rsa}\n* {rsa}\n')


def rotated(world):
    """What a server does whose keys are replaced: both for a while, then the new ones."""
    both, new = world.new_server(kinds=KINDS), None
    case = follow(world, both, '{name} {ed25519}\n', becomes=''.join(f'{{name}} {{{kind}}}\n' for kind in KINDS))
    both.stop()
    new = world.new_server(kinds=['rsa'])
    follow(world, new, case.mine.replace(f':{both.port} ', f':{new.port} '), becomes='{name} {rsa}\n')


def left_alone(world):
    """Wherever a person, or somebody else's file, has a say."""
    server = world.new_server(kinds=KINDS)
    for lines in ('[127.0.0.*]:* {ed25519}\n', '* {ed25519}\n', '{name},one,two {ed25519}\n',
                  '127.0.0.1 {ed25519}\n', '{name} {ed25519}\n@revoked {name} {ecdsa521}\n',
                  '{name} {ed25519}\n@cert-authority * {ecdsa521}\n', '{name} {ed25519}\nother {rsa}\n',
                  '{name} {ed25519}\n127.0.0.1 {ed25519}\n', '{name} {ed25519}\n* {ecdsa521}\n'):
        follow(world, server, lines)
    follow(world, server, '{name} {ed25519}\n', update='no')
    follow(world, server, '{name} {ed25519}\n', update='ask')
    follow(world, server, '{name} {ed25519}\n', '-o', 'HostKeyAlgorithms=ssh-ed25519')
    # What was only just added by a policy is no base for more.
    case = Case(world, server, '', '-o', 'StrictHostKeyChecking=accept-new').run()
    check(len(case.mine.splitlines()) == 1, case.mine)
    case = Case(world, server, '{name} {ecdsa521}\n', '-o', 'StrictHostKeyChecking=off').run()
    check(case.mine == case.before, case.mine)


def aliases(world):
    server = world.new_server(kinds=KINDS)
    follow(world, server, 'the.alias {ed25519}\n', '-o', 'HostKeyAlias=the.alias',
           becomes='the.alias {ed25519}\nthe.alias {ecdsa256}\nthe.alias {rsa}\n')


def by_certificate(world):
    ca = ca_key(world)
    server = sign(world, ca, KINDS)
    follow(world, server, trusts(ca))
    follow(world, server, trusts(ca) + '{name} {ed25519}\n')


def hashed(world):
    server = world.new_server(kinds=KINDS)
    case = Case(world, server, '{name} {ed25519}\n', '-o', 'HashKnownHosts=yes')
    check(ssh(case.client, case.paths[0], *case.options)[0], 'ssh was not let in')
    case.ours()
    for path in case.paths:
        lines = open(path).read().splitlines()
        check(len(lines) == 3 and all(line.startswith('|1|') for line in lines[1:]), f'{path}: {lines}')
        found = subprocess.run(['ssh-keygen', '-F', f'[127.0.0.1]:{server.port}', '-f', path], capture_output=True,
                               text=True).stdout
        check(found.count('|1|') == 2, found)
    # And hashed lines are found again: nothing is added twice.
    before = open(case.paths[1]).read()
    case.ours()
    check(open(case.paths[1]).read() == before, 'a second time changed something')


def several_files(world):
    server = world.new_server(kinds=KINDS)
    contents = []
    for run in ('theirs', 'ours'):
        case = Case(world, server, '')
        first, second = (case.client.write(name, case.fill(text)) for name, text in (
            ('first', '# first\nother {ecdsa521}\n'), ('second', '{name} {ed25519}\n# second\n')))
        case.paths = [f'{first} {second}'] * 2
        if run == 'theirs':
            check(ssh(case.client, case.paths[0], *case.options)[0], 'ssh was not let in')
        else:
            case.ours()
        contents.append(open(first).read() + '----\n' + open(second).read())
    check(contents[0] == contents[1], f'ssh {contents[0]!r}, we {contents[1]!r}')
    check(contents[0].count('[127.0.0.1]') == 3, contents[0])
    # A global file that knows the host first... is searched last, so only what it alone knows stays as it is.
    case = Case(world, server, '')
    shared = case.client.write('global', case.fill('{name} {ed25519}\n'))
    mine = case.client.write('mine', '')
    case.copy('-F', 'none', '-B', '-o', f'UserKnownHostsFile={mine}', '-o', f'GlobalKnownHostsFile={shared}')
    check(open(mine).read() == '' and open(shared).read() == case.fill('{name} {ed25519}\n'), 'changed')


def by_default(world):
    """On without a word in the configuration, unless it names another file."""
    server = world.new_server(kinds=KINDS)
    client = world.new_client(server)
    known = client.write('known_hosts', f'[127.0.0.1]:{server.port} {public_key(world.keys.host["ed25519"])}\n', mode=0o640)
    before = os.stat(known)
    source, there = world.path(b'source'), world.path(b'target')
    trees.make_file(source, 100)
    check(client.cp('-B', '-F', 'none', source, client.remote(there)).status == 0, 'not let in')
    after = os.stat(known)
    check(len(open(known).read().splitlines()) == 3, open(known).read())
    check((after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid), 'mode or owner')
    check(os.listdir(client.ssh).count('known_hosts') == 1 and
          not [name for name in os.listdir(client.ssh) if name.startswith('known_hosts.')], 'left-overs')


def a_link_stays_a_link(world):
    case = Case(world, world.new_server(kinds=KINDS), '{name} {ed25519}\n')
    real = os.path.join(case.client.home, 'real')
    os.rename(case.paths[1], real)
    os.symlink(real, case.paths[1])
    case.ours()
    check(os.path.islink(case.paths[1]) and len(open(real).read().splitlines()) == 3, 'the link is gone')


def unwritable(world):
    """A file or directory that cannot be written costs the update, not the copy."""
    case = Case(world, world.new_server(kinds=KINDS), '{name} {ed25519}\n')
    directory = os.path.join(case.client.home, 'readonly')
    os.mkdir(directory)
    case.paths[1] = os.path.join(directory, 'known')
    with open(case.paths[1], 'w') as file:
        file.write(case.before)
    if os.getuid() == 0:  # nothing is unwritable for root but this
        if subprocess.run(['chattr', '+i', directory], capture_output=True).returncode != 0:
            subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=4k,nr_inodes=2', 'none', directory], check=True)
            try:
                with open(case.paths[1], 'w') as file:
                    file.write(case.before)
                done = case.ours()
                check(open(case.paths[1]).read() == case.before, 'changed')
            finally:
                subprocess.run(['umount', directory], check=True)
        else:
            try:
                done = case.ours()
            finally:
                subprocess.run(['chattr', '-i', directory], check=True)
            check(open(case.paths[1]).read() == case.before, 'changed')
    else:
        os.chmod(directory, 0o555)
        done = case.ours()
    check(b'could not be brought up to date' in done.err, f'{done}')


def asked(world):
    server = world.new_server(kinds=KINDS)
    for answers, changes in (([b'yes\n'], True), ([b'no\n'], False), ([b'perhaps\n', b'YES\n'], True),
                             ([b'x\n', b'y\n', b'z\n'], False)):
        case = Case(world, server, '{name} {ed25519}\n', update='ask')
        done = case.copy('-F', 'none', '-o', f'UserKnownHostsFile={case.paths[1]}',
                         talk=[(b'updated host keys', answer) for answer in answers])
        check(done.out.count(b'updated host keys') == len(answers), f'{done}')
        check(len(open(case.paths[1]).read().splitlines()) == (3 if changes else 1), f'{answers}: {done}')
    # A key that a person has just accepted is a base, as in ssh.
    case = Case(world, server, '')
    case.copy('-F', 'none', '-o', f'UserKnownHostsFile={case.paths[1]}', talk=[(b'yes/no', b'yes\n')])
    check(len(open(case.paths[1]).read().splitlines()) == 3, open(case.paths[1]).read())


if __name__ == '__main__':
    sys.exit(main([new_keys, obsolete_keys, rotated, left_alone, aliases, by_certificate, hashed, several_files,
                   by_default, a_link_stays_a_link, unwritable, asked]))

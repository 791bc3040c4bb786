#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whom the command trusts and how it proves who it is: host keys, passwords, keys, prompts."""

import os
import subprocess
import sys

import trees
from sshd import HOST_KEY_KINDS, Keys, make_key, public_key, user_name
from suite import Skip, check, ended, main, needs_root, says, succeeded

PASSWORD = 'correct horse ünd staple'


def fingerprint(path):
    line = subprocess.run(['ssh-keygen', '-l', '-f', path + '.pub'], check=True, capture_output=True, text=True)
    return line.stdout.split()[1]


def source_file(world):
    path = world.path(b'source')
    trees.make_file(path, 5000)
    return path


def target(world):
    return world.path(b'target')


def refused(world, client, *options, words=(), status=255, env=None):
    """A copy that must not happen, without a terminal."""
    there = target(world)
    result = client.cp(*options, source_file(world), client.remote(there), env=env, timeout=30)
    ended(result, status)
    says(result, *words)
    check(not os.listdir(os.path.dirname(there)), 'something was written')
    return result


def accepted(world, client, *options):
    source, there = source_file(world), target(world)
    result = client.cp(*options, source, client.remote(there), timeout=30)
    succeeded(result)
    check(trees.same_file(source, there), 'the copy differs')
    return result


def wrong_host_key(world):
    """Refused whatever the policy says, with file, line, and both fingerprints."""
    other = Keys(world.fresh('keys'), kinds=('ed25519',)).host['ed25519']
    client = world.new_client(world.server)
    here = world.server.port
    known = client.write('known_hosts', '# a comment\n\n'
                         f'[127.0.0.1]:{here} {public_key(other)}\n')
    for options in ([], ['-o', 'StrictHostKeyChecking=accept-new'], ['-o', 'StrictHostKeyChecking=yes']):
        result = refused(world, client, *options, words=(known, fingerprint(other)))
        says(result, fingerprint(world.keys.host['ed25519']))
        check(b':3' in result.err or b'line 3' in result.err, f'no line number: {result}')
    result = client.talk([(b'yes/no', b'yes\n')], source_file(world), client.remote(target(world)))
    ended(result, 255)


def host_key_among_others(world):
    """Known by a key of another type only: the server is asked for that type first; a server that no
    longer has it presents an unknown, hence changed, identity."""
    server = world.new_server(kinds=['ed25519'])
    client = world.new_client(server)
    client.write('known_hosts', f'[127.0.0.1]:{server.port} {public_key(world.keys.host["rsa"])}\n')
    refused(world, client)


def unknown_host(world):
    """Without a terminal the default is to refuse."""
    client = world.new_client(world.server)
    client.remove('known_hosts')
    result = refused(world, client, words=('127.0.0.1', 'known'))
    says(result, 'SHA256:')
    check(not os.path.exists(os.path.join(client.ssh, 'known_hosts')), 'the key was recorded')
    refused(world, client, '-o', 'StrictHostKeyChecking=yes')
    refused(world, client, '-B')
    refused(world, client, '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=ask')


def accept_new(world):
    client = world.new_client(world.server)
    client.remove('known_hosts')
    accepted(world, client, '-o', 'StrictHostKeyChecking=accept-new')
    # By ssh-keygen, for the system's configuration may want names hashed.
    found = subprocess.run(['ssh-keygen', '-F', f'[127.0.0.1]:{world.server.port}', '-f',
                            os.path.join(client.ssh, 'known_hosts')], capture_output=True)
    check(found.returncode == 0, 'the key was not recorded')
    accepted(world, client, '-o', 'StrictHostKeyChecking=yes')


def known_lines(client):
    with open(os.path.join(client.ssh, 'known_hosts')) as file:
        return file.read().splitlines()


def accept_new_once(world):
    """Several connections to a new host, of one process and of several at once, leave one line."""
    for hashed in ('no', 'yes'):
        options = ['-o', 'StrictHostKeyChecking=accept-new', '-o', f'HashKnownHosts={hashed}', '-o', 'UpdateHostKeys=no']
        client = world.new_client(world.server)
        tree = world.path(b'tree')
        os.mkdir(tree)
        for number in range(8):
            trees.make_file(os.path.join(tree, b'%d' % number), 300_000)
        client.remove('known_hosts')
        result = client.cp('-r', '-j', '4', *options, tree, client.remote(world.path(b'tree')))
        ended(result, 0)
        check(len(known_lines(client)) == 1, f'-j 4: {known_lines(client)}')
        client.write('known_hosts', 'other.example ssh-ed25519 unfinished')  # without a newline
        source = source_file(world)
        many = [client.start(*options, source, client.remote(target(world))) for _ in range(8)]
        for child in many:
            out, err = child.communicate(timeout=60)
            check(child.returncode == 0, f'status {child.returncode}: {err}')
        lines = known_lines(client)
        check(len(lines) == 2 and lines[0].endswith('unfinished'), f'eight processes: {lines}')


def accept_new_too_late(world):
    """What another program has learned of the host meanwhile counts: another key is a changed key."""
    client = world.new_client(world.server)
    other = Keys(world.fresh('keys'), kinds=('ed25519',)).host['ed25519']
    port = world.server.port
    carry = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'carry.py')
    client.write('learned', f'[127.0.0.1]:{port} {public_key(other)}\n')
    client.write('revoked', f'@revoked * {public_key(world.keys.host["ed25519"])}\n')
    for name, words in (('learned', ('has changed',)), ('revoked', ('revoked',))):
        for policy in ('accept-new', 'off'):
            client.write('known_hosts', '')
            # Known hosts have been read when the way is begun.
            result = client.cp('-o', f'StrictHostKeyChecking={policy}', '-o', f'ProxyCommand=sh -c "cp {client.ssh}/{name} '
                               f'{client.ssh}/known_hosts; exec {sys.executable} {carry} %h %p"',
                               source_file(world), client.remote(target(world)))
            ended(result, 255 if policy == 'accept-new' else 0)
            says(result, *words)
            check(len(known_lines(client)) == 1, f'{known_lines(client)}')


# Writes down what it was called with, and says what stands in a file.
COMMAND = """#!/bin/sh
for word; do printf '<%s>' "$word"; done >>{here}/calls
echo >>{here}/calls
cat {here}/$1 2>/dev/null
exit 0
"""


class Commanded:
    """A user without known hosts whose KnownHostsCommand answers from files, one for each invocation."""

    def __init__(self, world, arguments='%I', answers=(), body=COMMAND):
        self.client = world.new_client(world.server)
        self.client.write('known_hosts', '')
        self.here = world.fresh('command')
        self.program = os.path.join(self.here, 'command')
        with open(self.program, 'w') as file:
            file.write(body.format(here=self.here))
        os.chmod(self.program, 0o755)
        for name, text in dict(answers).items():
            with open(os.path.join(self.here, name), 'w') as file:
                file.write(text)
        self.options = ('-o', f'KnownHostsCommand={self.program} {arguments}')

    def calls(self, forget=True):
        try:
            with open(os.path.join(self.here, 'calls')) as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            return []
        os.unlink(os.path.join(self.here, 'calls'))
        return lines

    def ssh(self, *options):
        return subprocess.run(['ssh', '-F', 'none', '-i', os.path.join(self.client.ssh, 'id_ed25519'), '-p', str(self.client.port),
                               '-o', f'UserKnownHostsFile={self.client.ssh}/known_hosts', '-o', 'GlobalKnownHostsFile=none',
                               '-o', 'BatchMode=yes', *self.options, *options, '127.0.0.1', 'true'],
                              capture_output=True, text=True, timeout=30, env=self.client.environment())


def known_by_command(world):
    """KnownHostsCommand is asked as ssh asks it, and what it says counts as in known hosts."""
    port = world.server.port
    name = f'[127.0.0.1]:{port}'
    right, wrong = public_key(world.keys.host['ed25519']), public_key(Keys(world.fresh('keys'), kinds=('ed25519',)).host['ed25519'])
    tokens = '%I %H %t %K %f %h %p %n %r %u %i %k %l %L %C "%%H %I" a\\ b \'c"d\' "" # e ${HOME}'
    for answers in ({'HOSTNAME': f'{name} {right}\n'}, {'ORDER': f'{name} {right}\n', 'HOSTNAME': f'other {wrong}\n{name} {right}\n'}):
        one = Commanded(world, tokens, answers)
        real = one.ssh()
        check(real.returncode == 0, f'ssh does not believe it: {real}')
        # Releases before 9.3 leave the port out of %H where it is about the order.
        wanted = [line.replace('<ORDER><127.0.0.1>', f'<ORDER><{name}>') for line in one.calls()]
        accepted(world, one.client, *one.options)
        called = one.calls()
        check(called == wanted, f'called as {called}, by ssh as {wanted}')
        check(len(wanted) == 2, f'{wanted}')
        check(not known_lines(one.client), 'what it said was stored')
    for answers, words in (({'HOSTNAME': f'{name} {wrong}\n'}, ('has changed',)), ({'ORDER': f'{name} {right}\n'}, ('not known',)),
                           ({'HOSTNAME': f'@revoked * {right}\n'}, ('revoked',)), ({'HOSTNAME': 'garbage\n'}, ('not known',)), ({'HOSTNAME': f'127.0.0.1 {right}\n'}, ('not known',))):
        one = Commanded(world, '%I', answers)
        check(one.ssh().returncode != 0, 'ssh believes it')
        refused(world, one.client, *one.options, words=words)


def ordered_by_command(world):
    """The types of keys that the command knows are offered first."""
    server = world.new_server(kinds=['ed25519', 'rsa', 'ecdsa256'] if 'ecdsa256' in HOST_KEY_KINDS else None)
    for kind in ('rsa', 'ed25519'):
        line = f'[127.0.0.1]:{server.port} {public_key(world.keys.host[kind])}\n'
        one = Commanded(world, '%I', {'ORDER': line, 'HOSTNAME': line})
        one.client.know(server)
        one.client.write('known_hosts', '')
        accepted(world, one.client, *one.options)
    server.stop()


def failing_command(world):
    """Whatever goes wrong with it ends the connection, whatever else is known."""
    known = f'[127.0.0.1]:{world.server.port} {public_key(world.keys.host["ed25519"])}'
    say = f'#!/bin/sh\necho "{known}"\n'
    for body, words in ((say + 'exit 3\n', ('status 3',)), (say + 'kill -9 $$\n', ('signal 9',)), ('not a program', ('cannot be started',)),
                        (say + 'exec sleep 30\n', ('in time',)), (say + 'exec yes\n', ('too long',)),
                        ('#!/bin/sh\ntest $1 = ORDER || exit 4\n' + say, ('status 4',))):
        for policy in ('ask', 'accept-new', 'off'):
            one = Commanded(world, '%I', (), body.replace('{', '{{').replace('}', '}}'))
            one.client.write('known_hosts', known + '\n')
            result = refused(world, one.client, *one.options, '-o', f'StrictHostKeyChecking={policy}', '-o', 'ConnectTimeout=2',
                             words=('KnownHostsCommand', *words))
            check(result.seconds < 10, f'{body}: {result}')
    one = Commanded(world)
    os.unlink(one.program)
    refused(world, one.client, *one.options, words=('KnownHostsCommand', 'cannot be started'))
    for text in ('command', '%q', '/bin/true %q', '/bin/true ${NO_SUCH_VARIABLE}', '/bin/true "a'):
        refused(world, one.client, '-o', f'KnownHostsCommand={text}', status=2)
    one.client.write('known_hosts', known + '\n')
    accepted(world, one.client, '-o', 'KnownHostsCommand=none')


def checking_off(world):
    client = world.new_client(world.server)
    client.remove('known_hosts')
    result = accepted(world, client, '-o', 'StrictHostKeyChecking=no')
    says(result, 'warning')


def asked_on_terminal(world):
    client = world.new_client(world.server)
    client.remove('known_hosts')
    source, there = source_file(world), target(world)
    result = client.talk([(b'yes/no', b'no\n')], source, client.remote(there))
    ended(result, 255)
    check(b'SHA256:' in result.out and not os.path.exists(there), f'{result}')
    result = client.talk([(b'yes/no', b'perhaps\n'), (b'yes', b'yes\n')], source, client.remote(there))
    succeeded(result)
    check(trees.same_file(source, there), 'the copy differs')
    result = client.talk([], source, client.remote(there))
    succeeded(result)


def known_hosts_forms(world):
    """Hashed names, wildcards, several names, several files, negation, and markers."""
    client = world.new_client(world.server)
    port, key = world.server.port, public_key(world.keys.host['ed25519'])
    for line in (f'[127.0.0.*]:{port} {key}', f'[127.0.0.?]:{port} {key}', f'example.org,[127.0.0.1]:{port} {key}'):
        client.write('known_hosts', f'\n# comment\nnot a valid line\n{line} a comment\n')
        accepted(world, client)
    for line in (f'[127.0.0.*]:{port},![127.0.0.1]:{port} {key}', f'[127.0.0.1]:{port + 1} {key}', f'@cert-authority [127.0.0.1]:{port} {key}'):
        client.write('known_hosts', line + '\n')
        refused(world, client)
    path = client.write('known_hosts', f'[127.0.0.1]:{port} {key}\n')
    subprocess.run(['ssh-keygen', '-q', '-H', '-f', path], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    with open(path) as file:
        check(file.read().startswith('|1|'), 'ssh-keygen did not hash')
    accepted(world, client)
    os.rename(path, path + '2')
    refused(world, client, '-o', f'UserKnownHostsFile={path}')
    accepted(world, client, '-o', f'UserKnownHostsFile={path} {path}2')


def revoked_key(world):
    client = world.new_client(world.server)
    port, key = world.server.port, public_key(world.keys.host['ed25519'])
    client.write('known_hosts', f'[127.0.0.1]:{port} {key}\n@revoked * {key}\n')
    refused(world, client, '-o', 'HostKeyAlgorithms=ssh-ed25519')


def no_common_algorithm(world):
    """The message names the list in which nothing is in common, and both sides' lists."""
    for server_option, name, theirs in (
            ('Ciphers aes128-cbc', 'cipher', 'aes128-cbc'),
            ('KexAlgorithms diffie-hellman-group1-sha1', 'key exchange', 'diffie-hellman-group1-sha1'),
            ('MACs umac-64@openssh.com\nCiphers aes128-ctr', 'mac', 'umac-64@openssh.com')):
        server = world.new_server(options=server_option.split('\n'))
        result = refused(world, world.new_client(server), words=(name, theirs))
        check(b'aes' in result.err or b'curve25519' in result.err or b'hmac' in result.err,
              f'our list is not named: {result}')
        server.stop()
    server = world.new_server(kinds=['rsa'])
    refused(world, world.new_client(server), '-o', 'HostKeyAlgorithms=ssh-ed25519', words=('host key',))
    server.stop()


def wrong_key(world):
    client = world.new_client(world.server)
    os.unlink(os.path.join(client.ssh, 'id_ed25519'))
    path = os.path.join(client.ssh, 'id_ed25519')
    make_key(path)
    refused(world, client, words=('publickey',))
    os.unlink(path)
    refused(world, client)
    refused(world, client, '-i', '/nonexistent/key')


def damaged_key_file(world):
    client = world.new_client(world.server)
    for content in (b'', b'not a key', b'-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n',
                    os.urandom(1000)):
        path = client.write('broken', content, mode=0o600)
        client.remove('id_ed25519')
        refused(world, client, '-i', path, words=('broken',))


def key_types_and_formats(world):
    """Each key type that OpenSSH makes, in its own format and in PEM, plain and with a passphrase."""
    directory = world.fresh('keys')
    keys = []
    for kind in HOST_KEY_KINDS:
        keys.append((os.path.join(directory, kind), kind, '', []))
        keys.append((os.path.join(directory, kind + '_locked'), kind, 'open sesame', []))
        if kind != 'ed25519':
            keys.append((os.path.join(directory, kind + '_pem'), kind, '', ['-m', 'PEM']))
            keys.append((os.path.join(directory, kind + '_pem_locked'), kind, 'open sesame', ['-m', 'PEM']))
            keys.append((os.path.join(directory, kind + '_pkcs8'), kind, '', ['-m', 'PKCS8']))
            keys.append((os.path.join(directory, kind + '_pkcs8_locked'), kind, 'open sesame', ['-m', 'PKCS8']))
    for path, kind, passphrase, options in keys:
        make_key(path, kind, passphrase, *options)
    server = world.new_server(authorized=[key[0] for key in keys])
    client = world.new_client(server)
    client.remove('id_ed25519')
    for path, kind, passphrase, _ in keys:
        if not passphrase:
            accepted(world, client, '-i', path)
            continue
        refused(world, client, '-i', path)
        source, there = source_file(world), target(world)
        result = client.talk([(b'enter passphrase', b'wrong\n'), (b'enter passphrase', b'open sesame\n')], '-i', path, source,
                             client.remote(there))
        ended(result, 0)
        check(b'sesame' not in result.out, 'the passphrase was echoed')
    server.stop()


def loose_key_file(world):
    """A private key that others may read is not used, as in ssh(1)."""
    client = world.new_client(world.server)
    key = os.path.join(client.ssh, 'id_ed25519')
    os.chmod(key, 0o644)
    refused(world, client, words=('id_ed25519',))


def password_server(world, pam, servers={}):
    """A server that knows PASSWORD, without any account being made or changed: in a mount name space
    of its own, other files lie over /etc/shadow and sshd's PAM configuration."""
    if pam in servers:
        return servers[pam]
    needs_root()
    user, directory = user_name(), world.fresh('etc')
    hashed = subprocess.run(['openssl', 'passwd', '-6', '-stdin'], input=PASSWORD.encode(), check=True,
                            capture_output=True).stdout.decode().strip()
    shadow, rules = os.path.join(directory, 'shadow'), os.path.join(directory, 'pam')
    with open(shadow, 'w') as file:
        file.write(f'{user}:{hashed}:19000:0:99999:7:::\nsshd:!:19000::::::\n')
    os.chmod(shadow, 0o600)
    with open(rules, 'w') as file:
        file.write('auth required pam_unix.so nodelay\naccount required pam_permit.so\nsession required pam_permit.so\n')
    script = f'mount --bind {shadow} /etc/shadow && '
    if pam:
        script += f'mount --bind {rules} /etc/pam.d/sshd && '
    wrapper = ['unshare', '--mount', 'sh', '-c', script + 'exec "$@"', 'sh']
    options = ['PermitRootLogin yes', f'UsePAM {"yes" if pam else "no"}',
               f'PasswordAuthentication {"no" if pam else "yes"}', f'KbdInteractiveAuthentication {"yes" if pam else "no"}']
    try:
        servers[pam] = world.new_server(options=options, wrapper=wrapper)
    except RuntimeError as error:
        raise Skip(f'no server with a password of its own: {error}') from error
    return servers[pam]


def password_user(world, server):
    client = world.new_client(server)
    client.remove('id_ed25519')
    return client


def password(world, pam):
    client = password_user(world, password_server(world, pam))
    source, there = source_file(world), target(world)
    result = client.talk([(b'password', PASSWORD.encode() + b'\n')], source, client.remote(there))
    succeeded(result)
    check(b'staple' not in result.out, 'the password was echoed')
    check(trees.same_file(source, there), 'the copy differs')
    there = target(world)
    result = client.talk([(b'password', b'wrong\n'), (b'password', PASSWORD.encode() + b'\n')], source,
                         client.remote(there))
    succeeded(result)
    check(trees.same_file(source, there), 'the copy differs')


def wrong_password(world, pam):
    client = password_user(world, password_server(world, pam))
    there = target(world)
    result = client.talk([(b'password', b'wrong\n')] * 10, source_file(world), client.remote(there))
    ended(result, 255)
    check(not os.listdir(os.path.dirname(there)), 'something was written')
    refused(world, client)
    refused(world, client, '-B')


def partial_success(world):
    """publickey and then a password."""
    plain = password_server(world, False)
    server = world.new_server(options=['PermitRootLogin yes', 'PasswordAuthentication yes',
                                       'AuthenticationMethods publickey,password'], wrapper=plain.wrapper)
    client = world.new_client(server)
    source, there = source_file(world), target(world)
    result = client.talk([(b'password', PASSWORD.encode() + b'\n')], source, client.remote(there))
    succeeded(result)
    check(trees.same_file(source, there), 'the copy differs')
    refused(world, client, words=('password',))


def methods_switched_off(world):
    client = world.new_client(world.server)
    refused(world, client, '-o', 'PubkeyAuthentication=no')
    accepted(world, client, '-o', 'PasswordAuthentication=no', '-o', 'KbdInteractiveAuthentication=no')


def unknown_user(world):
    client = world.new_client(world.server)
    there = target(world)
    result = client.cp(source_file(world), b'no-such-user@127.0.0.1:' + there, timeout=30)
    ended(result, 255)
    says(result, 'no-such-user')


def banner_is_escaped(world):
    """What a server shows before authentication is shown, but cannot touch the terminal."""
    path = os.path.join(world.fresh(), 'banner')
    with open(path, 'wb') as file:
        file.write(b'Keep out\n\x1b]0;owned\x07\xff\r\n')
    server = world.new_server(options=[f'Banner {path}'])
    client = world.new_client(server)
    result = client.cp(source_file(world), client.remote(target(world)))
    succeeded(result)
    says(result, 'keep out')
    check(not set(result.err) & {0x1b, 0x07, 0x0d, 0xff}, f'raw control characters: {result}')
    server.stop()


def unreachable(world):
    """No listener, no such host, and no answer within ConnectTimeout."""
    client = world.new_client(world.server, port=1)
    refused(world, client, words=('127.0.0.1', 'refused'))
    result = client.cp(source_file(world), b'no-such-host.invalid:x', timeout=60)
    ended(result, 255)
    says(result, 'no-such-host.invalid')


def tests():
    yield from [wrong_host_key, host_key_among_others, unknown_host, accept_new, accept_new_once, accept_new_too_late, known_by_command, ordered_by_command,
                failing_command, checking_off, asked_on_terminal,
                known_hosts_forms, revoked_key, no_common_algorithm, wrong_key, damaged_key_file,
                key_types_and_formats, loose_key_file, methods_switched_off, unknown_user, banner_is_escaped,
                unreachable]
    for name, pam in (('password', False), ('keyboard-interactive', True)):
        yield f'{name} right', password, (pam,)
        yield f'{name} wrong', wrong_password, (pam,)
    yield partial_success


if __name__ == '__main__':
    sys.exit(main(tests()))

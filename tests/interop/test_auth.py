#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every way to prove who one is, against Debian's sshd: agents, certificates, tokens, several methods."""

import base64
import os
import re
import shutil
import socket
import struct
import subprocess
import sys

import agents
import trees
from agents import ECDSA_SK, ED25519_SK, Agent, SshAgent, Token, string, token_agent
from peers import AuthServer
from sshd import HOST_KEY_KINDS, make_key, public_key, user_name
from suite import Skip, check, ended, main, needs_root, says, succeeded
from test_trust import PASSWORD, password_server

NO_KEYS = ('-o', 'IdentityFile=none')


def source_file(world):
    path = world.path(b'source')
    trees.make_file(path, 5000)
    return path


def accepted(world, client, *options, env=None, timeout=40):
    source, there = source_file(world), world.path(b'target')
    result = client.cp(*options, source, client.remote(there), env=env, timeout=timeout)
    succeeded(result)
    check(trees.same_file(source, there), 'the copy differs')
    return result


def refused(world, client, *options, env=None, words=('permission denied',), timeout=40):
    there = world.path(b'target')
    result = client.cp(*options, source_file(world), client.remote(there), env=env, timeout=timeout)
    ended(result, 255)
    says(result, *words)
    check(not os.listdir(os.path.dirname(there)), 'something was written')
    return result


def user_keys(world, *kinds):
    directory = world.fresh('keys')
    paths = [os.path.join(directory, f'{index}-{kind}') for index, kind in enumerate(kinds)]
    for path, kind in zip(paths, kinds):
        make_key(path, kind)
    return paths


def socket_of(agent):
    return {'SSH_AUTH_SOCK': agent.path}


# ---- The agent ----


def agent_keys(world):
    """Each type of key, with nothing of it in a file."""
    for kind in HOST_KEY_KINDS:
        key, = user_keys(world, kind)
        server = world.new_server(authorized=[key])
        client = world.new_client(server)
        client.remove('id_ed25519')
        with SshAgent(world.fresh(), [key]) as agent:
            accepted(world, client, env=socket_of(agent))
            check('Accepted publickey' in server.log_text(), 'by what?')
            refused(world, client)
            refused(world, client, '-o', 'IdentityAgent=none', env=socket_of(agent))
            refused(world, client, '-o', 'PubkeyAuthentication=no', env=socket_of(agent))
        result = refused(world, client, '-v', env=socket_of(agent))
        says(result, 'agent', 'cannot connect')
        server.stop()


def agent_rsa_digests(world):
    """The digest that the server wants is asked for by a flag; never SHA-1."""
    key, = user_keys(world, 'rsa')
    for algorithm in ('rsa-sha2-256', 'rsa-sha2-512'):
        server = world.new_server(authorized=[key], options=[f'PubkeyAcceptedAlgorithms {algorithm}'])
        client = world.new_client(server)
        client.remove('id_ed25519')
        wanted = ('-o', f'PubkeyAcceptedAlgorithms={algorithm}')
        with SshAgent(world.fresh(), [key]) as agent:
            accepted(world, client, *wanted, env=socket_of(agent))
            result = refused(world, client, '-v', '-o', f'PubkeyAcceptedAlgorithms=-{algorithm[:8]}*', env=socket_of(agent))
            says(result, 'PubkeyAcceptedAlgorithms', '0 keys were tried')
        accepted(world, client, '-i', key, *wanted)
        server.stop()


def agent_sockets(world):
    """IdentityAgent in each of its forms."""
    key, = user_keys(world, 'ed25519')
    server = world.new_server(authorized=[key])
    client = world.new_client(server)
    client.remove('id_ed25519')
    with SshAgent(client.home, [key]) as agent:
        accepted(world, client, '-o', f'IdentityAgent={agent.path}')
        accepted(world, client, '-o', 'IdentityAgent=%d/agent')
        accepted(world, client, '-o', 'IdentityAgent=~/agent')
        accepted(world, client, '-o', 'IdentityAgent=$MY_AGENT', env={'MY_AGENT': agent.path})
        accepted(world, client, '-o', 'IdentityAgent=${MY_AGENT}', env={'MY_AGENT': agent.path})
        accepted(world, client, '-o', 'IdentityAgent=SSH_AUTH_SOCK', env=socket_of(agent))
        refused(world, client, '-o', 'IdentityAgent=$MY_AGENT', env=socket_of(agent))
        refused(world, client, '-o', f'IdentityAgent={agent.path}x', env=socket_of(agent))
        refused(world, client, '-o', 'IdentityAgent=/' + 'x' * 200, words=('too long', 'permission denied'))
    server.stop()


def identities_only(world):
    """Keys of the agent serve only as far as files name them; a public file is enough for that."""
    key, other = user_keys(world, 'ed25519', 'ecdsa256')
    server = world.new_server(authorized=[key])
    client = world.new_client(server)
    client.remove('id_ed25519')
    with SshAgent(world.fresh(), [other, key]) as agent:
        os.rename(key, key + '.away')
        accepted(world, client, '-o', 'IdentitiesOnly=yes', '-i', key, env=socket_of(agent))
        accepted(world, client, '-o', 'IdentitiesOnly=yes', '-i', key + '.pub', env=socket_of(agent))
        refused(world, client, '-o', 'IdentitiesOnly=yes', '-i', other, env=socket_of(agent))
        refused(world, client, '-o', 'IdentitiesOnly=yes', env=socket_of(agent))
        accepted(world, client, '-i', other, env=socket_of(agent))
    server.stop()


def order_as_ssh(world):
    """The same keys in the same order as ssh(1), over files, certificates, agent and IdentitiesOnly."""
    keys = user_keys(world, 'ed25519', 'ecdsa256', 'rsa', 'ecdsa384', 'ed25519', 'ecdsa521')
    authority, = user_keys(world, 'ed25519')
    server = world.new_server(authorized=[authority], options=['MaxAuthTries 60'])
    client = world.new_client(server)
    client.remove('id_ed25519')
    for key in (keys[0], keys[3]):
        certify(authority, key)
    certificate = keys[5] + '-elsewhere.pub'
    os.rename(certify(authority, keys[5]), certificate)
    with SshAgent(world.fresh(), [keys[4], keys[1], keys[3]]) as agent:
        for lines in ([f'IdentityFile {keys[0]}'],
                      [f'IdentityFile {key}' for key in keys[:4]],
                      [f'IdentityFile {key}' for key in keys[:4]] + ['IdentitiesOnly yes'],
                      [f'IdentityFile {keys[3]}', f'IdentityFile {keys[0]}', 'IdentitiesOnly yes'],
                      [f'IdentityFile {keys[1]}.pub', f'IdentityFile {keys[2]}'],
                      [f'IdentityFile {keys[5]}', f'CertificateFile {certificate}', f'IdentityFile {keys[0]}'],
                      [f'IdentityFile {keys[2]}', 'IdentityAgent none']):
            config = client.write('config', '\n'.join(lines) + '\n')
            theirs = subprocess.run(
                ['ssh', '-v', '-F', config, '-p', str(server.port), '-o', 'BatchMode=yes', '-o',
                 f'UserKnownHostsFile={client.ssh}/known_hosts', '127.0.0.1', 'true'], stdin=subprocess.DEVNULL,
                capture_output=True, text=True, env=client.environment(socket_of(agent)), timeout=30)
            ours = refused(world, client, '-v', '-F', config, env=socket_of(agent))
            wanted = re.findall(r'Offering public key: .*? (\S+ SHA256:\S+)', theirs.stderr)
            got = re.findall(r'offering the key (\S+ SHA256:\S+)', ours.text())
            check(wanted and wanted == got, f'{lines}: ssh offers {wanted}, we {got}; {ours}')
    server.stop()


def tokens(world):
    """Keys of FIDO tokens: sshd verifies their signatures, flags and counter included."""
    for kind in (ED25519_SK, ECDSA_SK):
        directory = world.fresh('token')
        token = Token(os.path.join(directory, 'key'), kind)
        server = world.new_server(authorized=[])
        with open(server.authorized, 'w') as file:
            file.write(public_line(token) + '\n')
        client = world.new_client(server)
        client.remove('id_ed25519')
        with Agent(directory, token_agent([token])) as agent:
            accepted(world, client, env=socket_of(agent))
            check(token.counter == 42, f'the token signed {token.counter - 41} times')
            check('-SK ' in server.log_text(), 'by what?')
            # Whether somebody must have touched it is the server's affair.
            token.flags = 0
            refused(world, client, env=socket_of(agent))
            check('user presence' in server.log_text(), server.log_text()[-500:])
            with open(server.authorized, 'w') as file:
                file.write('no-touch-required ' + public_line(token) + '\n')
            accepted(world, client, env=socket_of(agent))
        server.stop()


def public_line(token):
    return f'{token.kind.decode()} {base64.b64encode(token.blob).decode()} a token'


def putty_keys(world):
    """PuTTY's key files, plain and with a passphrase, which is asked for only once the server wants the key."""
    if not shutil.which('puttygen'):
        raise Skip('no puttygen (package putty-tools)')
    for kind, version in (('ed25519', 3), ('rsa', 2), ('ecdsa384', 3)):
        key, stranger = user_keys(world, kind, 'ed25519')
        server = world.new_server(authorized=[key])
        client = world.new_client(server)
        client.remove('id_ed25519')
        for passphrase in ('', 'open sesame'):
            secret = os.path.join(client.home, 'secret')
            with open(secret, 'w') as file:
                file.write(passphrase + '\n' if passphrase else '')
            ppk, other = os.path.join(client.home, 'key.ppk'), os.path.join(client.home, 'other.ppk')
            for source, path in ((key, ppk), (stranger, other)):
                subprocess.run(['puttygen', source, '-O', 'private', '-o', path, '--new-passphrase', secret,
                                '--ppk-param', f'version={version}'], check=True, stdin=subprocess.DEVNULL)
                os.chmod(path, 0o600)
            if not passphrase:
                accepted(world, client, '-i', other, '-i', ppk)
                os.chmod(ppk, 0o644)
                refused(world, client, '-i', ppk, words=('permissions 0644', 'permission denied'))
                continue
            source, there = source_file(world), world.path(b'target')
            result = client.talk([(b'passphrase', b'wrong\n'), (b'passphrase', b'open sesame\n')], '-i', other, '-i', ppk,
                                 source, client.remote(there))
            succeeded(result)
            check(trees.same_file(source, there) and b'other.ppk' not in result.out, f'{result}')
        server.stop()


# ---- Certificates ----


def certify(authority, key, *options, principal=None, identity='me'):
    """Have AUTHORITY sign KEY.pub; the certificate's path."""
    subprocess.run(['ssh-keygen', '-q', '-s', authority, '-I', identity, '-n', principal or user_name(), *options,
                    key + '.pub'], check=True, capture_output=True)
    return key + '-cert.pub'


def authority_server(world, authority, *options, **more):
    return world.new_server(authorized=[], options=[f'TrustedUserCAKeys {authority}.pub', *options], **more)


def blob_of(path):
    with open(path) as file:
        return base64.b64decode(file.read().split()[1])


def certificates(world):
    """Each type of key and of authority: beside the key, by CertificateFile, in the agent."""
    kinds = list(HOST_KEY_KINDS)
    for kind, authority_kind in zip(kinds, kinds[1:] + kinds[:1]):
        key, authority = user_keys(world, kind, authority_kind)
        server = authority_server(world, authority)
        client = world.new_client(server)
        client.remove('id_ed25519')
        refused(world, client, '-i', key)
        certificate = certify(authority, key, identity='a name for the log')
        accepted(world, client, '-i', key)
        check('a name for the log' in server.log_text(), 'logged in without the certificate')
        elsewhere = os.path.join(client.home, 'elsewhere')
        os.rename(certificate, elsewhere)
        refused(world, client, '-i', key)
        accepted(world, client, '-i', key, '-o', f'CertificateFile={elsewhere}')
        os.rename(elsewhere, certificate)
        with SshAgent(world.fresh(), [key]) as agent:
            os.rename(key, key + '.away')
            accepted(world, client, env=socket_of(agent))
            # The agent holds it; files say only that it is to be used.
            accepted(world, client, '-o', 'IdentitiesOnly=yes', '-i', key, env=socket_of(agent))
            accepted(world, client, '-o', 'IdentitiesOnly=yes', '-o', f'CertificateFile={certificate}', '-i', key,
                     env=socket_of(agent))
        server.stop()


def certificate_digests(world):
    """RSA certificates with each digest."""
    key, authority = user_keys(world, 'rsa', 'rsa')
    certify(authority, key)
    for algorithm in ('rsa-sha2-256', 'rsa-sha2-512'):
        name = algorithm + '-cert-v01@openssh.com'
        server = authority_server(world, authority, f'PubkeyAcceptedAlgorithms {name}')
        client = world.new_client(server)
        client.remove('id_ed25519')
        accepted(world, client, '-i', key, '-o', f'PubkeyAcceptedAlgorithms={name}')
        with SshAgent(world.fresh(), [key]) as agent:
            accepted(world, client, '-o', f'PubkeyAcceptedAlgorithms={name}', env=socket_of(agent))
        server.stop()


def certificates_that_do_not_do(world):
    """What the server refuses is refused; what is no user's certificate is not even offered."""
    key, authority, other = user_keys(world, 'ed25519', 'ed25519', 'ecdsa256')
    server = authority_server(world, authority)
    client = world.new_client(server)
    client.remove('id_ed25519')
    for options in (['-V', '-2d:-1d'], ['-V', '+1d:+2d'], ['-O', 'source-address=192.0.2.0/24']):
        certify(authority, key, *options)
        refused(world, client, '-i', key)
    certify(authority, key, principal='somebody-else')
    refused(world, client, '-i', key)
    certify(other, key)
    refused(world, client, '-i', key)
    certify(authority, key, '-h')
    says(refused(world, client, '-v', '-i', key), "no user's certificate")
    path = certify(authority, key)
    accepted(world, client, '-i', key)
    for text in (b'', b'junk', open(path, 'rb').read()[:-40], open(path, 'rb').read().replace(b'AAAA', b'AAAB', 1)):
        with open(path, 'wb') as file:
            file.write(text)
        says(refused(world, client, '-i', key), '-cert.pub')
        says(refused(world, client, '-o', f'CertificateFile={path}', '-i', key), '-cert.pub')
    refused(world, client, '-i', key, '-o', 'CertificateFile=/nonexistent', words=('/nonexistent', 'permission denied'))
    # A certificate without any private half is passed over.
    certify(authority, key)
    os.unlink(key)
    says(refused(world, client, '-v', '-i', key), 'neither in a file nor in an agent')
    server.stop()


def certificate_of_a_locked_key(world):
    """The passphrase of the key is asked for once the server wants the certificate, and only then."""
    key = os.path.join(world.fresh('keys'), 'key')
    pem = key + '-pem'
    authority, = user_keys(world, 'ed25519')
    make_key(key, 'ed25519', 'open sesame')
    make_key(pem, 'ecdsa256', 'open sesame', '-m', 'PEM')
    server = authority_server(world, authority)
    for path in (key, pem):
        certify(authority, path)
        client = world.new_client(server)
        client.remove('id_ed25519')
        for beside in (True, False):
            if not beside:
                # Now only its name says that encrypted PEM and certificate belong together.
                os.unlink(path + '.pub')
            options = ['-o', f'CertificateFile={path}-cert.pub'] if beside else []
            source, there = source_file(world), world.path(b'target')
            dialogue = [(b'enter passphrase', b'wrong\n'), (b'enter passphrase', b'open sesame\n')]
            result = client.talk(dialogue, '-i', path, *options, source, client.remote(there))
            succeeded(result)
            check(trees.same_file(source, there), 'the copy differs')
    server.stop()


def token_certificates(world):
    for kind in (ED25519_SK, ECDSA_SK):
        directory = world.fresh('token')
        token = Token(os.path.join(directory, 'key'), kind)
        authority, = user_keys(world, 'ed25519')
        with open(token.path + '.pub', 'w') as file:
            file.write(public_line(token) + '\n')
        token.certificate = blob_of(certify(authority, token.path))
        server = authority_server(world, authority)
        client = world.new_client(server)
        client.remove('id_ed25519')
        with Agent(directory, token_agent([token])) as agent:
            accepted(world, client, env=socket_of(agent))
        # The certificate in a file, the plain key in the agent.
        path = os.path.join(client.home, 'certificate')
        os.rename(token.path + '-cert.pub', path)
        token.certificate = None
        with Agent(world.fresh(), token_agent([token])) as agent:
            accepted(world, client, '-o', f'CertificateFile={path}', env=socket_of(agent))
        server.stop()


# ---- Agents that misbehave ----


def bad_agents(world):
    """An agent that breaks the rules costs a note, and the login goes on with the files."""
    key = world.keys.client
    with open(key + '.pub') as file:
            blob = base64.b64decode(file.read().split()[1])
    listed = bytes([agents.IDENTITIES_ANSWER]) + struct.pack('>I', 1) + string(blob) + string(b'x')
    answers = {
        'hangs up': None,
        'a huge answer': b'\xff\xff\xff\xff\x0c',
        'an answer over the limit': struct.pack('>I', 256 * 1024 + 1) + b'\x0c',
        'an empty answer': bytes(4),
        'another message': string(b'\x0e\0\0\0\0'),
        'no count': string(b'\x0c\0\0'),
        'too many keys': string(b'\x0c\xff\xff\xff\xff'),
        'more keys than there are': string(bytes([12]) + struct.pack('>I', 2) + listed[5:]),
        'fewer': string(listed + b'\0'),
        'a key that is cut': string(listed[:-3]),
        'a length that lies': string(bytes([12]) + struct.pack('>II', 1, 0x7fffffff) + blob),
        'noise': string(os.urandom(5000)),
        'an end in the middle': string(listed)[:20],
    }
    client = world.new_client(world.server)
    for what, answer in answers.items():
        state = {'sent': False}

        def reply(number, body, answer=answer, state=state):
            if what == 'an end in the middle' and state['sent']:
                return None
            state['sent'] = True
            return answer
        with Agent(world.fresh(), reply) as agent:
            result = accepted(world, client, env=socket_of(agent), timeout=20)
            check(b'agent' in result.err and b'going on' in result.err, f'{what}: {result}')
            check(result.seconds < 8, f'{what}: {result}')
    for what, body in (('refuses', bytes([agents.FAILURE])), ('keys of no known type', bytes([12]) + struct.pack(
            '>I', 2) + string(string(b'ssh-unknown') + b'zz') + string(b'') + string(b'') + string(b''))):
        with Agent(world.fresh(), lambda number, _, body=body: string(body)) as agent:
            accepted(world, client, env=socket_of(agent))


def agent_hangs(world):
    """One that says nothing: five seconds, then on; also when its queue is full and it accepts nobody."""
    client = world.new_client(world.server)
    with Agent(world.fresh(), lambda *_: b'') as agent:
        result = accepted(world, client, env=socket_of(agent))
        says(result, 'agent', 'in time', 'going on')
        check(4 < result.seconds < 15, f'{result}')
    path = os.path.join(world.fresh(), 'agent')
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        waiting = []
        try:
            while True:
                waiting.append(socket.socket(socket.AF_UNIX))
                waiting[-1].setblocking(False)
                waiting[-1].connect(path)
        except BlockingIOError:
            pass
        result = accepted(world, client, env={'SSH_AUTH_SOCK': path})
        says(result, 'agent', 'in time', 'going on')
        check(4 < result.seconds < 15, f'{result}')
        for each in waiting:
            each.close()


def bad_signatures(world):
    """Signatures that are none: they are not sent, and the next key has its turn."""
    key, = user_keys(world, 'ecdsa256')
    blob = blob_of(key + '.pub')
    listed = string(bytes([12]) + struct.pack('>I', 1) + string(blob) + string(b'x'))
    right = string(b'ecdsa-sha2-nistp256')
    server = world.new_server(authorized=[key, world.keys.client])
    client = world.new_client(server)
    for body in (bytes([agents.FAILURE]), bytes([14]), bytes([14]) + string(b''), bytes([14]) + string(right),
                 bytes([14]) + string(right + string(b'')), bytes([14]) + string(right + string(os.urandom(70))),
                 bytes([14]) + string(string(b'ssh-ed25519') + string(bytes(64))), b'\x0c\0\0\0\0', None):
        def answer(number, _, body=body):
            return listed if number == agents.REQUEST_IDENTITIES else body and string(body)
        with Agent(world.fresh(), answer) as agent:
            at = server.log_size()
            result = accepted(world, client, env=socket_of(agent))
            says(result, 'agent')
            check(agents.SIGN_REQUEST in agent.requests, 'it was not asked to sign')
            check('Failed publickey' not in server.log_text(at), f'{body}: the server saw a bad signature')
    server.stop()


# ---- Passwords that have expired, prompts in rounds ----


def auth_server(world, trait):
    reason = AuthServer.missing()
    if reason:
        raise Skip(reason)
    server = AuthServer(world, trait=trait)
    return server, world.new_client(server)


def expired_password(world):
    """The new password is asked for twice, and again if the two differ or the server wants another."""
    server, client = auth_server(world, 'change')
    client.remove('id_ed25519')
    old, new, again = (b'password: ', b'old\n'), b'new password: ', b'retype new password: '
    source, there = source_file(world), world.path(b'target')
    result = client.talk([old, (new, b'fresh\n'), (again, b'fresh\n')], source, client.remote(there))
    succeeded(result)
    check(trees.same_file(source, there), 'the copy differs')
    check(b'It is \\033[31mtoo old' in result.out and b'\x1b[31m' not in result.out, f'{result}')
    check(b'fresh' not in result.out, 'the password was echoed')
    check('change old fresh' in server.log_text(), server.log_text())
    result = client.talk([old, (new, b'fresh\n'), (again, b'frish\n'), (new, b'weak\n'), (again, b'weak\n'), (new, b'fresh\n'), (again, b'fresh\n')], source, client.remote(there))
    succeeded(result)
    check(b'differ' in result.out and b'too weak' in result.out, f'{result}')
    at = server.log_size()
    for answers in ([(new, b'bad\n'), (again, b'bad\n')], [(new, b'\n'), (again, b'\n')],
                    [(new, b'a\n'), (again, b'b\n')] * 3):
        result = client.talk([old, *answers], '-o', 'NumberOfPasswordPrompts=1', source, client.remote(there), timeout=20)
        ended(result, 255)
    check('change old a' not in server.log_text(at) and 'change old \n' not in server.log_text(at), server.log_text(at))


def prompts_in_rounds(world):
    """keyboard-interactive with several rounds: names, instructions, no prompts, two prompts, echo."""
    server, client = auth_server(world, 'rounds')
    client.remove('id_ed25519')
    source, there = source_file(world), world.path(b'target')
    result = client.talk([(b'first: ', b'one\n'), (b'second ', b'two\n'), (b'third: ', b'three\n')], source,
                         client.remote(there))
    succeeded(result)
    check(trees.same_file(source, there), 'the copy differs')
    for word in (b'name', b'Do as\r\nyou', b'Nothing to answer', b'Again', b'two'):
        check(word in result.out, f'{word}: {result}')
    check(b'one' not in result.out and b'three' not in result.out, 'what is secret was echoed')
    check(b'\x1b[1m' not in result.out and b'\x07' not in result.out, 'escapes of the server arrived')
    answers = [line for line in server.log_text().splitlines() if line.startswith('responses')]
    check(answers == ['responses ["one"]', 'responses []', 'responses ["two", "three"]'], f'{answers}')
    # Nobody to ask: not even begun.
    refused(world, client)
    dialogue = [(b'first: ', b'one\n'), (b'second ', b'x\n'), (b'third: ', b'y\n')]
    result = client.talk(dialogue * 4, '-o', 'NumberOfPasswordPrompts=2', source, client.remote(there), timeout=20)
    ended(result, 255)
    check(server.log_text().count('responses ["x", "y"]') == 2, server.log_text())


# ---- Several methods, one after the other ----


def offered_keys(result):
    return re.findall(r'offering the key \S+ (SHA256:\S+)', result.text() + result.out.decode(errors='replace'))


def fingerprint(key):
    return subprocess.run(['ssh-keygen', '-l', '-f', key + '.pub'], check=True, capture_output=True,
                          text=True).stdout.split()[1]


def two_keys(world):
    """publickey,publickey: a key that has served is not tried again, those that were refused are."""
    first, second, stranger = user_keys(world, 'ed25519', 'ecdsa256', 'rsa')
    server = world.new_server(authorized=[first, second], options=['AuthenticationMethods publickey,publickey'])
    client = world.new_client(server)
    client.remove('id_ed25519')
    at = server.log_size()
    result = accepted(world, client, '-v', '-i', first, '-i', second)
    check(offered_keys(result) == [fingerprint(first), fingerprint(second)], f'{result}')
    check('Partial publickey' in server.log_text(at) and 'Accepted publickey' in server.log_text(at), 'in one step')
    result = accepted(world, client, '-v', '-i', stranger, '-i', first, '-i', second)
    check(offered_keys(result) == [fingerprint(key) for key in (stranger, first, stranger, second)], f'{result}')
    result = refused(world, client, '-v', '-i', first, '-i', stranger)
    check(offered_keys(result).count(fingerprint(first)) == 1, f'{result}')
    with SshAgent(world.fresh(), [second, first]) as agent:
        result = accepted(world, client, '-v', env=socket_of(agent))
        check(offered_keys(result) == [fingerprint(second), fingerprint(first)], f'{result}')
    # A certificate and its key are one key.
    certify(stranger, first)
    refused(world, client, '-i', first)
    server.stop()


def key_and_more(world):
    """A key and what a person types, in either order, with and without PAM."""
    plain, pam = password_server(world, False), password_server(world, True)
    word, wrong = PASSWORD.encode() + b'\n', b'wrong\n'
    for base, methods, dialogue in (
            (plain, 'publickey,password', [(b'password: ', word)]),
            (plain, 'password,publickey', [(b'password: ', word)]),
            (plain, 'publickey,password', [(b'password: ', wrong), (b'password: ', word)]),
            (pam, 'publickey,keyboard-interactive:pam', [(b'password: ', word)]),
            (pam, 'keyboard-interactive:pam,publickey', [(b'password: ', wrong), (b'password: ', word)]),
            (pam, 'publickey,keyboard-interactive,publickey', [(b'password: ', word)])):
        keys = user_keys(world, 'ed25519', 'ecdsa256')
        server = world.new_server(authorized=keys, wrapper=base.wrapper, options=[
            'PermitRootLogin yes', f'UsePAM {"yes" if base is pam else "no"}', 'PasswordAuthentication yes',
            'KbdInteractiveAuthentication yes', f'AuthenticationMethods {methods}'])
        client = world.new_client(server)
        client.remove('id_ed25519')
        source, there = source_file(world), world.path(b'target')
        result = client.talk(dialogue, '-v', '-i', keys[0], '-i', keys[1], source, client.remote(there), timeout=30)
        check(result.status == 0, f'{methods}: {result}')
        check(trees.same_file(source, there), 'the copy differs')
        used = offered_keys(result)
        # The first attempt is made before the server has said that a key is not what it wants first.
        check(len(used) == len(set(used)) + (not methods.startswith('publickey')), f'{methods}: {used}')
        check('Partial' in server.log_text(), 'in one step')
        refused(world, client, '-i', keys[0], '-i', keys[1])
        server.stop()


def preferred_authentications(world):
    pam = password_server(world, True)
    server = world.new_server(wrapper=pam.wrapper, options=[
        'PermitRootLogin yes', 'UsePAM yes', 'PasswordAuthentication yes', 'KbdInteractiveAuthentication yes'])
    client = world.new_client(server)
    word = PASSWORD.encode() + b'\n'
    for preferred, used in (('password,publickey', 'password'), ('keyboard-interactive', 'keyboard-interactive/pam'),
                            ('gssapi-with-mic,hostbased,password', 'password'), ('publickey,password', 'publickey')):
        at = server.log_size()
        result = client.talk([(b'password: ', word)], '-o', f'PreferredAuthentications={preferred}', source_file(world),
                             client.remote(world.path(b'target')))
        succeeded(result)
        check(f'Accepted {used}' in server.log_text(at), f'{preferred}: {server.log_text(at)}')
    refused(world, client, '-o', 'PreferredAuthentications=password')
    refused(world, client, '-o', 'PreferredAuthentications=hostbased')
    for count in (1, 2):
        at = server.log_size()
        result = client.talk([(b'password: ', b'wrong\n')] * 5, '-o', 'PreferredAuthentications=password', '-o',
                             f'NumberOfPasswordPrompts={count}', source_file(world), client.remote(world.path(b'target')))
        ended(result, 255)
        check(server.log_text(at).count('Failed password') == count, server.log_text(at))
    server.stop()


def expired_by_pam(world):
    """An expired password that PAM has changed, by prompts of keyboard-interactive."""
    needs_root()
    directory, user = world.fresh('etc'), user_name()
    subprocess.run(['cp', '-a', '/etc/.', directory], check=True)
    hashed = subprocess.run(['openssl', 'passwd', '-6', '-stdin'], input=b'old secret', check=True,
                            capture_output=True).stdout.decode().strip()
    with open(os.path.join(directory, 'shadow'), 'w') as file:
        file.write(f'{user}:{hashed}:0:0:99999:7:::\nsshd:!:19000::::::\n')
    with open(os.path.join(directory, 'pam.d', 'sshd'), 'w') as file:
        file.write('auth required pam_unix.so nodelay\naccount required pam_unix.so\npassword required pam_unix.so sha512\n'
                   'session required pam_permit.so\n')
    try:
        server = world.new_server(
            wrapper=['unshare', '--mount', 'sh', '-c', f'mount --bind {directory} /etc && exec "$@"', 'sh'],
            options=['PermitRootLogin yes', 'UsePAM yes', 'KbdInteractiveAuthentication yes'])
    except RuntimeError as error:
        raise Skip(f'no server with a configuration of its own: {error}') from error
    client = world.new_client(server)
    client.remove('id_ed25519')
    new = b'quite 1 other Thing\n'
    source, there = source_file(world), world.path(b'target')
    result = client.talk([(b'password: ', b'old secret\n'), (b'current password: ', b'old secret\n'), (b'new password: ', new),
                          (b'retype new password: ', new)], source, client.remote(there))
    succeeded(result)
    check(trees.same_file(source, there) and b'required to change' in result.out, f'{result}')
    result = client.talk([(b'password: ', new)], source, client.remote(there))
    succeeded(result)
    server.stop()


# ---- Servers that misbehave ----


def hostile_logins(world):
    """Rules of RFC 4252 and RFC 4256 broken in one way each: an end with a reason, in time, and nothing copied."""
    key = os.path.join(world.fresh('keys'), 'locked')
    make_key(key, 'ed25519', 'open sesame')
    words = {'pk-ok-other-key': 'message 60', 'pk-ok-other-algorithm': 'message 60', 'pk-ok-cut': 'message 60',
             'pk-ok-twice': '', 'success-for-a-question': 'before it was given proof',
             'thousands-of-prompts': 'message 60', 'promised-prompts': 'message 60',
             'success-before-answers': '', 'prompts-twice': 'the server ask',
             'endless-rounds': 'in one attempt', 'endless-list': '', 'empty-names': '', 'binary-list': '',
             'list-cut': '', 'unknown-methods': 'permission denied', 'failures-unasked': '', 'always-partial': '',
             'success-twice': '', 'success-with-more': '', 'banner-flood': 'banner', 'banners': 'permission denied'}
    for trait, word in words.items():
        server, client = auth_server(world, trait)
        client.write('id_ed25519', open(key, 'rb').read(), mode=0o600)
        there = world.path(b'target')
        result = client.talk([(b': ', b'open sesame\n')] * 8, source_file(world), client.remote(there), timeout=30)
        check(result.status == 255, f'{trait}: {result}')
        check(word.encode() in result.out, f'{trait}: {result}')
        check(b'\x1b' not in result.out, f'{trait}: escapes of the server arrived: {result}')
        check(len(result.out) < 200_000, f'{trait}: {len(result.out)} bytes')
        check(not os.listdir(os.path.dirname(there)), 'something was written')
        server.stop()


if __name__ == '__main__':
    main([agent_keys, agent_rsa_digests, agent_sockets, identities_only, order_as_ssh, tokens, putty_keys, certificates,
          certificate_digests, certificates_that_do_not_do, certificate_of_a_locked_key, token_certificates, bad_agents,
          agent_hangs, bad_signatures, expired_password, prompts_in_rounds, two_keys, key_and_more,
          preferred_authentications, expired_by_pam, hostile_logins])

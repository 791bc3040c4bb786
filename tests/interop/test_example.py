#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The example programs of the documentation do what they say.

usage: test_example.py HAWSER EXAMPLE     EXAMPLE: one of the programs, named example-NAME; the others lie beside it
"""

import os
import subprocess
import sys

import trees
from agents import SshAgent
from sshd import make_key, public_key, user_name
from suite import check, main

EXAMPLES = os.path.dirname(os.path.abspath(sys.argv.pop())) if len(sys.argv) > 2 else ''
HOST = b'127.0.0.1'
seen = set()


def run(world, name, *arguments, status=0, data=b'', client=None):
    """Run example NAME and return what it printed; without an error nothing is on standard error."""
    seen.add(name)
    done = subprocess.run([os.path.join(EXAMPLES, 'example-' + name), *arguments], input=data, capture_output=True,
                          env=(client or world.client).environment(), timeout=30)
    check(done.returncode == status, f'expected status {status}: {done}')
    check(status or not done.stderr or name in ('exec', 'stream'), f'{done}')
    return done


def port(world):
    return str(world.server.port).encode()


def stranger(world):
    """A user who knows no host and has no key."""
    return world.new_client()


def fingerprint(path):
    return subprocess.run(['ssh-keygen', '-l', '-f', path], check=True, capture_output=True,
                          text=True).stdout.split()[1]


def server_fingerprint(world):
    return fingerprint(world.keys.host['ed25519'] + '.pub')


def usage(world):
    """Without arguments each says what it wants."""
    for name in sorted(os.listdir(EXAMPLES)):
        if name.startswith('example-') and not name.endswith('.p'):
            done = run(world, name.removeprefix('example-'), status=2)
            check(done.stderr.startswith(b'usage: '), f'{done}')
    seen.clear()


def put_copies(world):
    source, target = world.path(b'source'), world.path(b'target')
    trees.make_file(source, 3_000_003)
    run(world, 'put', HOST, port(world), source, target)
    check(trees.same_file(source, target), 'the copy differs')


def put_explains(world):
    source = world.path(b'source')
    trees.make_file(source, 10)
    done = run(world, 'put', HOST, port(world), source, b'/nonexistent/directory/file', status=1)
    check(b'no such file' in done.stderr.lower(), f'{done}')
    done = run(world, 'put', HOST, port(world), source, b'file', status=1, client=stranger(world))
    check(HOST in done.stderr, f'{done}')


def client_says_what(world):
    done = run(world, 'client', HOST, port(world))
    check(b'SSH-2.0-OpenSSH' in done.stdout and server_fingerprint(world).encode() in done.stdout, f'{done}')
    check(b'(strict)' in done.stdout, f'{done}')


def client_asks(world):
    """The unknown host is asked about; "no" ends it, "yes" leads to the login and is remembered."""
    client = stranger(world)
    done = run(world, 'client', HOST, port(world), status=1, data=b'no\n', client=client)
    check(server_fingerprint(world).encode() in done.stderr, f'{done}')
    with open(world.keys.client, 'rb') as key:
        client.write('id_ed25519', key.read(), mode=0o600)
    run(world, 'client', HOST, port(world), status=1, data=b'perhaps\n', client=client)
    seen.add('client')
    program = [os.path.join(EXAMPLES, 'example-client'), HOST, port(world)]
    for typed in (b'yes\n', b''):
        done = subprocess.run(program, input=typed, capture_output=True, env=client.environment(), timeout=30)
        check(done.returncode == 0 and b'server:' in done.stdout, f'{done}')
    check(not done.stderr, f'the host is known by now: {done}')


def exec_runs(world):
    done = run(world, 'exec', HOST, port(world), 'echo out; echo err >&2; exit 7', status=7)
    # The start-up files of the user's shell may say something first.
    check(done.stdout.endswith(b'out\n') and done.stderr.endswith(b'err\n') and b'out' not in done.stderr, f'{done}')
    done = run(world, 'exec', HOST, port(world), 'cat; head -c 3000000 /dev/zero')
    check(done.stdout == bytes(3_000_000), f'{len(done.stdout)} bytes: {done.stderr}')
    done = run(world, 'exec', HOST, port(world), 'kill -KILL $$', status=255)
    check(b'KILL' in done.stderr, f'{done}')
    run(world, 'exec', HOST, port(world), 'true', status=255, client=stranger(world))


def sftp_lists(world):
    directory = world.path(b'tree')
    os.makedirs(directory)
    trees.make_file(os.path.join(directory, b'a file'), 1234)
    trees.make_file(os.path.join(directory, b'\x1b[31m'), 1)
    done = run(world, 'sftp', HOST, port(world), 'list', directory)
    check(b'100644         1234 a file\n' in done.stdout, f'{done}')
    check(b'\\033[31m' in done.stdout and b'\x1b' not in done.stdout, f'{done}')
    done = run(world, 'sftp', HOST, port(world), 'list', '/nonexistent', status=1)
    check(b'no such file' in done.stderr.lower(), f'{done}')


def sftp_gets(world):
    source, target = world.path(b'source'), world.path(b'target')
    for size in (0, 1, 4 << 20, 9_000_001):
        trees.make_file(source, size)
        run(world, 'sftp', HOST, port(world), 'get', source, target)
        check(trees.same_file(source, target), f'the copy of {size} bytes differs')
    run(world, 'sftp', HOST, port(world), 'get', b'/nonexistent', target, status=1)
    done = run(world, 'sftp', HOST, port(world), 'get', source, b'/nonexistent/f', status=1)
    check(b'/nonexistent/f' in done.stderr, f'{done}')


def config_tells(world):
    client = stranger(world)
    client.write('config', 'Host far\n  HostName far.example\n  User someone\n  Port 2222\n  IdentityFile ~/.ssh/k\n')
    done = run(world, 'config', 'far', 'Ciphers=aes256-ctr', client=client)
    for line in ('far is someone@far.example, port 2222', f'key {client.ssh}/k', 'ciphers aes256-ctr'):
        check(line.encode() + b'\n' in done.stdout, f'no {line!r}: {done}')
    client.write('config', 'Host far\n  NoSuchKeyword yes\n')
    done = run(world, 'config', 'far', status=1, client=client)
    check(b'config' in done.stderr and b'2' in done.stderr and b'NoSuchKeyword' in done.stderr, f'{done}')


def keys_are_keys(world):
    """ssh-keygen reads what is made; a signature holds for its data only."""
    for kind, passphrase in (('ed25519', []), ('ecdsa', []), ('rsa', ['a passphrase'])):
        path, signature = world.path(b'key'), world.path(b'signature')
        done = run(world, 'key', 'new', kind, path, *passphrase)
        check(fingerprint(path + b'.pub').encode() in done.stdout, f'{done}')
        public = subprocess.run(['ssh-keygen', '-y', '-P', ''.join(passphrase), '-f', path], check=True,
                                capture_output=True).stdout
        with open(path + b'.pub', 'rb') as file:
            check(file.read().split()[:2] == public.split()[:2], 'the halves differ')
        done = run(world, 'key', 'sign', path, *passphrase, data=b'some data')
        with open(signature, 'wb') as file:
            file.write(done.stdout)
        run(world, 'key', 'verify', path + b'.pub', signature, data=b'some data')
        run(world, 'key', 'verify', path + b'.pub', signature, data=b'other data', status=1)
    run(world, 'key', 'sign', path, 'wrong', data=b'x', status=1)
    run(world, 'key', 'new', 'ed25519', path, status=1)


def known_hosts_judge(world):
    """ssh-keygen finds what is added, and the other way round."""
    known = world.path(b'known_hosts')
    key, other = world.keys.host['ed25519'] + '.pub', world.fresh() + '/other'
    make_key(other)
    run(world, 'known-hosts', known, 'some.host', '2222', key, status=1)
    run(world, 'known-hosts', known, 'some.host', '2222', key, 'add')
    subprocess.run(['ssh-keygen', '-F', '[some.host]:2222', '-f', known], check=True, capture_output=True)
    done = run(world, 'known-hosts', known, 'some.host', '2222', key)
    check(done.stdout == b'known by ' + known + b':1\n', f'{done}')
    done = run(world, 'known-hosts', known, 'some.host', '2222', other + '.pub', status=3)
    check(fingerprint(key).encode() in done.stdout, f'{done}')
    with open(known, 'a') as file, open(key) as revoked:
        file.write('@revoked * ' + revoked.read())
    run(world, 'known-hosts', known, 'some.host', '2222', key, status=3)


def certificates_are_judged(world):
    """A host certificate, by its authority or by the key inside."""
    directory = world.fresh('certificates')
    ca, host = (os.path.join(directory, name) for name in ('ca', 'host'))
    known = os.path.join(directory, 'known_hosts')
    for path in (ca, host):
        make_key(path)
    subprocess.run(['ssh-keygen', '-q', '-s', ca, '-I', 'an id', '-h', '-n', 'some.host', host + '.pub'], check=True)
    certificate = host + '-cert.pub'
    with open(known, 'w') as file:
        file.write('@cert-authority *.host,some.host ' + public_key(ca) + '\n')
    done = run(world, 'known-hosts', known, 'some.host', '22', certificate)
    check(b'"an id"' in done.stdout and f'{known}:1'.encode() in done.stdout, f'{done}')
    done = run(world, 'known-hosts', known, 'other.host', '22', certificate, status=1)
    check(b'not for that name' in done.stdout and b'not known' in done.stdout, f'{done}')
    with open(known, 'a') as file:
        file.write('other.host ' + public_key(host) + '\n')
    done = run(world, 'known-hosts', known, 'other.host', '22', certificate)
    check(f'known by {known}:2'.encode() in done.stdout, f'{done}')
    with open(known, 'a') as file:
        file.write('@revoked * ' + public_key(ca) + '\n')
    run(world, 'known-hosts', known, 'some.host', '22', certificate, status=3)


def loop_of_several(world):
    """Two that answer, one that does not exist."""
    other = world.new_server()
    world.client.write('known_hosts', world.server.known_hosts() + other.known_hosts())
    good = [f'127.0.0.1:{server.port}' for server in (world.server, other)]
    other_line = b': SSH-2.0-OpenSSH'
    done = run(world, 'loop', *good)
    check(all(place.encode() + other_line in done.stdout for place in good), f'{done}')
    done = run(world, 'loop', good[0], '127.0.0.1:1', status=1)
    check(good[0].encode() + other_line in done.stdout and b'127.0.0.1:1: ' in done.stdout, f'{done}')


def transport_by_fingerprint(world):
    arguments = [HOST, port(world), user_name(), world.keys.client]
    # Without known hosts to go by the library's first choice of a key decides.
    done = run(world, 'transport', *arguments, server_fingerprint(world))
    check(b'logged in to SSH-2.0-OpenSSH' in done.stdout and b'ssh-ed25519' in done.stdout, f'{done}')
    run(world, 'transport', *arguments, 'SHA256:' + 'A' * 43, status=1)
    make_key(os.path.join(world.fresh(), 'other'))
    done = run(world, 'transport', *arguments[:3], os.path.join(world.top, f'd{world.number}', 'other'),
               server_fingerprint(world), status=1)
    check(b'the server would take: publickey' in done.stderr, f'{done}')


def tunnel_leads_on(world):
    """By a host that may be jumped over to another one, whose key only the user knows; and by one that refuses."""
    far = world.new_server()
    client = world.new_client(world.server)
    client.write('known_hosts', world.server.known_hosts() + far.known_hosts())
    client.write('config', f'Host near\n HostName 127.0.0.1\n Port {world.server.port}\n')
    before = world.server.log_text().count('Accepted publickey')
    done = run(world, 'tunnel', b'near', HOST, str(far.port).encode(), 'echo behind; exit 3', status=3, client=client)
    check(done.stdout == b'behind\n' and world.server.log_text().count('Accepted publickey') == before + 1, f'{done}')
    client.write('known_hosts', world.server.known_hosts())
    done = run(world, 'tunnel', b'near', HOST, str(far.port).encode(), 'true', status=1, client=client)
    check(b'not known' in done.stderr, f'{done}')
    far.stop()
    done = run(world, 'tunnel', b'near', HOST, str(far.port).encode(), 'true', status=1, client=client)
    check(b'refused' in done.stderr.lower(), f'{done}')


def stream_of_a_command(world):
    """Over a command that relays to the server, and over some that do not."""
    arguments = [user_name(), world.keys.client, server_fingerprint(world)]
    script = ('import os,socket,threading,sys\n'
              's=socket.create_connection(("127.0.0.1",int(sys.argv[1])))\n'
              'def up():\n'
              '  while d:=os.read(0,65536): s.sendall(d)\n'
              '  s.shutdown(1)\n'
              'threading.Thread(target=up,daemon=True).start()\n'
              'while d:=s.recv(65536): os.write(1,d)\n')
    done = run(world, 'stream', *arguments, sys.executable, '-c', script, port(world))
    check(done.stdout == b'logged in\n' and b'carried ' in done.stderr, f'{done}')
    for command in (['false'], ['/nonexistent/command'], ['echo', 'SSH-1.0-no']):
        done = run(world, 'stream', *arguments, *command, status=1)
        check(b'stream: ' in done.stderr, f'{done}')


def agent_signs_and_logs_in(world):
    """Which of the agent's keys signs and logs in is the program's choice; then comes what ssh would try."""
    other = os.path.join(world.fresh(), 'other')
    make_key(other, 'rsa')
    with SshAgent(world.fresh(), [other, world.keys.client]) as agent:
        client, nobody = world.new_client(world.server), world.new_client()
        for user in (client, nobody):
            user.extra['SSH_AUTH_SOCK'] = agent.path
        client.remove('id_ed25519')
        names = [fingerprint(key + '.pub') for key in (other, world.keys.client)]
        done = run(world, 'agent', 'list', client=client)
        check([line.split()[0] for line in done.stdout.decode().splitlines()] == names, f'{done}')
        done = run(world, 'agent', 'sign', names[0], 'text', client=client)
        check(b'rsa-sha2-512' in bytes.fromhex(done.stdout.decode()), f'{done}')
        run(world, 'agent', 'sign', 'SHA256:nothing', 'text', status=1, client=client)
        done = run(world, 'agent', 'login', names[1], HOST, port(world), client=client)
        check(done.stdout == b'logged in\n', f'{done}')
        done = run(world, 'agent', 'login', names[0], HOST, port(world), client=client)
        check(done.stdout.startswith(b'key: refused\n') and done.stdout.endswith(b'logged in\n'), f'{done}')
        run(world, 'agent', 'login', names[1], HOST, port(world), status=1, client=nobody)
    run(world, 'agent', 'list', status=1, client=client)


def all_are_run(world):
    built = {name.removeprefix('example-') for name in os.listdir(EXAMPLES)
             if name.startswith('example-') and not name.endswith('.p')}
    check(built and built == seen, f'built: {sorted(built)}, run: {sorted(seen)}')


if __name__ == '__main__':
    sys.exit(main([usage, put_copies, put_explains, client_says_what, client_asks, exec_runs, sftp_lists, sftp_gets,
                   config_tells, keys_are_keys, known_hosts_judge, certificates_are_judged,
                   loop_of_several, transport_by_fingerprint,
                   stream_of_a_command, agent_signs_and_logs_in, tunnel_leads_on, all_are_run]))

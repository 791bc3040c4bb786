#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How the command gets to a server, as the configuration says."""

import os
import random
import socket
import subprocess
import sys
import time

import trees
from relay import Network
from sshd import Keys, Sshd, free_port, make_key, public_key, user_name
from suite import check, ended, main, same, says, succeeded


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


# ---- ProxyJump ----

class Way:
    """Two servers to jump over and one behind them, each with keys of its own, and one user of all."""

    def __init__(self, world):
        self.world = world
        self.hops = []
        for name in ('a', 'b', 'end'):
            keys = Keys(world.fresh('keys'), kinds=('ed25519',))
            keys.client = world.keys.client
            server = Sshd(world.fresh('server'), keys)
            world.servers.append(server)
            self.hops.append((name, server))
        self.client = world.new_client(world.server)
        self.config()
        self.know()

    def server(self, name):
        return dict(self.hops)[name]

    def know(self, *without):
        self.client.write('known_hosts', ''.join(server.known_hosts() for name, server in self.hops if name not in without))

    def config(self, more=''):
        self.client.write('config', more + ''.join(f'Host {name}\n HostName 127.0.0.1\n Port {server.port}\n'
                                                   for name, server in self.hops))

    def seen(self, name):
        """What the server has logged of connections to be made and logins."""
        text = self.server(name).log_text()
        return text.count('Accepted publickey')


def jump(world):
    way = Way(world)
    for jumps, options in (('a', ['-J', 'a']), ('a,b', ['-J', 'a,b']), ('a,b', ['-o', 'ProxyJump=a,b']),
                           ('a', ['-o', f'ProxyJump=ssh://127.0.0.1:{way.server("a").port}/'])):
        before = {name: way.seen(name) for name, _ in way.hops}
        works(world, way.client, *options, host=b'end')
        for name, _ in way.hops:
            wanted = 1 if name in jumps.split(',') + ['end'] else 0
            check(way.seen(name) - before[name] == wanted, f'{options}: {way.seen(name) - before[name]} logins at {name}')
    # The way of each hop is its own configuration's.
    way.config('Host end\n ProxyJump b\nHost b\n ProxyJump a\n')
    before = way.seen('a')
    works(world, way.client, host=b'end')
    check(way.seen('a') == before + 1, 'the hop was not reached over its own hop')
    # What stands in front of a hop takes the place of that.
    way.config('Host end\n ProxyJump a,b\nHost b\n ProxyCommand false\n')
    works(world, way.client, host=b'end')
    way.config('Host end\n ProxyJump none\nHost *\n ProxyJump nowhere\n')
    works(world, way.client, host=b'end')
    # Options of the command line are not those of the hop.
    way.config()
    works(world, way.client, '-J', 'a', '-c', 'aes256-ctr', '-P', str(way.server('end').port), host=b'end')


def jump_carries_much(world):
    """A tree of 40 MB both ways over two hops."""
    way = Way(world)
    source, there, back = world.path(b'tree'), world.path(b'there'), world.path(b'back')
    os.mkdir(source)
    for number, size in enumerate((30_000_000, 9_000_000, 1_000_000, 70_000, 0, 1)):
        trees.make_file(os.path.join(source, b'f%d' % number), size)
    succeeded(way.client.run('cp', '-r', '-J', 'a,b', source, b'end:' + there))
    same(source, there)
    succeeded(way.client.run('cp', '-r', '-J', 'a,b', b'end:' + there, back))
    same(source, back)


def jump_trusts_each(world):
    """Each hop's host key is judged by itself: an unknown or another one ends the way there."""
    way = Way(world)
    for name, _ in way.hops:
        way.know(name)
        fails(world, way.client, '-J', 'a,b', host=b'end', words=('not known',))
    other = Keys(world.fresh('keys'), kinds=('ed25519',)).host['ed25519']
    for name, server in way.hops:
        way.know(name)
        with open(os.path.join(way.client.ssh, 'known_hosts'), 'a') as file:
            file.write(f'[127.0.0.1]:{server.port} {public_key(other)}\n')
        before = way.seen('end')
        fails(world, way.client, '-J', 'a,b', host=b'end', words=('has changed',))
        check(way.seen('end') == before, 'it was logged in behind a changed host key')
    way.know()
    works(world, way.client, '-J', 'a,b', host=b'end')


def jump_hop_settings(world):
    """Login and policies of a hop are those of its own configuration."""
    way = Way(world)
    os.rename(os.path.join(way.client.ssh, 'id_ed25519'), os.path.join(way.client.ssh, 'other'))
    way.config('Host a\n IdentityFile ~/.ssh/other\n')
    result = fails(world, way.client, '-J', 'a', host=b'end', words=('permission denied',))
    check(way.seen('a') == 1, f'the hop was not logged in to: {result}')
    way.config('Host end\n IdentityFile ~/.ssh/other\n')
    fails(world, way.client, '-J', 'a', host=b'end', words=('permission denied', 'jump host'))
    works(world, way.client, '-J', 'a', '-F', way.client.write('all', 'IdentityFile ~/.ssh/other\n' +
                                                               open(os.path.join(way.client.ssh, 'config')).read()),
          host=b'end')
    way.config('Host a\n User no-such-user\n')
    fails(world, way.client, '-J', 'a', host=b'end', words=('no-such-user',))
    way.config('IdentityFile ~/.ssh/other\nHost a\n User no-such-user\n')
    works(world, way.client, '-J', user_name() + '@a', host=b'end')
    way.know('a')
    way.config('IdentityFile ~/.ssh/other\nHost a\n StrictHostKeyChecking accept-new\n')
    works(world, way.client, '-J', 'a', host=b'end')


def jump_refused(world):
    """A hop that may not connect on, that cannot be reached, and a host that is not there."""
    way = Way(world)
    keys = way.server('a').keys
    closed = Sshd(world.fresh('server'), keys, options=['AllowTcpForwarding no'])
    world.servers.append(closed)
    way.hops.append(('closed', closed))
    way.config()
    way.know()
    fails(world, way.client, '-J', 'closed', host=b'end', words=('jump host', 'prohibited'))
    fails(world, way.client, '-J', 'a', '-P', '1', host=b'end', words=('jump host', 'refused'))
    fails(world, way.client, '-J', '127.0.0.1:1', host=b'end', words=('jump host', 'refused'))
    fails(world, way.client, '-J', 'a,no-such-host.invalid', host=b'end', words=('no-such-host.invalid',))
    closed.stop()


def jump_in_circles(world):
    """Refused before anything is connected."""
    way = Way(world)
    for text in ('Host *\n ProxyJump a\n', 'Host end\n ProxyJump a\nHost a\n ProxyJump b\nHost b\n ProxyJump a\n',
                 'Host end\n ProxyJump end\n', 'Host end\n ProxyJump a\nHost a\n ProxyJump end\n',
                 'Host end\n ProxyJump a,b,a\n'):
        way.config(text)
        before = way.seen('a')
        fails(world, way.client, host=b'end', words=('circle',), status=2)
        check(way.seen('a') == before, 'something was connected')
    chain = ''.join(f'Host h{n}\n ProxyJump h{n + 1}\n' for n in range(40))
    way.config(chain)
    fails(world, way.client, '-J', 'h0', host=b'end', words=('more than',), status=2)
    way.config()
    fails(world, way.client, '-J', 'a,,b', host=b'end', words=('ProxyJump',), status=2)


def jump_dies(world):
    """A hop that ends in the middle of a copy."""
    way = Way(world)
    source, there = world.path(b'source'), world.path(b'there')
    trees.make_file(source, 200_000_000)
    child = way.client.start('-J', 'a', '-P', str(way.server('end').port), source, b'end:' + there)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not any(name.endswith(b'-part') for name in os.listdir(os.path.dirname(there))):
        time.sleep(0.02)
    # The process that serves the connection, a child of the one that listens.
    subprocess.run(['pkill', '-KILL', '-P', str(way.server('a').child.pid)], check=True)
    out, err = child.communicate(timeout=60)
    check(b'jump host' in err, f'{err}')
    # It was brought back, over the hop again.
    check(child.returncode == 0 and trees.same_file(source, there), f'status {child.returncode}: {err}')


def jump_asked_once(world):
    """A jump host's key that a person has accepted is not asked about again, nor compared with the target's,
    when the connection is cut and made anew; known hosts have nothing of either."""
    way = Way(world)
    source, there = world.path(b'source'), world.path(b'there')
    trees.make_file(source, 12_000_000)
    with Network(way.server('a').port, cuts=2, between=(2_000_000, 3_000_000),
                 random=random.Random(5)) as network:
        way.client.write('config', 'UserKnownHostsFile /dev/null\nStrictHostKeyChecking ask\n'
                         f'Host a\n HostName 127.0.0.1\n Port {network.port}\nHost end\n HostName 127.0.0.1\n')
        way.client.port = way.server('end').port
        result = way.client.talk([(b'yes/no', b'yes\n'), (b'yes/no', b'yes\n')], '-v', '-J', 'a', source, b'end:' + there)
        succeeded(result)
        check(network.cut_count == 2, f'{network.cut_count} cuts')
    check(result.out.count(b'yes/no') == 2, f'{result}')
    check(b'connected again' in result.out, f'{result}')
    check(trees.same_file(source, there), 'the copy differs')


# ---- ProxyCommand ----

CARRY = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'carry.py')


def carrier(world, client, limit=''):
    return f'{sys.executable} {CARRY} %h %p {limit}'


def command(world):
    client = world.new_client(world.server)
    port = world.server.port
    name = user_name()
    client.write('config', f'Host box\n HostName 127.0.0.1\n Port {port}\n ProxyCommand {carrier(world, client)}\n')
    works(world, client, host=b'box')
    works(world, client, '-o', f'ProxyCommand={carrier(world, client)}', host=b'box')
    # The shell's language, and every token.
    client.write('config', f'Host box\n HostName 127.0.0.1\n Port {port}\n ProxyCommand test "%n%%%r" = "box%%{name}" && '
                 f'test %h:%p = 127.0.0.1:{port} && exec {carrier(world, client)}\n')
    fails(world, client, host=b'box')  # "exec test ..." is all that is run
    client.write('config', f'Host box\n HostName 127.0.0.1\n Port {port}\n ProxyCommand sh -c \'test "%n%%%r" = "box%%{name}" && '
                 f'test %h:%p = 127.0.0.1:{port} && exec {carrier(world, client)}\' # not a comment\n')
    works(world, client, host=b'box')
    # By another ssh.
    jump_client = world.new_client(world.server)
    jump_client.write('config', f'Host box\n HostName 127.0.0.1\n Port {port}\n ProxyCommand ssh -F none -i {jump_client.ssh}/id_ed25519 '
                      f'-o UserKnownHostsFile={jump_client.ssh}/known_hosts -p {port} -W %h:%p 127.0.0.1\n')
    works(world, jump_client, host=b'box')
    # A host that only the command knows.
    client.write('known_hosts', f'only.known.there {public_key(world.keys.host["ed25519"])}\n')
    client.write('config', f'ProxyCommand {carrier(world, client).replace("%h %p", f"127.0.0.1 {port}")}\n')
    works(world, client, host=b'only.known.there')


def command_is_not_injected(world):
    """Names from the command line reach a shell by their tokens: those that it could act upon are refused."""
    client = world.new_client(world.server)
    here, source = world.fresh(), source_file(world)
    both = 'Match exec "true %h %n %r %k"\n Port 1\nHost *\n ProxyCommand true %h %n %r %k %p\n'
    client.write('config', both)
    for operand in ('x;touch mark;:x', '$(touch${IFS}mark):x', '`touch mark`:x', 'u;touch mark;@h:x', '-oX:x',
                    'sftp://u%3btouch%20mark%3b@h/x', 'x|touch mark:x', 'x\ntouch mark:x', 'x&touch mark:x', 'u`touch mark`@h:x'):
        result = client.run('cp', '--', source, operand, cwd=here)
        ended(result, 2)
        check(not os.listdir(here), f'{operand} was run')
    for jump in ('j;touch${IFS}mark;', 'u`touch${IFS}mark`@j', '$(touch${IFS}mark)'):
        for options, text in ((['-J', jump], ''), ([], f'Host h\n ProxyJump {jump}\n')):
            client.write('config', text + both)
            ended(client.run('cp', *options, source, 'h:x', cwd=here), 2)
            check(not os.listdir(here), f'{jump} was run')


def command_changed_key(world):
    client = world.new_client(world.server)
    other = Keys(world.fresh('keys'), kinds=('ed25519',)).host['ed25519']
    client.write('known_hosts', f'[127.0.0.1]:{world.server.port} {public_key(other)}\n')
    fails(world, client, '-P', str(world.server.port), '-o', f'ProxyCommand={carrier(world, client)}', words=('has changed',))


def command_dies_at_once(world):
    client = world.new_client(world.server)
    for text, words in (('false', ('status 1',)), ('exit 3', ('status',)), ('/no/such/program', ('status 127',)),
                        ('sh -c "kill -9 \\$\\$"', ('SIGKILL',)), ('sh -c "echo said so >&2; exit 5"', ('said so', 'status 5')),
                        ('echo not ssh', ('status 0',)), ('true', ('status 0',))):
        result = fails(world, client, '-o', f'ProxyCommand={text}', words=words)
        check(result.seconds < 10, f'{text}: {result}')


def command_dies_in_the_middle(world):
    client = world.new_client(world.server)
    source, there = world.path(b'source'), world.path(b'there')
    trees.make_file(source, 60_000_000)
    result = client.cp('-o', f'ProxyCommand={carrier(world, client, 20_000_000)}', source, client.remote(there))
    succeeded(result)  # by as many commands as it took
    says(result, 'status 7', 'ProxyCommand', 'connecting again')
    check(trees.same_file(source, there), 'the copy differs')


def command_hangs(world):
    """ConnectTimeout holds for it, and it does not outlive us."""
    client = world.new_client(world.server)
    mark = os.path.join(world.fresh(), 'pid')
    for text in (f'sh -c "echo \\$\\$ >{mark}; exec sleep 300"', f'sh -c "trap : HUP; echo \\$\\$ >{mark}; while :; do sleep 1; done"'):
        result = fails(world, client, '-o', 'ConnectTimeout=2', '-o', f'ProxyCommand={text}')
        check(1.5 < result.seconds < 15, f'{text}: {result}')
        with open(mark) as file:
            pid = file.read().strip()
        check(not os.path.exists(f'/proc/{pid}') or ' Z ' in open(f'/proc/{pid}/stat').read(), f'{text} is still there')


def command_ends_with_us(world):
    """Also when we are killed."""
    client = world.new_client(world.server)
    mark = os.path.join(world.fresh(), 'pid')
    child = client.start('-o', f'ProxyCommand=sh -c "echo \\$\\$ >{mark}; exec cat >/dev/null"', source_file(world), b'127.0.0.1:x')
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not (os.path.exists(mark) and open(mark).read().strip()):
        time.sleep(0.02)
    child.kill()
    child.communicate()
    pid = open(mark).read().strip()
    while time.monotonic() < deadline and os.path.exists(f'/proc/{pid}') and ' Z ' not in open(f'/proc/{pid}/stat').read():
        time.sleep(0.02)
    check(time.monotonic() < deadline, 'the command is still there')


# ---- Sockets ----

def from_where(world):
    client = world.new_client(world.server)
    here = ['-P', str(world.server.port)]
    before = world.server.log_size()
    works(world, client, *here, '-o', 'BindAddress=127.0.0.2')
    check('from 127.0.0.2 ' in world.server.log_text(before), 'the server saw another address')
    works(world, client, *here, '-o', 'BindInterface=lo')
    fails(world, client, *here, '-o', 'BindAddress=192.0.2.1', words=('assign',))
    fails(world, client, *here, '-o', 'BindAddress=::1', words=('assign',))
    works(world, client, *here, '-o', 'BindAddress=localhost')
    fails(world, client, *here, '-o', 'BindAddress=none.invalid', words=('none.invalid', 'BindAddress'))
    fails(world, client, *here, '-o', 'BindAddress=', status=2)
    fails(world, client, *here, '-o', 'BindInterface=none0', words=('assign',))
    works(world, client, *here, '-o', 'TCPKeepAlive=no', '-o', 'IPQoS=ef 0x20', '-o', 'AddressFamily=inet')
    fails(world, client, *here, '-o', 'AddressFamily=inet6')


def attempts(world):
    """A server that comes late is reached at the second or third attempt, a second apart."""
    client = world.new_client(world.server)
    port = free_port()
    result = fails(world, client, '-P', str(port), words=('refused',))
    check(result.seconds < 1, f'{result}')
    result = fails(world, client, '-P', str(port), '-o', 'ConnectionAttempts=3', words=('refused',))
    check(1.8 < result.seconds < 5, f'{result}')
    code = ('import socket, sys, time\ntime.sleep(1.5)\nl = socket.create_server(("127.0.0.1", int(sys.argv[1])))\n'
            'a = l.accept()[0]\nb = socket.create_connection(("127.0.0.1", int(sys.argv[2])))\n'
            'import threading\ndef carry(x, y):\n  while (d := x.recv(65536)): y.sendall(d)\n  y.shutdown(1)\n'
            'threading.Thread(target=carry, args=(a, b)).start()\ncarry(b, a)\n')
    late = subprocess.Popen([sys.executable, '-c', code, str(port), str(world.server.port)])
    try:
        client.write('known_hosts', world.server.known_hosts(port))
        works(world, client, '-P', str(port), '-o', 'ConnectionAttempts=20')
    finally:
        late.kill()
        late.wait()


def in_time(world):
    """ConnectTimeout is for connecting and the key exchange, and for nothing after that."""
    client = world.new_client(world.server)
    with socket.create_server(('127.0.0.1', 0)) as silent:
        port = silent.getsockname()[1]
        result = fails(world, client, '-P', str(port), '-o', 'ConnectTimeout=2', '-o', 'ConnectionAttempts=3', words=('time',))
        check(1.5 < result.seconds < 6, f'{result}')
    script = os.path.join(world.fresh(), 'slow')
    with open(script, 'w') as file:
        file.write(f'#!/bin/sh\nsleep 4\ncat {world.server.authorized}\n')
    os.chmod(script, 0o755)
    os.chmod(world.top, 0o755)
    slow = world.new_server(authorized=[], options=[f'AuthorizedKeysCommand /bin/sh {script}', f'AuthorizedKeysCommandUser {user_name()}'])
    client.know(slow)
    result = works(world, client, '-P', str(slow.port), '-o', 'ConnectTimeout=2')
    check(result.seconds > 3, f'the server was not slow: {result}')
    slow.stop()


def hushed(world):
    """LogLevel below INFO leaves out the banner and notes; errors are said."""
    banner = os.path.join(world.fresh(), 'banner')
    with open(banner, 'w') as file:
        file.write('Keep out\n')
    server = world.new_server(options=[f'Banner {banner}'])
    client = world.new_client(server)
    here = ['-P', str(server.port)]
    says(works(world, client, *here), 'keep out')
    for level in ('QUIET', 'FATAL', 'ERROR'):
        result = works(world, client, *here, '-o', f'LogLevel={level}', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null')
        check(not result.err, f'{level}: {result}')
        fails(world, client, *here, '-o', f'LogLevel={level}', '-o', 'UserKnownHostsFile=/dev/null', words=('not known',))
    says(works(world, client, *here, '-o', 'LogLevel=DEBUG2'), 'offering')
    server.stop()


def long_keys(world):
    server = world.new_server(kinds=['rsa'])
    client = world.new_client(server)
    here = ['-P', str(server.port)]
    works(world, client, *here, '-o', 'RequiredRSASize=2048')
    fails(world, client, *here, '-o', 'RequiredRSASize=3072', words=('RequiredRSASize',))
    server.stop()
    path = os.path.join(world.fresh(), 'rsa')
    make_key(path, 'rsa')
    server = world.new_server(authorized=[path])
    client = world.new_client(server)
    here = ['-P', str(server.port), '-i', path]
    works(world, client, *here)
    fails(world, client, *here, '-v', '-o', 'RequiredRSASize=3072', words=('RequiredRSASize', 'denied'))
    server.stop()


def show_config(world):
    client = world.new_client(world.server)
    client.write('config', 'Host box\n HostName Real.Host\n User x\n ProxyJump a,b@c:9\n Ciphers +aes128-cbc\n Port 7\n')
    result = client.run('cp', '-G', 'me@box')
    succeeded(result)
    lines = result.out.decode().splitlines()
    for line in ('hostname real.host', 'user me', 'proxyjump a,b@c:9', 'port 7'):
        check(line in lines, f'no "{line}" in {lines}')
    ciphers = [line for line in lines if line.startswith('ciphers ')]
    check(len(ciphers) == 1 and ciphers[0].endswith(',aes128-cbc') and '+' not in ciphers[0], str(ciphers))
    for wrong in (['-G'], ['-G', 'a', 'b'], ['-G', '@x'], ['-G', '-o', 'Port=x', 'box']):
        ended(client.run('cp', *wrong), 2)


def tests():
    return [host_key_alias, by_match, jump, jump_carries_much, jump_trusts_each, jump_hop_settings, jump_refused,
            jump_in_circles, jump_dies, jump_asked_once, command, command_is_not_injected, command_changed_key, command_dies_at_once, command_dies_in_the_middle,
            command_hangs, command_ends_with_us, from_where, attempts, in_time, hushed, long_keys, show_config]


if __name__ == '__main__':
    sys.exit(main(tests()))

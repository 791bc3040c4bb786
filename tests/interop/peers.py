# SPDX-License-Identifier: Apache-2.0
"""Servers other than OpenSSH, each on a loopback port: Dropbear, ProFTPD, AsyncSSH, Paramiko.

AsyncSSH and Paramiko are Debian's packages, so Debian's interpreter runs them, whatever python3 comes
first in PATH.
"""

import grp
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time

from sshd import end_with_parent, free_port, public_key, user_name

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = '/usr/bin/python3'
PASSWORD = 'correct horse ünd staple'
KEXINIT = 20
LISTS = ('kex', 'host_keys', 'ciphers', 'ciphers_down', 'macs', 'macs_down', 'compression', 'compression_down')


def receive(connection, size):
    data = b''
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise EOFError('the server hung up')
        data += more
    return data


def offers(port):
    """What the server at PORT offers: its version, and the lists of its KEXINIT (RFC 4253 §7.1) by name."""
    with socket.create_connection(('127.0.0.1', port), timeout=20) as connection:
        connection.sendall(b'SSH-2.0-probe\r\n')
        line = b''
        while not (line.startswith(b'SSH-') and line.endswith(b'\n')):
            line = b'' if line.endswith(b'\n') else line
            line += receive(connection, 1)
        size, padding = struct.unpack('>IB', receive(connection, 5))
        payload = receive(connection, size - 1)[:-padding]
    if payload[0] != KEXINIT:
        raise ValueError(f'message {payload[0]} instead of KEXINIT')
    lists, at = {'version': line.decode().strip()}, 17
    for name in LISTS:
        size = struct.unpack_from('>I', payload, at)[0]
        lists[name] = payload[at + 4:at + 4 + size].decode().split(',')
        at += 4 + size
    return lists


class Peer:
    """A server that is started once for a suite. A subclass says how, and what it can do."""

    NAME = ''
    KINDS = ('ed25519', 'ecdsa256', 'ecdsa384', 'ecdsa521', 'rsa')  # of host keys
    REKEYS = False  # whether it asks for new keys by itself when told to
    SAYS = False  # whether its log says what was negotiated
    TEXT = False  # whether it takes no names but UTF-8
    ABSOLUTE = False  # whether it says of links where they lead, not what they hold
    BUILT_IN = ''  # why it cannot be without SFTP

    def __init__(self, world, **traits):
        self.keys = world.keys
        self.kinds = traits.pop('kinds', self.KINDS)
        self.traits = traits
        self.directory = world.fresh(self.NAME)
        self.home = os.path.join(self.directory, 'home')
        os.makedirs(self.home)
        self.log = os.path.join(self.directory, 'log')
        self.authorized = os.path.join(self.directory, 'authorized_keys')
        with open(self.authorized, 'w') as file:
            # Of each type one.
            for key in [self.keys.client, *self.keys.host.values()]:
                file.write(public_key(key) + '\n')
        self.port = free_port()
        self.child = None
        # World stops what is in this list, whatever happens.
        world.servers.append(self)
        self.start(self.command())
        self.offers = offers(self.port)

    @classmethod
    def missing(cls):
        """Why it cannot run here, or None."""

    def command(self):
        raise NotImplementedError

    def environment(self):
        return {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': self.home, 'LC_ALL': 'C.UTF-8'}

    def start(self, command):
        with open(self.log, 'wb') as log:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          start_new_session=True, preexec_fn=end_with_parent,
                                          env=self.environment(), cwd=self.directory)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise RuntimeError(f'{self.NAME} did not start: {self.log_text()}')
            try:
                socket.create_connection(('127.0.0.1', self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise RuntimeError(f'{self.NAME} does not answer: {self.log_text()}')

    def stop(self):
        if self.child and self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGTERM)
            try:
                self.child.wait(timeout=5)
            except subprocess.TimeoutExpired:
                os.killpg(self.child.pid, signal.SIGKILL)
                self.child.wait()

    def log_text(self, offset=0):
        with open(self.log, errors='replace') as file:
            file.seek(offset)
            return file.read()

    def log_size(self):
        return os.path.getsize(self.log)

    def logins(self, offset):
        """What it says of each login behind OFFSET of its log, if it says anything."""
        return [json.loads(line) for line in self.log_text(offset).splitlines() if line.startswith('{')]

    def known_hosts(self, port=None):
        return ''.join(f'[127.0.0.1]:{port or self.port} {public_key(self.keys.host[kind])}\n'
                       for kind in self.kinds)


class Dropbear(Peer):
    NAME = 'dropbear'
    KINDS = ('ed25519', 'ecdsa256', 'ecdsa384', 'rsa')  # it takes four
    BUILT_IN = 'where its SFTP server is, is built in'

    @classmethod
    def missing(cls):
        if not shutil.which('dropbear', path='/usr/sbin:/usr/bin'):
            return 'no dropbear (package dropbear-bin)'
        return None if os.getuid() == 0 else 'needs root: its authorized_keys lies over the user\'s in a name space'

    def host_key(self, kind):
        path = os.path.join(self.directory, 'host_' + kind)
        subprocess.run(['dropbearconvert', 'openssh', 'dropbear', self.keys.host[kind], path], check=True,
                       capture_output=True)
        return path

    def command(self):
        """Its authorized_keys stands in the user's home directory, and passwords are the system's: in a
        mount name space of its own, other files lie over both."""
        user, home = user_name(), os.path.expanduser('~')
        shadow, passwd = os.path.join(self.directory, 'shadow'), os.path.join(self.directory, 'passwd')
        hashed = subprocess.run(['openssl', 'passwd', '-6', '-stdin'], input=PASSWORD.encode(), check=True,
                                capture_output=True).stdout.decode().strip()
        ssh = os.path.join(self.home, '.ssh')
        os.makedirs(ssh, mode=0o700)
        os.chmod(self.home, 0o755)
        os.chmod(shutil.copy(self.authorized, ssh), 0o600)
        with open(shadow, 'w') as file:
            file.write(f'{user}:{hashed}:19000:0:99999:7:::\n')
        with open(passwd, 'w') as file, open('/etc/passwd') as now:
            file.write(re.sub(rf'^({user}:(?:[^:]*:){{4}}){re.escape(home)}:.*$', rf'\g<1>{self.home}:/bin/sh',
                              now.read(), flags=re.M))
        script = f'mount --bind {shadow} /etc/shadow && mount --bind {passwd} /etc/passwd && exec "$@"'
        keys = [word for kind in self.kinds for word in ('-r', self.host_key(kind))]
        return ['unshare', '--mount', 'sh', '-c', script, 'sh', 'dropbear', '-F', '-E', '-m', *keys,
                '-P', os.path.join(self.directory, 'pid'), '-p', f'127.0.0.1:{self.port}']


class ProFtpd(Peer):
    """Its mod_sftp, which has an SFTP server of its own: with check-file, but without OpenSSH's limits."""

    NAME = 'proftpd'
    ABSOLUTE = True
    BUILT_IN = 'its SFTP server is part of it'
    MODULES = '/usr/lib/proftpd'

    @classmethod
    def missing(cls):
        if not shutil.which('proftpd', path='/usr/sbin:/usr/bin'):
            return 'no proftpd (package proftpd-core)'
        return None if os.path.exists(f'{cls.MODULES}/mod_sftp.so') else 'no mod_sftp (package proftpd-mod-crypto)'

    def host_key(self, kind):
        """What is readable for others it takes for no secret; not every format of OpenSSH's is known to it."""
        path = shutil.copy(self.keys.host[kind], os.path.join(self.directory, 'host_' + kind))
        os.chmod(path, 0o600)
        if kind != 'ed25519':
            subprocess.run(['ssh-keygen', '-q', '-p', '-m', 'PEM', '-N', '', '-f', path], check=True,
                           capture_output=True)
        return path

    def command(self):
        user, group = user_name(), grp.getgrgid(os.getgid()).gr_name
        hashed = subprocess.run(['openssl', 'passwd', '-6', '-stdin'], input=PASSWORD.encode(), check=True,
                                capture_output=True).stdout.decode().strip()
        passwd, keys = os.path.join(self.directory, 'passwd'), os.path.join(self.directory, 'keys')
        with open(passwd, 'w') as file:
            file.write(f'{user}:{hashed}:{os.getuid()}:{os.getgid()}::{self.home}:/bin/sh\n')
        with open(keys, 'wb') as file:
            for key in [self.keys.client, *self.keys.host.values()]:
                file.write(subprocess.run(['ssh-keygen', '-e', '-m', 'RFC4716', '-f', key + '.pub'], check=True,
                                          capture_output=True).stdout)
        for path in (passwd, keys):
            os.chmod(path, 0o600)
        config = os.path.join(self.directory, 'proftpd.conf')
        lines = [f'ModulePath {self.MODULES}', 'LoadModule mod_sftp.c', 'ServerType standalone',
                 'DefaultAddress 127.0.0.1', 'SocketBindTight on', f'Port {self.port}', f'User {user}',
                 f'Group {group}', f'PidFile {self.directory}/pid', 'ScoreboardFile none', 'ControlsEngine off',
                 'WtmpLog off', 'TransferLog none', f'SystemLog {self.directory}/system', 'UseReverseDNS off',
                 'DelayEngine off', 'AuthOrder mod_auth_file.c', f'AuthUserFile {passwd}',
                 'AuthFileOptions InsecurePerms', 'RequireValidShell off', 'RootLogin on', 'UseFtpUsers off',
                 'AllowOverwrite on', 'AllowStoreRestart on', 'MaxInstances none', 'Umask 022',
                 *self.traits.get('options', ()), 'SFTPEngine on', f'SFTPLog {self.directory}/sftp',
                 f'SFTPAuthorizedUserKeys file:{keys}',
                 *(f'SFTPHostKey {self.host_key(kind)}' for kind in self.kinds)]
        with open(config, 'w') as file:
            file.write('\n'.join(lines) + '\n')
        return ['/usr/sbin/proftpd', '-n', '-q', '-c', config]


class PythonPeer(Peer):
    """A server that a script of this folder makes out of a Python package."""

    MODULE = SCRIPT = ''
    REKEYS = SAYS = True

    @classmethod
    def missing(cls):
        if not os.path.exists(PYTHON):
            return f'no {PYTHON}'
        found = subprocess.run([PYTHON, '-c', f'import {cls.MODULE}'], capture_output=True)
        return None if found.returncode == 0 else f'{PYTHON} has no {cls.MODULE} (package python3-{cls.MODULE})'

    def command(self):
        settings = {'port': self.port, 'home': self.home, 'user': user_name(), 'password': PASSWORD,
                    'host_keys': [self.keys.host[kind] for kind in self.kinds], 'authorized': self.authorized,
                    **self.traits}
        return [PYTHON, '-W', 'ignore', os.path.join(HERE, self.SCRIPT), json.dumps(settings)]


class AsyncSsh(PythonPeer):
    NAME, MODULE, SCRIPT = 'asyncssh', 'asyncssh', 'peer_asyncssh.py'


class AuthServer(PythonPeer):
    """AsyncSSH with logins of its own: traits in auth_server.py."""

    NAME, MODULE, SCRIPT = 'auth', 'asyncssh', 'auth_server.py'


class Paramiko(PythonPeer):
    NAME, MODULE, SCRIPT = 'paramiko', 'paramiko', 'peer_paramiko.py'
    TEXT = True


PEERS = (Dropbear, ProFtpd, AsyncSsh, Paramiko)

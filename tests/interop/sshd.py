# SPDX-License-Identifier: Apache-2.0
"""Debian's sshd on a loopback port, for tests and the demonstration.

Everything it needs lies in one temporary directory: configuration, host keys, authorized keys,
log. It runs as the current user and logs that user in. Nothing of the user's is read or written;
the one trace outside the directory is the empty /run/sshd that sshd demands of root, which the
next boot clears.
"""

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

SSHD = '/usr/sbin/sshd'
SFTP_SERVER = '/usr/lib/openssh/sftp-server'
HOST_KEY_KINDS = {
    'ed25519': ['-t', 'ed25519'],
    'ecdsa256': ['-t', 'ecdsa', '-b', '256'],
    'ecdsa384': ['-t', 'ecdsa', '-b', '384'],
    'ecdsa521': ['-t', 'ecdsa', '-b', '521'],
    'rsa': ['-t', 'rsa', '-b', '2048'],
}


def user_name():
    return pwd.getpwuid(os.getuid()).pw_name


def make_key(path, kind='ed25519', passphrase='', *options):
    """Make a key pair in OpenSSH's format (or what OPTIONS say) at PATH."""
    subprocess.run(['ssh-keygen', '-q', *HOST_KEY_KINDS[kind], '-N', passphrase, '-C', 'test', '-f', path,
                    *options], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def public_key(path):
    with open(path + '.pub') as file:
        return ' '.join(file.read().split()[:2])


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def end_with_parent():
    """Runs in the child: the server ends when the test does, even when that is killed."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class Keys:
    """Host keys of every kind and one client key, made once for a suite."""

    def __init__(self, directory, kinds=tuple(HOST_KEY_KINDS)):
        self.directory = directory
        self.host = {}
        os.makedirs(directory, mode=0o700, exist_ok=True)
        for kind in kinds:
            self.host[kind] = os.path.join(directory, f'host_{kind}')
            make_key(self.host[kind], kind)
        self.client = os.path.join(directory, 'client_ed25519')
        make_key(self.client)


class Sshd:
    """A running server; use as a context manager, or call stop()."""

    def __init__(self, directory, keys, *, kinds=None, options=(), authorized=None, log_level='VERBOSE',
                 wrapper=(), sftp_options='', subsystem=None):
        os.makedirs(directory, mode=0o700, exist_ok=True)
        self.directory = directory
        self.keys = keys
        self.kinds = tuple(kinds or keys.host)
        # Relative names land here instead of in the user's home directory.
        self.home = os.path.join(directory, 'home')
        os.makedirs(self.home, exist_ok=True)
        self.log = os.path.join(directory, 'log')
        self.authorized = os.path.join(directory, 'authorized_keys')
        with open(self.authorized, 'w') as file:
            for key in [keys.client] if authorized is None else authorized:
                file.write(public_key(key) + '\n')
        self.port = free_port()
        self.config = os.path.join(directory, 'sshd_config')
        self.write_config(options, log_level,
                          subsystem or f'{SFTP_SERVER} -d {self.home} {sftp_options}')
        self.wrapper = list(wrapper)
        self.child = None
        self.start()

    def write_config(self, options, log_level, subsystem):
        # sshd takes the first value of a keyword, so the caller's options stand in front.
        lines = list(options) + [
            f'Port {self.port}',
            'ListenAddress 127.0.0.1',
            f'AuthorizedKeysFile {self.authorized}',
            'PidFile none',
            'StrictModes no',
            'UsePAM no',
            'PermitRootLogin prohibit-password',
            'PasswordAuthentication no',
            'KbdInteractiveAuthentication no',
            'UseDNS no',
            'PrintMotd no',
            'PrintLastLog no',
            # bash reads no start-up file of the user then, which may speak, or wait for a lock.
            'SetEnv SHLVL=1',
            f'LogLevel {log_level}',
            f'Subsystem sftp {subsystem}',
        ]
        # Of this keyword the last value counts.
        if not any(option.startswith('MaxStartups') for option in options):
            lines.append('MaxStartups 200')
        lines += [f'HostKey {self.keys.host[kind]}' for kind in self.kinds]
        with open(self.config, 'w') as file:
            file.write('\n'.join(lines) + '\n')

    def start(self):
        if os.getuid() == 0:
            os.makedirs('/run/sshd', mode=0o755, exist_ok=True)
        self.child = subprocess.Popen(
            [*self.wrapper, SSHD, '-D', '-f', self.config, '-E', self.log],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, preexec_fn=end_with_parent, env={'PATH': '/usr/sbin:/usr/bin:/sbin:/bin'})
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise RuntimeError('sshd did not start: ' + self.log_text())
            try:
                socket.create_connection(('127.0.0.1', self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        self.stop()
        raise RuntimeError('sshd does not answer: ' + self.log_text())

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()

    def log_text(self, offset=0):
        try:
            with open(self.log, errors='replace') as file:
                file.seek(offset)
                return file.read()
        except FileNotFoundError:
            return ''

    def log_size(self):
        return os.path.getsize(self.log) if os.path.exists(self.log) else 0

    def known_hosts(self, port=None):
        """The lines that a client that knows this server has (under another PORT if it is relayed)."""
        return ''.join(f'[127.0.0.1]:{port or self.port} {public_key(self.keys.host[kind])}\n'
                       for kind in self.kinds)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.stop()


def available():
    """Why this machine cannot run the server, or None."""
    if not os.path.exists(SSHD):
        return f'no {SSHD} (package openssh-server)'
    if not os.path.exists(SFTP_SERVER):
        return f'no {SFTP_SERVER} (package openssh-sftp-server)'
    if not shutil.which('ssh-keygen'):
        return 'no ssh-keygen (package openssh-client)'
    return None

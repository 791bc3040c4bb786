# SPDX-License-Identifier: Apache-2.0
"""Where the comparisons take place: a server, a client's configuration, files in memory."""

import os
import shutil
import subprocess
import sys
import tempfile
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(here), 'tests', 'interop')]

from sshd import SFTP_SERVER, Keys, Sshd, available, user_name  # noqa: E402

from measure import Failure, cpu_of, loopback_bytes, run  # noqa: E402

CIPHER = 'aes128-gcm@openssh.com'
KEX = 'curve25519-sha256'
HOST_KEY = 'ssh-ed25519'
START_UP_FILES = ('.bashrc', '.bash_profile', '.profile', '.zshenv', '.cshrc', '.tcshrc', '.kshrc')
MIB = 1 << 20


def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children') as file:
        return {int(word) for word in file.read().split()}


class Relay:
    """The program relay, holding bytes back for DELAY_MS each way on their way to PORT, at RATE bytes a second."""

    def __init__(self, program, delay_ms, port, rate=0):
        self.child = subprocess.Popen([program, str(delay_ms), str(port), str(rate)], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, text=True)
        self.port = int(self.child.stdout.readline().split()[1])

    def carried(self):
        """Bytes up and down of the connection that has ended last; waits for its end."""
        words = self.child.stdout.readline().split()
        return int(words[1]), int(words[2])

    def stop(self):
        self.child.terminate()
        self.child.wait()
        self.child.stdout.close()


class Setting:
    """Everything that a row needs. One temporary directory in memory; remove with close()."""

    def __init__(self, build, delay_ms=50):
        reason = available()
        if reason:
            raise Failure(reason)
        os.umask(0o022)
        self.build = os.path.abspath(build)
        self.top = tempfile.mkdtemp(prefix='hawser-compare-', dir='/dev/shm')
        self.source, self.target, self.home = (os.path.join(self.top, n) for n in ('source', 'target', 'home'))
        self.out = os.path.join(self.top, 'output')
        self.server = self.relay = self.counter = None
        try:
            self.open(delay_ms)
        except BaseException:
            self.close()
            raise

    def open(self, delay_ms):
        for directory in (self.source, self.target, self.home):
            os.mkdir(directory)
        keys = Keys(os.path.join(self.top, 'keys'), kinds=('ed25519',))
        # A shell that finds itself inside another one (SHLVL), and in an empty home directory, reads no
        # start-up files; check_shell makes sure.
        options = [f'SetEnv HOME={self.home} ZDOTDIR={self.home} SHLVL=1', f'Ciphers {CIPHER}',
                   f'KexAlgorithms {KEX}', 'LogLevel INFO']
        self.server = Sshd(os.path.join(self.top, 'server'), keys, options=options, subsystem=SFTP_SERVER)
        self.counter = Relay(self.program('bench/relay'), 0, self.server.port)
        self.relay = Relay(self.program('bench/relay'), delay_ms, self.server.port)
        self.config = os.path.join(self.top, 'config')
        ports = {'direct': self.server.port, 'counted': self.counter.port, 'delayed': self.relay.port}
        self.write_config(ports, keys)
        self.env = {'PATH': '/usr/local/bin:/usr/bin:/bin', 'HOME': self.home, 'LC_ALL': 'C.UTF-8'}
        self.env.update((k, v) for k, v in os.environ.items() if k in ('HAWSER_NIC', 'HAWSER_BACKEND'))
        self.check_shell()

    def write_config(self, ports, keys):
        known = os.path.join(self.top, 'known_hosts')
        with open(known, 'w') as file:
            file.write(''.join(self.server.known_hosts(port) for port in ports.values()))
        with open(self.config, 'w') as file:
            for name, port in ports.items():
                file.write(f'Host {name}\n  Port {port}\n')
            file.write(f'Host *\n  HostName 127.0.0.1\n  User {user_name()}\n  IdentityFile {keys.client}\n'
                       f'  IdentitiesOnly yes\n  UserKnownHostsFile {known}\n  GlobalKnownHostsFile /dev/null\n'
                       f'  StrictHostKeyChecking yes\n  BatchMode yes\n  Ciphers {CIPHER}\n'
                       f'  KexAlgorithms {KEX}\n  HostKeyAlgorithms {HOST_KEY}\n')

    def check_shell(self):
        """Fail if the login shell reads start-up files: what they cost is not the peers'."""
        mark = os.path.join(self.top, 'start-up')
        for name in START_UP_FILES:
            with open(os.path.join(self.home, name), 'w') as file:
                file.write(f'echo read > {mark}\n')
        run(['ssh', '-F', self.config, 'direct', 'true'], self.env, self.out)
        if os.path.exists(mark):
            raise Failure('the login shell reads start-up files, even inside another shell: use a user whose '
                          'shell does not')
        for name in START_UP_FILES:
            os.unlink(os.path.join(self.home, name))

    def program(self, name):
        path = os.path.join(self.build, name)
        if not os.access(path, os.X_OK):
            raise Failure(f'{path} is missing: build with -Dbenchmarks=true (make bench does)')
        return path

    # ---- Files ----

    def make_file(self, name, size):
        subprocess.run([self.program('bench/random_files'), str(size), os.path.join(self.source, name)], check=True)

    def make_tree(self, name, count, size):
        subprocess.run([self.program('bench/random_files'), str(size), os.path.join(self.source, name), str(count)],
                       check=True)

    def clear(self, *directories):
        for directory in directories:
            shutil.rmtree(directory)
            os.mkdir(directory)

    def warm(self, size):
        """Touch and free SIZE bytes and some more."""
        subprocess.run([self.program('bench/warm'), str(size // MIB + 64)], check=True)

    # ---- Runs ----

    def measure(self, argv, stdin='/dev/null'):
        before, carried = self.server_cpu(), loopback_bytes()
        result = run(argv, self.env, self.out, stdin)
        orphans = self.wait_for_idle_server()
        result.server_cpu = self.server_cpu() - before + orphans
        result.bytes_on_loopback = loopback_bytes() - carried
        return result

    def server_cpu(self):
        """CPU seconds of the server's connections that have ended."""
        with open(f'/proc/{self.server.child.pid}/stat', 'rb') as file:
            fields = file.read().rpartition(b')')[2].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf('SC_CLK_TCK')

    def wait_for_idle_server(self):
        """The server works for nobody when the next clock starts. Its programs can outlive a connection,
        and then they are ours (adopt_orphans); returns the CPU seconds of those."""
        kept = {thing.pid for thing in (self.server.child, self.counter.child, self.relay.child)}
        cpu, end = 0.0, time.monotonic() + 30
        while time.monotonic() < end:
            orphans = children(os.getpid()) - kept
            for pid in orphans:
                done, _, usage = os.wait4(pid, os.WNOHANG)
                cpu += cpu_of(usage) if done else 0.0
            if not orphans and not children(self.server.child.pid):
                return cpu
            time.sleep(0.005)
        raise Failure('the server still works, 30 s after the client ended')

    def output(self):
        with open(self.out, errors='surrogateescape') as file:
            return file.read()

    def close(self):
        for thing in (self.relay, self.counter, self.server):
            if thing:
                thing.stop()
        shutil.rmtree(self.top)

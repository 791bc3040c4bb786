# SPDX-License-Identifier: Apache-2.0
"""Running the command as a user would, with a home directory of its own."""

import json
import os
import pty
import select
import signal
import subprocess
import time

# A sanitized or emulated build is slower; nothing here measures speed.
PATIENCE = float(os.environ.get('HAWSER_TEST_PATIENCE', '60'))


class Result:
    def __init__(self, status, out, err, seconds):
        self.status, self.out, self.err, self.seconds = status, out, err, seconds

    def text(self):
        return self.err.decode(errors='backslashreplace')

    def objects(self):
        """The JSON objects of standard output, one a line."""
        return [json.loads(line) for line in self.out.decode().splitlines()]

    def summary(self):
        return self.objects()[-1]

    def __str__(self):
        return (f'status {self.status} after {self.seconds:.1f} s, stdout {self.out[-300:]!r}, '
                f'stderr {self.err[-1200:]!r}')


class Client:
    """One user: a home directory, keys, known hosts, and the command."""

    def __init__(self, hawser, home, server=None, port=None):
        self.hawser = os.path.abspath(hawser)
        self.home = home
        self.ssh = os.path.join(home, '.ssh')
        os.makedirs(self.ssh, mode=0o700, exist_ok=True)
        self.server = server
        self.port = port
        self.extra = {}  # of its environment
        if server:
            self.know(server, port)

    def know(self, server, port=None):
        self.server, self.port = server, port or server.port
        self.write('known_hosts', server.known_hosts(self.port))
        with open(server.keys.client, 'rb') as key:
            self.write('id_ed25519', key.read(), mode=0o600)

    def write(self, name, content, mode=0o644):
        path = os.path.join(self.ssh, name)
        if os.path.exists(path):
            os.unlink(path)
        with open(path, 'wb') as file:
            file.write(content.encode() if isinstance(content, str) else content)
        os.chmod(path, mode)
        return path

    def remove(self, name):
        path = os.path.join(self.ssh, name)
        if os.path.exists(path):
            os.unlink(path)

    def environment(self, extra=None):
        kept = {k: v for k, v in os.environ.items()
                if k in ('PATH', 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LSAN_OPTIONS', 'TMPDIR')}
        return {**kept, 'HOME': self.home, 'LC_ALL': 'C.UTF-8', 'TERM': 'xterm', **self.extra, **(extra or {})}

    def remote(self, path):
        """PATH (text or bytes) on the server, as an operand of cp."""
        host = b'127.0.0.1:'
        return host + (path if isinstance(path, bytes) else os.fsencode(path))

    def run(self, *arguments, env=None, timeout=PATIENCE, wrapper=(), cwd=None):
        """Run the command without a terminal."""
        begin = time.monotonic()
        child = subprocess.Popen([*wrapper, self.hawser, *arguments], env=self.environment(env), cwd=cwd,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 start_new_session=True)
        try:
            out, err = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            out, err = child.communicate()
            return Result(None, out, err, time.monotonic() - begin)
        return Result(child.returncode, out, err, time.monotonic() - begin)

    def cp(self, *arguments, **options):
        """hawser cp -P PORT ARGUMENTS."""
        port = ['-P', str(self.port)] if self.port else []
        return self.run('cp', *port, *arguments, **options)

    def start(self, *arguments, env=None):
        """Start hawser cp -P PORT and return the process."""
        return subprocess.Popen([self.hawser, 'cp', '-P', str(self.port), *arguments],
                                env=self.environment(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, start_new_session=True)

    def talk(self, dialogue, *arguments, env=None, timeout=PATIENCE):
        """Run hawser cp -P PORT on a terminal of its own, answering prompts.

        DIALOGUE is a list of (what appears, what is typed) in bytes. Result.out is all that the
        terminal saw.
        """
        begin = time.monotonic()
        child, terminal = pty.fork()
        if child == 0:
            command = [self.hawser, 'cp', '-P', str(self.port), *arguments]
            try:
                os.execve(self.hawser, command, self.environment(env))
            finally:
                os._exit(127)
        seen, rest, searched = b'', list(dialogue), 0
        while time.monotonic() - begin < timeout:
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(terminal, 65536)
            except OSError:  # the other side has closed
                break
            if not data:
                break
            seen += data
            if rest and rest[0][0].lower() in seen[searched:].lower():
                searched = len(seen)
                os.write(terminal, rest.pop(0)[1])
        else:
            os.kill(child, signal.SIGKILL)
        os.close(terminal)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return Result(status, seen, b'', time.monotonic() - begin)

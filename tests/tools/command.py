# SPDX-License-Identifier: Apache-2.0
"""Running the command with a home of its own, so that what this machine's user has configured counts for nothing."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from harness import check  # noqa: E402


class Command:
    def __init__(self, program, modules, home=None):
        self.program, self.modules = os.path.abspath(program), os.path.abspath(modules)
        self.wrapper = []
        self.home = home or tempfile.mkdtemp(prefix='hawser-tools-')
        self.environment = {k: v for k, v in os.environ.items()
                            if not k.startswith(('HAWSER_', 'XDG_'))}
        self.environment['HOME'] = self.home

    def close(self):
        shutil.rmtree(self.home)

    def module(self, name):
        return os.path.join(self.modules, name + '.so')

    def configure(self, text, directory='.config'):
        path = os.path.join(self.home, directory, 'hawser', 'config')
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path

    def unconfigure(self):
        shutil.rmtree(os.path.join(self.home, '.config'), ignore_errors=True)

    def run(self, *arguments, timeout=100, **environment):
        done = subprocess.run([*self.wrapper, self.program, *arguments], env={**self.environment, **environment}, cwd=self.home,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
        check(done.returncode >= 0, f'{arguments} died of signal {-done.returncode}: {done.stderr}')
        return done

    def refused(self, *arguments, words, status=2, **environment):
        """The command ends with STATUS and says WORDS, and nothing on standard output."""
        done = self.run(*arguments, **environment)
        check(done.returncode == status, f'{arguments}: status {done.returncode}: {done.stderr}')
        for word in [words] if isinstance(words, str) else words:
            check(word in done.stderr, f'{arguments}: no "{word}" in: {done.stderr}')
        check(done.stdout == '', f'{arguments}: wrote {done.stdout[:200]!r}')
        return done

    def suites(self, *arguments, **environment):
        """What `hawser ciphers --json` says, by the name of the suite."""
        done = self.run('ciphers', '--json', *arguments, **environment)
        check(done.returncode == 0, f'{arguments}: status {done.returncode}: {done.stderr}')
        return {suite['name']: suite for suite in json.loads(done.stdout)['suites']}

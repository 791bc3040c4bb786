#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run a command as a user whom a server of its own lets in.

usage: with_server.py COMMAND [ARGUMENT]...     127.0.0.1 and the server's port are appended

The command's HOME holds a key and known hosts; its exit status becomes ours. 77 if there is no sshd here.
"""

import os
import subprocess
import sys
import tempfile

from client import Client
from sshd import Keys, Sshd, available


def main():
    reason = available()
    if reason:
        print(reason)
        return 77
    with tempfile.TemporaryDirectory(prefix='hawser-server-') as top:
        keys = Keys(os.path.join(top, 'keys'), kinds=('ed25519',))
        with Sshd(os.path.join(top, 'server'), keys) as server:
            client = Client('', os.path.join(top, 'user'), server)
            kept = {name: os.environ[name] for name in ('LD_LIBRARY_PATH',) if name in os.environ}
            return subprocess.run([*sys.argv[1:], '127.0.0.1', str(server.port)], env=client.environment(kept),
                                  stdin=subprocess.DEVNULL, timeout=60).returncode


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An SFTP server whose disk is slow: OpenSSH's, with so many bytes a second through one of its pipes. Or whose
disk is bad: one byte that it is sent, so far from the beginning, is altered.

usage: slow_sftp.py reads|writes BYTES_PER_SECOND SERVER [ARGUMENT...]
       slow_sftp.py alters OFFSET SERVER [ARGUMENT...]
"""

import os
import subprocess
import sys
import threading
import time


def pass_on(source, target, rate, altered=None):
    passed = 0
    while True:
        data = os.read(source, 32768)
        if not data:
            break
        if altered is not None and passed <= altered < passed + len(data):
            at = altered - passed
            data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
        passed += len(data)
        if rate:
            time.sleep(len(data) / rate)
        view = memoryview(data)
        while view:
            view = view[os.write(target, view):]
    os.close(target)


def main():
    what, rate = sys.argv[1], float(sys.argv[2])
    server = subprocess.Popen(sys.argv[3:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    up = threading.Thread(target=pass_on, daemon=True,
                          args=(0, server.stdin.fileno(), rate if what == 'writes' else 0,
                                int(rate) if what == 'alters' else None))
    up.start()
    pass_on(server.stdout.fileno(), 1, rate if what == 'reads' else 0)


if __name__ == '__main__':
    main()

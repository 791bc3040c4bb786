#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenSSH's SFTP server until BYTES have come from the client; then it is killed, and STATUS is the end. A client
that ends it before gets its own status.

usage: cut_sftp.py BYTES STATUS
"""

import os
import subprocess
import sys

left, status = int(sys.argv[1]), int(sys.argv[2])
server = subprocess.Popen(['/usr/lib/openssh/sftp-server'], stdin=subprocess.PIPE, bufsize=0)
while left > 0:
    data = os.read(0, 65536)
    if not data:
        server.stdin.close()
        sys.exit(server.wait())
    server.stdin.write(data)
    left -= len(data)
server.kill()
server.wait()
sys.exit(status)

# SPDX-License-Identifier: Apache-2.0
"""A ProxyCommand: carry.py HOST PORT [BYTES]; after so many bytes to the server it ends with status 7."""

import os, select, socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
left = int(sys.argv[3]) if len(sys.argv) > 3 else None
while True:
    ready = select.select([0, connection], [], [])[0]
    for one in ready:
        data = os.read(one if one == 0 else connection.fileno(), 65536)
        if not data:
            sys.exit(0)
        if one == 0:
            connection.sendall(data)
            if left is not None:
                left -= len(data)
                if left < 0:
                    sys.exit(7)
        else:
            view = memoryview(data)
            while view:
                view = view[os.write(1, view):]

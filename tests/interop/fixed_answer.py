#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server that says what FILE holds, whatever it is told, and listens to the end.

usage: fixed_answer.py FILE    on a socket that is standard input and output
"""

import socket
import sys

peer = socket.socket(fileno=0)
try:
    with open(sys.argv[1], 'rb') as content:
        peer.sendfile(content)
    peer.shutdown(socket.SHUT_WR)
    while peer.recv(65536):
        pass
except OSError:
    pass  # the client has gone

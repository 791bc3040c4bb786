#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenSSH's SFTP server, with a count of what a client has under way.

usage: counting_sftp.py FILE    on standard input and output; when it ends FILE holds a line with the most
                                READs and WRITEs that were under way at once and the largest of them
"""

import os
import select
import struct
import subprocess
import sys

SERVER = '/usr/lib/openssh/sftp-server'
READ, WRITE = 5, 6


class Packets:
    """Cuts a stream into packets."""

    def __init__(self):
        self.data = b''

    def add(self, data):
        self.data += data
        while len(self.data) >= 4:
            length = struct.unpack('>I', self.data[:4])[0]
            if len(self.data) < 4 + length:
                break
            packet, self.data = self.data[:4 + length], self.data[4 + length:]
            yield packet


def size_of(packet):
    """Bytes of data that a READ or WRITE is for; None for another packet."""
    if packet[4] not in (READ, WRITE):
        return None
    handle = struct.unpack('>I', packet[9:13])[0]
    return struct.unpack('>I', packet[13 + handle + 8:13 + handle + 12])[0]


def main(report):
    server = subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    up, down, under_way = Packets(), Packets(), set()
    most, largest, held = 0, 0, []
    ended = False
    while True:
        # Answers are held back while requests still come, so that all that may come is seen.
        ready = select.select([*([] if ended else [0]), server.stdout], [], [], 0.01 if held else None)[0]
        if not ready:
            for packet in held:
                under_way.discard(packet[5:9])
                os.write(1, packet)
            held = []
        if 0 in ready:
            data = os.read(0, 1 << 20)
            if not data:
                ended = True
                server.stdin.close()
            for packet in up.add(data):
                size = size_of(packet)
                if size is not None:
                    under_way.add(packet[5:9])
                    most, largest = max(most, len(under_way)), max(largest, size)
                server.stdin.write(packet)
            if data:
                server.stdin.flush()
        if server.stdout in ready:
            data = os.read(server.stdout.fileno(), 1 << 20)
            if not data:
                break
            held += down.add(data)
    with open(report, 'w') as file:
        file.write(f'{most} {largest}\n')
    sys.exit(server.wait())


main(sys.argv[1])

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenSSH's SFTP server behind a connection that is lost before the server has worked off what it was sent.

In the first COUNT processes that meet a request of one of TYPES (OPEN: for writing; EXTENDED: posix-rename) the client sees the session
end there; this request and those behind it are carried out DELAY seconds later, when other connections have
long gone on. COUNT is kept in the folder STATE.

usage: late_sftp.py STATE COUNT TYPE,... DELAY SERVER [ARGUMENT...]
"""

import os
import select
import struct
import subprocess
import sys
import threading
import time

OPEN, EXTENDED, WRITE_FLAG = 3, 200, 2


def may_hold(state, count):
    """Whether this is one of the first COUNT."""
    for number in range(count):
        try:
            os.close(os.open(os.path.join(state, str(number)), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            return True
        except FileExistsError:
            continue
    return False


def is_meant(packet, kinds):
    if packet[4] not in kinds:
        return False
    if packet[4] == EXTENDED:
        return b'posix-rename@openssh.com' in packet[:40]
    if packet[4] != OPEN:
        return True
    (length,) = struct.unpack_from('>I', packet, 9)
    return struct.unpack_from('>I', packet, 13 + length)[0] & WRITE_FLAG != 0


def packets():
    data = b''
    while more := os.read(0, 65536):
        data += more
        while len(data) >= 4 and len(data) >= 4 + struct.unpack_from('>I', data)[0]:
            end = 4 + struct.unpack_from('>I', data)[0]
            yield data[:end], data[end:]
            data = data[end:]


def carry_out_later(server, held, delay):
    while select.select([0], [], [], 0.05)[0] and (more := os.read(0, 65536)):
        held += more
    if os.fork():
        os._exit(0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    time.sleep(delay)
    threading.Thread(target=server.stdout.read, daemon=True).start()
    server.stdin.write(held)
    server.stdin.close()
    server.wait()
    os._exit(0)


def answer(server):
    while data := os.read(server.stdout.fileno(), 65536):
        view = memoryview(data)
        while view:
            view = view[os.write(1, view):]


def main():
    state, count, delay = sys.argv[1], int(sys.argv[2]), float(sys.argv[4])
    kinds = [int(kind) for kind in sys.argv[3].split(',')]
    server = subprocess.Popen(sys.argv[5:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    threading.Thread(target=answer, daemon=True, args=(server,)).start()
    for packet, rest in packets():
        if is_meant(packet, kinds) and may_hold(state, count):
            carry_out_later(server, packet + rest, delay)
        server.stdin.write(packet)
    server.stdin.close()
    server.wait()


if __name__ == '__main__':
    main()

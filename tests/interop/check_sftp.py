#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenSSH's SFTP server with the extension check-file (draft-ietf-secsh-filexfer-extensions-00), which it lacks:
it is announced, and its requests are answered here; everything else passes through.

usage: check_sftp.py right|wrong|short|handle DIRECTORY SERVER [ARGUMENT...]

Relative names are below DIRECTORY. "handle" has only the form for open files, though it announces both.
"""

import hashlib
import os
import struct
import subprocess
import sys
import threading

LOCK = threading.Lock()


def text(data):
    return struct.pack('>I', len(data)) + data


def packets(file):
    while len(head := file.read(4)) == 4:
        yield file.read(struct.unpack('>I', head)[0])


def send(file, packet):
    with LOCK:
        file.write(text(packet))
        file.flush()


def take_text(data):
    size = struct.unpack('>I', data[:4])[0]
    return data[4:4 + size], data[4 + size:]


OPENED = {}  # paths by the request's id, then by handle


def note(packet):
    """What is opened, and as what."""
    if packet[0] == 3:
        OPENED[packet[1:5]] = take_text(packet[5:])[0]
    elif packet[0] == 102 and packet[1:5] in OPENED:
        OPENED[take_text(packet[5:])[0]] = OPENED.pop(packet[1:5])


def answer(kind, directory, packet):
    """The reply to a request for a hash, or None if it is another."""
    name, rest = take_text(packet[5:])
    if not name.startswith(b'check-file-'):
        return None
    if (name == b'check-file-handle') != (kind == 'handle'):
        return b'\x65' + packet[1:5] + struct.pack('>I', 8) + text(b'no such request') + text(b'')
    path, rest = take_text(rest)
    path = OPENED[path] if kind == 'handle' else path
    algorithms, rest = take_text(rest)
    assert algorithms.split(b',')[0] == b'sha256' and rest == struct.pack('>QQI', 0, 0, 0), rest
    with open(os.path.join(os.fsencode(directory), path), 'rb') as file:
        digest = hashlib.sha256(file.read()).digest()
    digest = {'right': digest, 'handle': digest, 'wrong': digest[::-1], 'short': digest[:7]}[kind]
    return b'\xc9' + packet[1:5] + text(b'check-file') + text(b'sha256') + digest


def upwards(kind, directory, server):
    for packet in packets(sys.stdin.buffer):
        note(packet)
        reply = answer(kind, directory, packet) if packet[0] == 200 else None
        if reply:
            send(sys.stdout.buffer, reply)
        else:
            server.stdin.write(text(packet))
            server.stdin.flush()
    server.stdin.close()


def main():
    server = subprocess.Popen(sys.argv[3:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    threading.Thread(target=upwards, daemon=True, args=(sys.argv[1], sys.argv[2], server)).start()
    for packet in packets(server.stdout):
        note(packet)
        if packet[0] == 2:
            packet += text(b'check-file') + text(b'')
        send(sys.stdout.buffer, packet)


if __name__ == '__main__':
    main()

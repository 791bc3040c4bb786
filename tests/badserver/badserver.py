# SPDX-License-Identifier: Apache-2.0
"""Servers that break the protocol before any key is agreed on, each in one way.

A behaviour is a function of a socket; it runs for every connection and returns when it has said
what it says. Then the server stays silent, with the connection open, until the test ends: the
command has to notice by itself.
"""

import os
import socket
import struct
import threading

VERSION = b'SSH-2.0-OpenSSH_9.2p1\r\n'
DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG, SERVICE_REQUEST, SERVICE_ACCEPT = 1, 2, 3, 4, 5, 6
KEXINIT, NEWKEYS, KEX_ECDH_INIT, KEX_ECDH_REPLY = 20, 21, 30, 31
USERAUTH_SUCCESS, GLOBAL_REQUEST, CHANNEL_DATA = 52, 80, 94

KEX = b'curve25519-sha256,kex-strict-s-v00@openssh.com'
LISTS = [KEX, b'ssh-ed25519', b'aes128-gcm@openssh.com', b'aes128-gcm@openssh.com', b'hmac-sha2-256',
         b'hmac-sha2-256', b'none', b'none', b'', b'']


def string(data):
    return struct.pack('>I', len(data)) + data


def packet(payload, padding=None):
    """A plaintext packet (RFC 4253 §6); PADDING overrides how much padding it says it has."""
    size = 8 - (5 + len(payload)) % 8
    if size < 4:
        size += 8
    said = size if padding is None else padding
    return struct.pack('>IB', 1 + len(payload) + size, said) + payload + bytes(size)


def kexinit(lists=None, follows=False, reserved=0):
    names = LISTS if lists is None else lists
    return bytes([KEXINIT]) + os.urandom(16) + b''.join(map(string, names)) + struct.pack('>?I', follows, reserved)


class BadServer:
    """Listen on a loopback port and behave badly."""

    def __init__(self, behaviour):
        self.behaviour = behaviour
        self.open = []
        self.connections = 0
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        self.listener.settimeout(0.1)
        while not self.stopped.is_set():
            try:
                connection, _ = self.listener.accept()
            except TimeoutError:
                continue
            self.connections += 1
            self.open.append(connection)
            threading.Thread(target=self.behave, args=(connection,), daemon=True).start()
        self.listener.close()

    def behave(self, connection):
        connection.settimeout(30)
        try:
            self.behaviour(connection, self.stopped)
        except OSError:
            pass  # the command has hung up, as it should

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.stopped.set()
        self.thread.join(timeout=5)
        for connection in self.open:
            connection.close()


def says(*pieces):
    """A server that sends PIECES, then nothing."""
    def behave(connection, stopped):
        for piece in pieces:
            connection.sendall(piece)
        read_to_end(connection, stopped)
    return behave


def greets(*pieces):
    """A server that sends its version and KEXINIT in good order, then PIECES."""
    return says(VERSION, packet(kexinit()), *pieces)


def hangs_up(*pieces):
    """A server that sends PIECES and closes."""
    def behave(connection, stopped):
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        read_to_end(connection, stopped)
    return behave


def for_ever(piece, *first):
    """A server that sends FIRST and then PIECE again and again."""
    def behave(connection, stopped):
        for part in first:
            connection.sendall(part)
        while not stopped.is_set():
            connection.sendall(piece)
    return behave


def drips(data, seconds):
    """A server that sends one byte of DATA each SECONDS."""
    def behave(connection, stopped):
        for byte in data:
            if stopped.wait(seconds):
                return
            connection.sendall(bytes([byte]))
        read_to_end(connection, stopped)
    return behave


def read_to_end(connection, stopped):
    connection.settimeout(0.2)
    while not stopped.is_set():
        try:
            if not connection.recv(65536):
                return
        except TimeoutError:
            continue

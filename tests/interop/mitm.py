# SPDX-License-Identifier: Apache-2.0
"""Somebody on the path who reads the handshake while it is in the clear, and drops and inserts packets."""

import select
import socket
import struct
import threading

KEXINIT, NEWKEYS = 20, 21
UP, DOWN = 'up', 'down'


def packet(payload):
    """A packet in the clear (RFC 4253 §6)."""
    size = 8 - (5 + len(payload)) % 8
    size += 8 if size < 4 else 0
    return struct.pack('>IB', 1 + len(payload) + size, size) + payload + bytes(size)


class Direction:
    """One direction of a connection: what is cut into packets until NEWKEYS has passed."""

    def __init__(self, name, source, target, mitm):
        self.name, self.source, self.target, self.mitm = name, source, target, mitm
        self.buffer = b''
        self.version = self.sealed = False
        self.dropping = mitm.drop == name

    def forward(self):
        """Forward what has come; False at the end."""
        data = self.source.recv(65536)
        if not data:
            return False
        self.buffer += data
        out = self.take()
        if out:
            self.target.sendall(out)
        return True

    def take(self):
        out = b''
        if not self.version and b'\n' in self.buffer:
            line, _, self.buffer = self.buffer.partition(b'\n')
            self.version = True
            out += line + b'\n'
        while self.version and not self.sealed and len(self.buffer) >= 4:
            size = 4 + struct.unpack('>I', self.buffer[:4])[0]
            if len(self.buffer) < size:
                break
            whole, self.buffer = self.buffer[:size], self.buffer[size:]
            out += self.mitm.inserted(self.name, whole[5]) + whole
            self.sealed = whole[5] == NEWKEYS
        if self.sealed and self.buffer:
            out += self.sealed_bytes()
        return out

    def sealed_bytes(self):
        data, self.buffer = self.buffer, b''
        if self.dropping:
            # Whoever speaks first under new keys has nothing more to say until it is answered: the flight
            # is the first packet, or the first ones.
            self.dropping = False
            self.mitm.dropped += len(data)
            return b''
        return data


class Mitm:
    """Forward 127.0.0.1:port to the server's port.

    insert: {(direction, number): payload}: a packet in the clear in front of the first with that message number.
    drop: the direction whose first sealed flight is dropped, or None.
    """

    def __init__(self, server_port, *, insert=None, drop=None):
        self.server_port, self.insert, self.drop = server_port, dict(insert or {}), drop
        self.dropped = self.insertions = 0
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.stopped = False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def inserted(self, direction, number):
        payload = self.insert.pop((direction, number), None)
        if payload is None:
            return b''
        self.insertions += 1
        return packet(payload)

    def serve(self):
        self.listener.settimeout(0.1)
        while not self.stopped:
            try:
                client, _ = self.listener.accept()
            except TimeoutError:
                continue
            with client, socket.create_connection(('127.0.0.1', self.server_port)) as server:
                try:
                    self.forward(client, server)
                except OSError:
                    pass
        self.listener.close()

    def forward(self, client, server):
        # A flight that leaves in one piece arrives in one.
        for side in (client, server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ways = {client: Direction(UP, client, server, self), server: Direction(DOWN, server, client, self)}
        while not self.stopped:
            for side in select.select(list(ways), [], [], 0.1)[0]:
                if not ways[side].forward():
                    return

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.stopped = True
        self.thread.join(timeout=10)

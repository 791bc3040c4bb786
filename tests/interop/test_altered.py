#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packets of a real server that are altered on their way, where the MAC covers the plaintext: the client ends after
the same number of bytes and with the same words, however their length deciphers.

usage: test_altered.py HAWSER [NAME...]
"""

import os
import socket
import struct
import threading

from suite import check, main

NEWKEYS = 21
BLOCKS = {'aes128-cbc': 16, '3des-cbc': 8, 'aes256-ctr': 16}
TAGS = {'hmac-sha2-256': 32, 'hmac-sha1': 20, 'umac-64@openssh.com': 8}
# What is taken from where the altered packet begins: the largest packet, but for the MAC.
LARGEST = 4 + 262144


class Altering:
    """A relay for one connection. ALTER gets the first BLOCK bytes behind the server's NEWKEYS, and what comes of it
    goes on to the client, then noise."""

    def __init__(self, server_port, block, alter):
        self.server_port, self.block, self.alter = server_port, block, alter
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.listener.settimeout(20)
        self.port = self.listener.getsockname()[1]
        self.client = self.server = None
        self.ready, self.closed = threading.Event(), threading.Event()
        self.sent = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        self.client, _ = self.listener.accept()
        self.server = socket.create_connection(('127.0.0.1', self.server_port))
        threading.Thread(target=self.forward_up, daemon=True).start()
        self.forward_clear()
        self.send(self.alter(self.take(self.block)))
        self.ready.set()

    def forward_up(self):
        """What the client says; it has closed when nothing comes any more."""
        try:
            while data := self.client.recv(65536):
                self.server.sendall(data)
        except OSError:
            pass
        self.closed.set()

    def take(self, n):
        data = b''
        while len(data) < n:
            more = self.server.recv(n - len(data))
            check(more, 'the server has ended the connection')
            data += more
        return data

    def forward_clear(self):
        """The version line, and packets up to NEWKEYS."""
        line = b''
        while not line.endswith(b'\n'):
            line += self.take(1)
        self.client.sendall(line)
        number = None
        while number != NEWKEYS:
            head = self.take(4)
            body = self.take(struct.unpack('>I', head)[0])
            number = body[1]
            self.client.sendall(head + body)

    def send(self, data):
        self.client.sendall(data)
        self.sent += len(data)

    def close(self):
        for end in (self.client, self.server, self.listener):
            if end:
                end.close()


def bytes_until_end(world, cipher, mac, alter):
    """How many bytes of an altered packet the client has taken when it ends; it says what it must."""
    relay = Altering(world.server.port, BLOCKS[cipher], alter)
    client = world.new_client(world.server, relay.port)
    child = client.start('-c', cipher, '-o', f'MACs={mac}', world.path(b'absent'), client.remote(b'nowhere'))
    end = LARGEST + TAGS[mac]
    check(relay.ready.wait(20), 'no key exchange')
    noise = os.urandom(end)
    while relay.sent < end - 1 and not relay.closed.is_set():
        relay.send(noise[relay.sent:min(end - 1, relay.sent + 30011)])
    check(not relay.closed.wait(0.3), f'closed before byte {relay.sent}')
    relay.send(b'!')
    check(relay.closed.wait(10), f'still open after byte {relay.sent}')
    out, err = child.communicate(timeout=10)
    relay.close()
    check(child.returncode == 255, f'{child.returncode} {out} {err}')
    check(b'packet 0 failed its integrity check' in err, str(err))
    return err


def nothing_shows(world, cipher, mac):
    noise = [lambda block: os.urandom(len(block)) for _ in range(3)]
    lengths = [lambda block, x=x: bytes(a ^ b for a, b in zip(block, x.to_bytes(4, 'big') + bytes(len(block) - 4)))
               for x in (0x80000000, 0x00030000, 0x10, 1)]
    # As the server sent it: what follows is not, so the length is right and the MAC is not.
    words = {bytes_until_end(world, cipher, mac, alter) for alter in [*noise, *lengths, bytes]}
    check(len(words) == 1, str(words))


def tests():
    for cipher, mac in (('aes128-cbc', 'hmac-sha2-256'), ('3des-cbc', 'hmac-sha1'),
                        ('aes256-ctr', 'umac-64@openssh.com'), ('aes256-ctr', 'hmac-sha2-256')):
        yield f'{cipher} with {mac}', nothing_shows, (cipher, mac)


if __name__ == '__main__':
    main(tests(), options=['Ciphers +aes128-cbc,3des-cbc'])

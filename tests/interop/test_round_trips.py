#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How often a copy waits for a server that is 100 ms away: no more than docs/architecture.md says.

The relay answers TCP's own handshake, so that it is not in the figures.
"""

import os
import queue
import socket
import subprocess
import sys
import threading
import time

import trees
from client import Client
from suite import check, main, succeeded

DELAY = 0.05  # each way
UP, DOWN = 'up', 'down'


class Counter:
    """A relay that is far away and counts: what the client sends belongs to the trip behind that of whatever has
    reached it by then, what the server sends to that of whatever has reached the server. Unlike times, that
    does not depend on how busy the machine is."""

    def __init__(self, server_port):
        self.server_port = server_port
        self.reached = {UP: 0, DOWN: 0}  # the trip of what was delivered last
        self.connections = 0
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def trips(self):
        return self.reached[DOWN]

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection(('127.0.0.1', self.server_port))
            for way, source, target in ((UP, client, server), (DOWN, server, client)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                line = queue.SimpleQueue()
                threading.Thread(target=self.take, args=(way, source, line), daemon=True).start()
                threading.Thread(target=self.give, args=(way, target, line), daemon=True).start()

    def take(self, way, source, line):
        data = b'first'
        while data:
            try:
                data = source.recv(65536)
            except OSError:
                data = b''
            trip = self.reached[DOWN] + 1 if way == UP else self.reached[UP]
            line.put((time.monotonic() + DELAY, trip, data))

    def give(self, way, target, line):
        data = b'first'
        while data:
            due, trip, data = line.get()
            time.sleep(max(0, due - time.monotonic()))
            if data:
                self.reached[way] = max(self.reached[way], trip)
            try:
                target.sendall(data) if data else target.shutdown(socket.SHUT_WR)
            except OSError:
                return

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.listener.close()


def trips(world, operands, *options, server=None, prepare=None):
    """The round trips of a copy."""
    server = server or world.server
    with Counter(server.port) as counter:
        client = Client(world.hawser, world.fresh('user'), server, counter.port)
        if prepare:
            prepare(client, counter.port)
        result = client.cp(*options, *operands(client))
        succeeded(result)
        check(counter.connections == 1, f'{counter.connections} connections')
        check(result.seconds > counter.trips * 2 * DELAY * 0.9, f'{counter.trips} trips in {result.seconds:.2f} s')
        return counter.trips


def expect(count, most, what):
    check(count <= most, f'{what}: {count} round trips, not {most}')
    # Two answers cannot come before what they answer: fewer would be an error of this test.
    check(count >= 6, f'{what}: {count} round trips')


def small_file(world):
    source = world.path(b'source')
    trees.make_file(source, 1000)
    return source


def download(world, most, *options, **others):
    source = small_file(world)
    count = trips(world, lambda client: (client.remote(source), world.path(b'f')), *options, **others)
    expect(count, most, 'a small file down')


def upload(world, most):
    source = small_file(world)
    count = trips(world, lambda client: (source, client.remote(world.path(b'f'))))
    expect(count, most, 'a small file up')


def tree(world, number, most, up):
    """What lies in one directory takes few trips more for being more."""
    source = world.path(b'tree')
    trees.make_many(source, number, 100, per_directory=1000)
    if up:
        count = trips(world, lambda client: ('-r', source, client.remote(world.path())))
    else:
        count = trips(world, lambda client: ('-r', client.remote(source), world.path()))
    expect(count, most, f'{number} files {"up" if up else "down"}')


def host_certificate(world, most):
    """The certificate comes with the key exchange: no more trips."""
    directory = world.fresh('ca')
    ca, key = os.path.join(directory, 'ca'), world.keys.host['ed25519']
    subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', ca], check=True, stdin=subprocess.DEVNULL)
    subprocess.run(['ssh-keygen', '-q', '-s', ca, '-I', 'host', '-h', '-n', '127.0.0.1', key + '.pub'], check=True,
                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = world.new_server(kinds=['ed25519'], options=[f'HostCertificate {key}-cert.pub'])
    with open(ca + '.pub') as file:
        authority = file.read()

    def prepare(client, port):
        client.write('known_hosts', f'@cert-authority [127.0.0.1]:{port} {authority}')

    download(world, most, server=server, prepare=prepare)


def tests():
    yield 'a small file down', download, (8,)
    yield 'a small file up', upload, (9,)
    for kex, most in (('curve25519-sha256', 8), ('sntrup761x25519-sha512@openssh.com', 8),
                      ('diffie-hellman-group14-sha256', 8), ('diffie-hellman-group-exchange-sha256', 9)):
        yield f'exchange: {kex}', download, (most, '-o', f'KexAlgorithms={kex}')
    yield 'with a host certificate', host_certificate, (8,)
    for number, down, up in ((5, 12, 10), (300, 16, 18)):
        yield f'{number} files down', tree, (number, down, False)
        yield f'{number} files up', tree, (number, up, True)


if __name__ == '__main__':
    sys.exit(main(tests()))

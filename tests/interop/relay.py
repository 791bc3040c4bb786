# SPDX-License-Identifier: Apache-2.0
"""A TCP relay between the command and a server that can cut or throttle the connection."""

import selectors
import socket
import threading
import time

UP, DOWN = 'up', 'down'


class Relay:
    """Forward 127.0.0.1:port to the server's port.

    cut: (direction, bytes): when so many bytes of that direction have been forwarded, both sides are
        reset and no further connection is accepted, so that a client that tries again fails.
    stall: (direction, bytes): from there on nothing is forwarded in either direction, but both
        connections stay open, as behind a router that lost them.
    rate: bytes per second and direction, roughly; None for no limit.
    """

    def __init__(self, server_port, *, cut=None, stall=None, rate=None):
        self.server_port, self.cut, self.stall, self.rate = server_port, cut, stall, rate
        self.forwarded = {UP: 0, DOWN: 0}
        self.connections = 0
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.stopped = False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        self.listener.settimeout(0.1)
        while not self.stopped:
            try:
                client, _ = self.listener.accept()
            except TimeoutError:
                continue
            except OSError:
                break
            self.connections += 1
            with client, socket.create_connection(('127.0.0.1', self.server_port)) as server:
                if not self.forward(client, server):
                    break
        self.listener.close()

    def forward(self, client, server):
        """Forward until both sides are done; False if the connection was cut."""
        with selectors.DefaultSelector() as waiting:
            waiting.register(client, selectors.EVENT_READ, (server, UP))
            waiting.register(server, selectors.EVENT_READ, (client, DOWN))
            while not self.stopped and waiting.get_map():
                for key, _ in waiting.select(timeout=0.1):
                    target, direction = key.data
                    try:
                        more = self.copy(key.fileobj, target, direction)
                    except OSError:
                        return True
                    if more is None:
                        # What was sent is delivered first, on loopback; then the line is dead.
                        client.shutdown(socket.SHUT_RDWR)
                        server.shutdown(socket.SHUT_RDWR)
                        return False
                    if not more:
                        waiting.unregister(key.fileobj)
        return True

    def copy(self, source, target, direction):
        """Forward once: True, False at the end of this direction, None when it is time to cut."""
        limit = 65536 if not self.rate else max(512, int(self.rate * 0.02))
        if self.stall and self.forwarded[self.stall[0]] >= self.stall[1]:
            time.sleep(0.05)
            return True
        data = source.recv(limit)
        if not data:
            target.shutdown(socket.SHUT_WR)
            return False
        if self.cut and self.cut[0] == direction:
            left = self.cut[1] - self.forwarded[direction]
            if len(data) >= left:
                target.sendall(data[:left])
                self.forwarded[direction] += left
                return None
        target.sendall(data)
        self.forwarded[direction] += len(data)
        if self.rate:
            time.sleep(len(data) / self.rate)
        return True

    def stop(self):
        self.stopped = True
        self.thread.join(timeout=10)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.stop()

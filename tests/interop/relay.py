# SPDX-License-Identifier: Apache-2.0
"""A TCP relay between the command and a server that can cut or throttle the connection."""

import collections
import selectors
import socket
import struct
import threading
import time

UP, DOWN = 'up', 'down'
LOGIN = 16384  # bytes that logging in takes, at most


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


class Network:
    """Forward 127.0.0.1:port to the server's port, any number of connections at a time, as a network that
    is far away, slow, or unreliable.

    delay: seconds that everything takes in each direction.
    rate: bytes per second and direction, over all connections together; None for no limit.
    cuts: how many connections are cut, one after (LEAST, MOST) bytes each, drawn by RANDOM.
    stall: instead of being reset a cut connection merely carries nothing more.
    """

    CHUNK = 256 * 1024

    def __init__(self, server_port, *, delay=0, rate=None, cuts=0, between=(1, 1), stall=False, random=None):
        self.server_port, self.delay, self.rate, self.stall = server_port, delay, rate, stall
        self.cuts, self.between, self.random = cuts, between, random
        self.forwarded = {UP: 0, DOWN: 0}
        self.connections = self.cut_count = self.open_now = self.open_most = 0
        self.refusing = False
        self.free_at = {UP: 0.0, DOWN: 0.0}
        self.lock = threading.Lock()
        self.live = set()
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.stopped = False
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while not self.stopped:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.refusing:
                client.close()
                continue
            try:
                server = socket.create_connection(('127.0.0.1', self.server_port))
            except OSError:
                client.close()
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = Line(self, client, server)
            with self.lock:
                self.connections += 1
                self.live.add(line)
                self.open_now = len(self.live)
                self.open_most = max(self.open_most, self.open_now)
            line.start()

    def draw_cut(self):
        """After how many bytes the next connection is cut, or None."""
        with self.lock:
            if self.cut_count >= self.cuts:
                return None
            left = self.random.randint(*self.between)
            # A first login that fails is not tried again.
            return left + LOGIN if self.connections == 0 else left

    def cut_all(self):
        """Cut every connection that is open now."""
        with self.lock:
            lines = list(self.live)
        for line in lines:
            line.cut()
        return len(lines)

    def wait_for_rate(self, direction, size):
        if not self.rate:
            return
        with self.lock:
            now = time.monotonic()
            self.free_at[direction] = max(self.free_at[direction], now) + size / self.rate
            until = self.free_at[direction]
        time.sleep(max(0, until - now))

    def stop(self):
        self.stopped = True
        self.listener.close()
        self.cut_all()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.stop()


class Line:
    """One connection through a Network."""

    def __init__(self, network, client, server):
        self.network, self.client, self.server = network, client, server
        self.number = network.connections
        self.left = network.draw_cut()
        self.dead = self.silent = False
        self.running = 2
        self.queues = {UP: collections.deque(), DOWN: collections.deque()}
        self.arrived = {UP: threading.Semaphore(0), DOWN: threading.Semaphore(0)}

    def start(self):
        for direction, source, target in ((UP, self.client, self.server), (DOWN, self.server, self.client)):
            if self.network.delay:
                threading.Thread(target=self.read, args=(direction, source), daemon=True).start()
                threading.Thread(target=self.write_later, args=(direction, target), daemon=True).start()
            else:
                threading.Thread(target=self.copy, args=(direction, source, target), daemon=True).start()

    def receive(self, source):
        rate = self.network.rate
        try:
            return source.recv(self.network.CHUNK if not rate else max(2048, min(65536, int(rate * 0.01))))
        except OSError:
            return b''

    def send(self, direction, target, data):
        """False at the end."""
        network = self.network
        self.network.wait_for_rate(direction, len(data))
        cut = False
        if self.left is not None:
            with network.lock:
                if network.cut_count < network.cuts:
                    data = data[:self.left]
                    self.left -= len(data)
                    cut = self.left == 0 and not self.silent and not self.dead
                    network.cut_count += cut
        try:
            if not self.silent:
                target.sendall(data)
        except OSError:
            return False
        network.forwarded[direction] += len(data)
        if cut and network.stall:
            self.silent = True
        elif cut:
            self.cut()
            return False
        return True

    def copy(self, direction, source, target):
        while True:
            data = self.receive(source)
            if not data or not self.send(direction, target, data):
                break
        self.ended(target)

    def read(self, direction, source):
        while True:
            data = self.receive(source)
            self.queues[direction].append((time.monotonic() + self.network.delay, data))
            self.arrived[direction].release()
            if not data:
                return

    def write_later(self, direction, target):
        while True:
            self.arrived[direction].acquire()
            due, data = self.queues[direction].popleft()
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            if not data or not self.send(direction, target, data):
                break
        self.ended(target)

    def ended(self, target):
        try:
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        with self.network.lock:
            self.running -= 1
            last = self.running == 0
            if last:
                self.network.live.discard(self)
        if last:
            self.client.close()
            self.server.close()

    def cut(self):
        self.dead = True
        for end in (self.client, self.server):
            try:
                # Reset, not closed in order.
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

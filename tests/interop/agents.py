# SPDX-License-Identifier: Apache-2.0
"""Agents for tests: OpenSSH's own; one in software that signs as FIDO tokens do; ones that misbehave.

The token is real in all that a server can see: Debian's sshd verifies what it signs (PROTOCOL.u2f).
"""

import hashlib
import os
import signal
import socket
import struct
import subprocess
import threading
import time

from sshd import end_with_parent

FAILURE, REQUEST_IDENTITIES, IDENTITIES_ANSWER, SIGN_REQUEST, SIGN_RESPONSE = 5, 11, 12, 13, 14
ED25519_SK, ECDSA_SK = b'sk-ssh-ed25519@openssh.com', b'sk-ecdsa-sha2-nistp256@openssh.com'


def string(data):
    return struct.pack('>I', len(data)) + data


def take_string(data):
    size = struct.unpack('>I', data[:4])[0]
    return data[4:4 + size], data[4 + size:]


class SshAgent:
    """OpenSSH's agent with KEYS (private key files; a certificate beside one is added too)."""

    def __init__(self, directory, keys=(), *options):
        self.path = os.path.join(directory, 'agent')
        self.child = subprocess.Popen(['ssh-agent', '-D', '-a', self.path], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                                      preexec_fn=end_with_parent)
        deadline = time.monotonic() + 10
        while not self.answers() and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            for key in keys:
                self.add(key, *options)
        except BaseException:
            self.__exit__()
            raise

    def answers(self):
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(self.path)
        except OSError:
            return False
        return True

    def add(self, *arguments):
        subprocess.run(['ssh-add', '-q', *arguments], check=True, stdin=subprocess.DEVNULL,
                       env={**os.environ, 'SSH_AUTH_SOCK': self.path}, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait()


class Agent:
    """Answers requests by ANSWER(number, body), which returns the bytes to send, or None to hang up."""

    def __init__(self, directory, answer):
        self.path = os.path.join(directory, 'agent')
        self.answer = answer
        self.requests = []
        self.stopped = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.converse, args=(connection,), daemon=True).start()

    def converse(self, connection):
        with connection, connection.makefile('rb') as reader:
            try:
                while True:
                    head = reader.read(4)
                    if len(head) < 4:
                        return
                    body = reader.read(struct.unpack('>I', head)[0])
                    self.requests.append(body[0])
                    reply = self.answer(body[0], body[1:])
                    if reply is None:
                        return
                    connection.sendall(reply)
            except OSError:
                return

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.stopped.set()
        self.listener.close()


class Token:
    """One key of a FIDO token, in software: OpenSSL holds its private half in a file."""

    def __init__(self, path, kind=ED25519_SK, application=b'ssh:', flags=1):
        self.path, self.kind, self.application, self.flags, self.counter = path, kind, application, flags, 41
        algorithm = (['-algorithm', 'ED25519'] if kind == ED25519_SK
                     else ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'])
        subprocess.run(['openssl', 'genpkey', *algorithm, '-out', path], check=True, stderr=subprocess.DEVNULL)
        der = subprocess.run(['openssl', 'pkey', '-in', path, '-pubout', '-outform', 'DER'], check=True,
                             capture_output=True).stdout
        point = string(der[-32:]) if kind == ED25519_SK else string(b'nistp256') + string(der[-65:])
        self.blob = string(kind) + point + string(application)
        self.certificate = None  # blob; listed and signed for in place of the plain key

    def sign(self, data):
        self.counter += 1
        tail = struct.pack('>BI', self.flags, self.counter)
        covered = hashlib.sha256(self.application).digest() + tail + hashlib.sha256(data).digest()
        with open(self.path + '.data', 'wb') as file:
            file.write(covered)
        command = (['pkeyutl', '-sign', '-rawin', '-inkey', self.path, '-in', file.name]
                   if self.kind == ED25519_SK else ['dgst', '-sha256', '-sign', self.path, file.name])
        made = subprocess.run(['openssl', *command], check=True, capture_output=True).stdout
        if self.kind == ECDSA_SK:
            made = from_der(made)
        return string(self.kind) + string(made) + tail


def from_der(der):
    """SEQUENCE of two INTEGERs as two mpints; short lengths, as P-256 has them."""
    first = der[3]
    r, s = der[4:4 + first], der[6 + first:]
    return string(r) + string(s)


def token_agent(tokens):
    """What an agent that holds TOKENS answers."""
    def answer(number, body):
        if number == REQUEST_IDENTITIES:
            listed = b''.join(string(t.certificate or t.blob) + string(b'a token') for t in tokens)
            return string(bytes([IDENTITIES_ANSWER]) + struct.pack('>I', len(tokens)) + listed)
        blob, rest = take_string(body)
        for token in tokens:
            if number == SIGN_REQUEST and blob in (token.blob, token.certificate):
                return string(bytes([SIGN_RESPONSE]) + string(token.sign(take_string(rest)[0])))
        return string(bytes([FAILURE]))
    return answer

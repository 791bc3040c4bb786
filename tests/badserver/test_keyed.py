#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Servers that break the rules under agreed keys (keyed.py has their traits).

usage: test_keyed.py HAWSER [NAME...]

Each ends in time, in bounded memory, with one status and a sentence that no terminal obeys. tests/connection
has every message in every phase, in memory; here is the command, to its end.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'interop'))

from client import Client  # noqa: E402
from harness import Report, check  # noqa: E402
from sshd import end_with_parent, free_port, make_key, public_key  # noqa: E402

PYTHON = '/usr/bin/python3'
TIMEOUT, SLACK = 3, 10
# (trait, what the message must contain), ending the connection.
ENDS = [
    ('DISCONNECT under new keys', 'go away'),
    ('DISCONNECT at the login', 'go away'),
    ('DISCONNECT at the channel', 'go away'),
    ('DISCONNECT at the subsystem', 'go away'),
    ('DISCONNECT of 200 KB', 'xxxx'),
    ('data for no channel', 'channel'),
    ('data for channel 2^32 - 1', 'channel'),
    ('data before the confirmation', 'channel'),
    ('errors for no channel', 'channel'),
    ('window for no channel', 'channel'),
    ('window beyond 2^32', 'window'),
    ('EOF of no channel', 'channel'),
    ('close of no channel', 'channel'),
    ('close twice', None),
    ('data behind close', None),
    ('data behind EOF', None),
    ('request for no channel', 'channel'),
    ('success for no channel', 'channel'),
    ('success unasked', None),
    ('confirmation of no channel', 'channel'),
    ('confirmation twice', None),
    ('confirmation with packets of 0', None),
    ('failure with escapes', 'go away'),
    ('a window overrun', None),
    ('a window overrun by errors', None),
    ('data beyond the packet size', None),
    ('global success unasked', None),
    ('login success twice', None),
    ('service accepted twice', None),
    ('EXT_INFO of 2^32 - 1 entries', None),
    ('EXT_INFO with bytes behind its end', None),
    ('KEXINIT cut short', None),
    ('KEXINIT twice', None),
    ('NEWKEYS unasked', None),
    ('new keys at once', None),  # and answers within the exchange
    ('banners for ever', None),
    ('EXT_INFO for ever', 'before the login was done'),
    ('IGNORE for ever', 'before the login was done'),
]
# Borne: what was asked for gets its answer, which is that there is no such file.
BORNE = [
    'nothing', 'EXT_INFO again and again', 'EXT_INFO of many entries', 'EXT_INFO with names of escapes',
    'banners again and again', 'a banner of 200 KB', 'IGNORE again and again', 'DEBUG again and again',
    'unknown messages again and again', 'global requests again and again', 'channels again and again', 'forwarded channels',
    'requests again and again', 'a wrong guess', 'KEXINIT of long lists', 'rekeying 200 times',
    'rekeying for ever',
]


class World:
    def __init__(self, hawser):
        self.hawser, self.top = hawser, tempfile.mkdtemp(prefix='hawser-keyed-')
        self.host_key, self.user_key = os.path.join(self.top, 'host'), os.path.join(self.top, 'user')
        make_key(self.host_key)
        make_key(self.user_key)
        self.children = []

    def start(self, trait):
        port = free_port()
        with open(os.path.join(self.top, 'log'), 'ab') as log:
            child = subprocess.Popen(
                [PYTHON, '-W', 'ignore', os.path.join(HERE, 'keyed.py'),
                 json.dumps({'port': port, 'host_key': self.host_key, 'trait': trait})],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, preexec_fn=end_with_parent)
        self.children.append(child)
        return child, port

    def user(self, port):
        client = Client(self.hawser, tempfile.mkdtemp(dir=self.top))
        client.port = port
        client.write('known_hosts', f'[127.0.0.1]:{port} {public_key(self.host_key)}\n')
        with open(self.user_key, 'rb') as key:
            client.write('id_ed25519', key.read(), mode=0o600)
        return client

    def meet(self, trait):
        child, port = self.start(trait)
        client = self.user(port)
        # A shadow memory needs more than any limit.
        limit = [] if 'ASAN_OPTIONS' in os.environ else ['sh', '-c', 'ulimit -v 1500000; exec "$@"', 'sh']
        # The attempts to connect pass the time that Python needs to start.
        try:
            wait_for(port)
            return client.cp('-o', f'ConnectTimeout={TIMEOUT}', client.remote(b'/no/file'), self.top + '/target',
                             wrapper=limit, timeout=60)
        finally:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def ends(self, trait, word):
        result = self.meet(trait)
        check(result.status == 255, f'expected status 255: {result}')
        judge(result)
        check(not word or word.encode() in result.err.lower(), f'{word!r} is not named: {result}')

    def bears(self, trait):
        result = self.meet(trait)
        check(result.status == 1 and b'/no/file' in result.err, f'expected the answer: {result}')
        judge(result)

    def end(self):
        for child in self.children:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
        shutil.rmtree(self.top)


def wait_for(port):
    """Until something listens at PORT; no connection is made, which would be counted as one."""
    wanted = f'{port:04X}'
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with open('/proc/net/tcp') as file:
            if re.search(rf'^\s*\d+: 0100007F:{wanted} \S+ 0A ', file.read(), flags=re.M):
                return
        time.sleep(0.05)
    raise RuntimeError('the server did not start')


def judge(result):
    check(result.seconds < TIMEOUT + SLACK, f'took too long: {result}')
    check(result.err.strip(), f'nothing was said: {result}')
    check(not set(result.err) & {0x1b, 0x07, 0x0d}, f'raw control characters: {result}')
    check('\u202e'.encode() not in result.err and b'\xc2\x9b' not in result.err, f'raw controls of Unicode: {result}')
    check(len(result.err) < 150_000, f'{len(result.err)} bytes were said: {result}')


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    report = Report(sys.argv[2:])
    if not os.path.exists(PYTHON) or subprocess.run([PYTHON, '-c', 'import paramiko'], capture_output=True).returncode:
        report.skip('suite', f'{PYTHON} has no paramiko (package python3-paramiko)')
        return report.end()
    signal.signal(signal.SIGTERM, lambda *ignored: sys.exit(1))
    world = World(sys.argv[1])
    try:
        for trait, word in ENDS:
            report.run(trait, world.ends, trait, word)
        for trait in BORNE:
            report.run(trait, world.bears, trait)
    finally:
        world.end()
    return report.end()


if __name__ == '__main__':
    sys.exit(main())

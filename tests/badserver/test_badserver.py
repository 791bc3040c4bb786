#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Peers that break the protocol in the clear: each ends in status 255 and a sentence, in time.

usage: test_badserver.py HAWSER [NAME...]

What a peer can do wrong under agreed keys is in test_keyed.py, and in memory, with two connection cores.
"""

import os
import random
import shutil
import struct
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'interop'))

import badserver as bad  # noqa: E402
from badserver import VERSION, drips, for_ever, greets, hangs_up, kexinit, packet, says, string  # noqa: E402
from client import Client  # noqa: E402
from harness import Report, check  # noqa: E402

# The longest that a handshake may take when ConnectTimeout says so, and what starting costs.
TIMEOUT, SLACK = 2, 5


def lists(**changed):
    names = list(bad.LISTS)
    for index, value in changed.items():
        names[int(index[1:])] = value
    return names


# What cannot end before the timeout does: silence, and bytes that could still become something.
SLOW = [
    ('silence', says()),
    ('version and then silence', says(VERSION)),
    ('half a version line', says(b'SSH-2.0-Open')),
    ('banner lines and then silence', says(b'hello\r\nhello\r\n')),
    ('half a packet', says(VERSION, packet(kexinit())[:100])),
    ('KEXINIT is answered with silence', greets()),
    ('KEXINIT drips in', drips(VERSION + packet(kexinit()), 0.1)),
]

# (name, behaviour, what the message must contain)
QUICK = [
    ('closes at once', hangs_up(), None),
    ('closes after the version', hangs_up(VERSION), None),
    ('closes after KEXINIT', hangs_up(VERSION, packet(kexinit())), None),
    ('closes within a packet', hangs_up(VERSION, packet(kexinit())[:50]), None),
    ('IGNORE for ever instead of KEXINIT', for_ever(packet(bytes([bad.IGNORE]) + string(b'x' * 100)), VERSION),
     'before the login was done'),
    ('a version line that never ends', for_ever(b'S' * 4096, b'SSH-2.0-'), 'version'),
    ('a banner that never ends', for_ever(b'hello\r\n' * 500), None),
    ('a banner line that never ends', for_ever(b'x' * 4096), None),
    ('NUL in the version line', says(b'SSH-2.0-Open\0SSH\r\n'), 'version'),
    ('SSH 1', says(b'SSH-1.5-old\r\n'), 'version'),
    ('SSH 3', says(b'SSH-3.0-new\r\n'), 'version'),
    ('a version without software', says(b'SSH-2.0\r\n'), 'version'),
    ('an HTTP server', hangs_up(b'HTTP/1.0 400 Bad Request\r\n\r\n<html>no</html>\r\n'), None),
    ('random bytes', says(bytes(random.Random(1).randbytes(100_000))), None),
    ('random bytes after the version', says(VERSION, b'\xff' + random.Random(2).randbytes(1000)), None),
    ('a packet length of 4 GiB', says(VERSION, b'\xff\xff\xff\xff' + bytes(100)), 'length'),
    ('a packet length of 2 GiB', says(VERSION, b'\x80\0\0\0' + bytes(100)), 'length'),
    ('a packet length over the maximum', says(VERSION, struct.pack('>I', 262145 + 7) + bytes(100)), 'length'),
    ('a packet length of 0', says(VERSION, bytes(64)), 'length'),
    ('a packet length of 1', says(VERSION, struct.pack('>IB', 1, 0) + bytes(64)), 'length'),
    ('a packet length off the blocks', says(VERSION, struct.pack('>IB', 29, 4) + bytes(64)), 'length'),
    ('padding of 3', says(VERSION, packet(kexinit(), padding=3)), 'padding'),
    ('padding of 0', says(VERSION, packet(kexinit(), padding=0)), 'padding'),
    ('padding beyond the packet', says(VERSION, packet(bytes([bad.IGNORE]) + string(b''), padding=255)), 'padding'),
    ('an empty payload', says(VERSION, struct.pack('>IB', 12, 11) + bytes(64)), None),
    ('SERVICE_ACCEPT before KEXINIT', says(VERSION, packet(bytes([bad.SERVICE_ACCEPT]) + string(b'x'))), None),
    ('USERAUTH_SUCCESS before KEXINIT', says(VERSION, packet(bytes([bad.USERAUTH_SUCCESS]))), None),
    ('USERAUTH_SUCCESS instead of the reply', greets(packet(bytes([bad.USERAUTH_SUCCESS]))), None),
    ('CHANNEL_DATA instead of the reply', greets(packet(bytes([bad.CHANNEL_DATA]) + bytes(4) + string(b'x'))), None),
    ('NEWKEYS instead of the reply', greets(packet(bytes([bad.NEWKEYS]))), None),
    ('an unknown message during strict key exchange', greets(packet(bytes([191]) + b'x')), None),
    ('IGNORE during strict key exchange', greets(packet(bytes([bad.IGNORE]) + string(b''))), None),
    ('IGNORE before a strict KEXINIT',
     says(VERSION, packet(bytes([bad.IGNORE]) + string(b'')), packet(kexinit())), None),
    ('KEXINIT twice', greets(packet(kexinit())), None),
    ('KEXINIT cut short', says(VERSION, packet(kexinit()[:60])), None),
    ('KEXINIT with bytes behind its end', says(VERSION, packet(kexinit() + b'more')), None),
    ('KEXINIT with a list of 4 GiB', says(VERSION, packet(kexinit()[:17] + b'\xff\xff\xff\xff' + bytes(50))), None),
    ('KEXINIT with empty lists', says(VERSION, packet(kexinit([b''] * 10))), 'key exchange'),
    ('KEXINIT with control characters',
     says(VERSION, packet(kexinit(lists(_0=b'\x1b]0;owned\x07,\xff\x80')))), None),
    ('no common key exchange', says(VERSION, packet(kexinit(lists(_0=b'none-such-kex')))), 'none-such-kex'),
    ('no common host key', says(VERSION, packet(kexinit(lists(_1=b'none-such-key')))), 'none-such-key'),
    ('no common cipher', says(VERSION, packet(kexinit(lists(_2=b'none-such-cipher')))), 'none-such-cipher'),
    ('no common MAC', says(VERSION, packet(kexinit(lists(_2=b'aes128-ctr', _4=b'none-such-mac')))), 'none-such-mac'),
    ('no common compression', says(VERSION, packet(kexinit(lists(_6=b'none-such-compression')))),
     'none-such-compression'),
    ('only extension names in common', says(VERSION, packet(kexinit(lists(_0=b'ext-info-s,kex-strict-s-v00@openssh.com')))),
     'key exchange'),
    ('a reply of nothing', greets(packet(bytes([bad.KEX_ECDH_REPLY]))), None),
    ('a reply of empty strings', greets(packet(bytes([bad.KEX_ECDH_REPLY]) + string(b'') * 3)), None),
    ('a reply with a zero point',
     greets(packet(bytes([bad.KEX_ECDH_REPLY]) + string(string(b'ssh-ed25519') + string(bytes(32)))
                   + string(bytes(32)) + string(string(b'ssh-ed25519') + string(bytes(64))))), None),
    ('a reply with a wrong signature',
     greets(packet(bytes([bad.KEX_ECDH_REPLY]) + string(string(b'ssh-ed25519') + string(bytes(range(32))))
                   + string(bytes([9]) + bytes(31)) + string(string(b'ssh-ed25519') + string(bytes(64))))), None),
    ('a reply with a key of another type',
     greets(packet(bytes([bad.KEX_ECDH_REPLY]) + string(string(b'ssh-rsa') + string(b'\3') + string(b'\1' * 256))
                   + string(bytes([9]) + bytes(31)) + string(string(b'ssh-rsa') + string(bytes(256))))), None),
    ('a client message from the server', greets(packet(bytes([bad.KEX_ECDH_INIT]) + string(bytes(32)))), None),
    ('DISCONNECT with a reason',
     says(VERSION, packet(bytes([bad.DISCONNECT]) + struct.pack('>I', 12) + string(b'too many \x1b[31mof you')
                          + string(b''))), 'too many'),
    ('DISCONNECT behind KEXINIT',
     greets(packet(bytes([bad.DISCONNECT]) + struct.pack('>I', 2) + string(b'go \x1b]0;away\x07\xe2\x80\xae') + string(b''))),
     'go '),
    ('DISCONNECT of 200 KB',
     says(VERSION, packet(bytes([bad.DISCONNECT]) + struct.pack('>I', 2) + string(b'x\x1b' * 100_000) + string(b''))), 'x'),
    ('KEXINIT of 250 KB', says(VERSION, packet(kexinit(lists(_0=b','.join(b'kex-%d' % n for n in range(28_000)))))), None),
    ('KEXINIT of one name of 200 KB', says(VERSION, packet(kexinit(lists(_0=b'k' * 200_000)))), None),
    ('KEXINIT of empty names', says(VERSION, packet(kexinit(lists(_0=b',' * 10_000)))), None),
    ('KEXINIT with ten languages of 20 KB', says(VERSION, packet(kexinit(lists(
        _0=b'none-such-kex', _8=b'a' * 20_000, _9=b',b' * 10_000)))), None),
    ('KEXINIT that announces a guess, and then the same again', says(VERSION, packet(kexinit(follows=True)) * 2), None),
    ('DISCONNECT cut short', says(VERSION, packet(bytes([bad.DISCONNECT, 0]))), None),
]


class World:
    def __init__(self, hawser):
        self.hawser = hawser
        self.top = tempfile.mkdtemp(prefix='hawser-bad-')
        self.source = os.path.join(self.top, 'source')
        with open(self.source, 'wb') as file:
            file.write(b'content')
        self.home = os.path.join(self.top, 'home')

    def meet(self, behaviour, word, slow):
        """One upload and one download from a bad server."""
        for up in (True, False):
            target = tempfile.mkdtemp(dir=self.top)
            with bad.BadServer(behaviour) as server:
                client = Client(self.hawser, self.home, None, server.port)
                remote = client.remote(os.path.join(target, 'file'))
                operands = (self.source, remote) if up else (remote, os.path.join(target, 'file'))
                result = client.cp('-o', f'ConnectTimeout={TIMEOUT}', '-o', 'StrictHostKeyChecking=accept-new',
                                   *operands, timeout=TIMEOUT + SLACK + 10)
                self.judge(result, word, slow)
                check(not os.listdir(target), f'left behind: {os.listdir(target)}')
                known = os.path.join(client.ssh, 'known_hosts')
                check(not os.path.exists(known), 'a key was recorded that was never proven')
            if slow:
                return

    @staticmethod
    def judge(result, word, slow):
        check(result.status == 255, f'expected status 255: {result}')
        check(result.seconds < TIMEOUT + SLACK, f'took too long: {result}')
        check(not slow or result.seconds >= TIMEOUT - 1, f'gave up before its time: {result}')
        check(result.err.strip(), f'nothing was said: {result}')
        check(not set(result.err) & {0x1b, 0x07, 0x0d}, f'raw control characters: {result}')
        check(len(result.err) < 4000, f'{len(result.err)} bytes were said: {result}')
        if word:
            check(word.encode() in result.err.lower(), f'{word!r} is not named: {result}')


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    report, world = Report(sys.argv[2:]), World(sys.argv[1])
    try:
        for name, behaviour, word in QUICK:
            report.run(name, world.meet, behaviour, word, False)
        for name, behaviour in SLOW:
            report.run(name, world.meet, behaviour, None, True)
    finally:
        shutil.rmtree(world.top)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())

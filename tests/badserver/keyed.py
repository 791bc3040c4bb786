# SPDX-License-Identifier: Apache-2.0
"""Paramiko as a server that breaks the rules under agreed keys, each time in one way.

usage: keyed.py JSON     settings: port, host_key, trait

What each trait does stands in TRAITS: at which moment which messages are sent, or what else is different. Until
then, and after it where the client goes on, the server is right; anybody may log in, and the SFTP server says
that there are no files.
"""

import json
import socket
import struct
import sys
import threading
import time

import paramiko
from paramiko import Message, Transport

SETTINGS = json.loads(sys.argv[1])
(DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG, SERVICE_ACCEPT, EXT_INFO, KEXINIT, NEWKEYS, REPLY, FAILURE, SUCCESS, BANNER,
 GLOBAL_REQUEST, REQUEST_SUCCESS, OPEN, CONFIRMATION, OPEN_FAILURE, WINDOW, DATA, EXTENDED_DATA, EOF, CLOSE, REQUEST,
 CHANNEL_SUCCESS, CHANNEL_FAILURE) = (1, 2, 3, 4, 6, 7, 20, 21, 31, 51, 52, 53, 80, 81, 90, 91, 92, 93, 94, 95, 96, 97,
                                      98, 99, 100)
ESCAPES = 'go away \x1b[31m\x07\r\n\x9b0m‮'


def string(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack('>I', len(data)) + data


def message(number, *fields):
    """A payload: integers are uint32, text and bytes strings, booleans bytes."""
    body = b''
    for field in fields:
        if isinstance(field, bool):
            body += bytes([field])
        elif isinstance(field, int):
            body += struct.pack('>I', field)
        else:
            body += string(field)
    return bytes([number]) + body


def once(*payloads):
    return lambda transport: [transport.raw(payload) for payload in payloads]


def for_ever(payload, pause=0):
    def behave(transport):
        while transport.active:
            transport.raw(payload)
            if pause:
                time.sleep(pause)
    return behave


def many(payload, count):
    return once(*[payload] * count)


def rekey_for_ever(transport):
    """New keys as soon as there are some, and never an answer to what was asked."""
    transport.rekeying = True
    transport._send_kex_init()


BYE = message(DISCONNECT, 11, ESCAPES, '')
# (moment, behaviour): newkeys (the first keys are in force), auth (a login is asked for), open (a channel is), sftp (the
# subsystem is); what is sent comes in front of the answer.
TRAITS = {
    'nothing': ('sftp', once()),
    'DISCONNECT under new keys': ('newkeys', once(BYE)),
    'DISCONNECT at the login': ('auth', once(BYE)),
    'DISCONNECT at the channel': ('open', once(BYE)),
    'DISCONNECT at the subsystem': ('sftp', once(BYE)),
    'DISCONNECT of 200 KB': ('auth', once(message(DISCONNECT, 11, 'x' * 200_000, ''))),
    'data for no channel': ('sftp', once(message(DATA, 7, 'x'))),
    'data for channel 2^32 - 1': ('sftp', once(message(DATA, 0xffffffff, 'x'))),
    'data before the confirmation': ('open', once(message(DATA, 0, 'x'))),
    'errors for no channel': ('sftp', once(message(EXTENDED_DATA, 7, 1, 'x'))),
    'window for no channel': ('sftp', once(message(WINDOW, 7, 1000))),
    'window beyond 2^32': ('sftp', once(*[message(WINDOW, 0, 0xffffffff)] * 2)),
    'EOF of no channel': ('sftp', once(message(EOF, 7))),
    'close of no channel': ('sftp', once(message(CLOSE, 7))),
    'close twice': ('sftp', once(message(CLOSE, 0), message(CLOSE, 0))),
    'data behind close': ('sftp', once(message(CLOSE, 0), message(DATA, 0, 'x'))),
    'data behind EOF': ('sftp', once(message(EOF, 0), message(DATA, 0, 'x'))),
    'request for no channel': ('sftp', once(message(REQUEST, 7, 'exit-status', False, 0))),
    'success for no channel': ('sftp', once(message(CHANNEL_SUCCESS, 7))),
    'success unasked': ('open', once(message(CHANNEL_SUCCESS, 0))),
    'confirmation of no channel': ('open', once(message(CONFIRMATION, 7, 0, 1 << 20, 1 << 15))),
    'confirmation twice': ('sftp', once(message(CONFIRMATION, 0, 0, 1 << 20, 1 << 15))),
    'confirmation with packets of 0': ('open', once(message(CONFIRMATION, 0, 0, 1 << 20, 0))),
    'failure with escapes': ('open', once(message(OPEN_FAILURE, 0, 4, ESCAPES, ''))),
    'a window overrun': ('sftp', for_ever(message(DATA, 0, bytes(32768)))),
    'a window overrun by errors': ('sftp', for_ever(message(EXTENDED_DATA, 0, 1, bytes(32768)))),
    'data beyond the packet size': ('sftp', once(message(DATA, 0, bytes(200_000)))),
    'global success unasked': ('open', once(message(REQUEST_SUCCESS))),
    'login success twice': ('open', once(message(SUCCESS))),
    'service accepted twice': ('auth', once(message(SERVICE_ACCEPT, 'ssh-userauth'))),
    'EXT_INFO of 2^32 - 1 entries': ('auth', once(message(EXT_INFO, 0xffffffff, 'a', 'b'))),
    'EXT_INFO with bytes behind its end': ('newkeys', once(message(EXT_INFO, 0, 'x'))),
    'KEXINIT cut short': ('open', once(bytes([KEXINIT]) + bytes(20))),
    'KEXINIT twice': ('open', lambda transport: [transport._send_kex_init(), transport._send_kex_init()]),
    'NEWKEYS unasked': ('open', once(bytes([NEWKEYS]))),
    'an exchange without end': ('open', for_ever(message(UNIMPLEMENTED, 0), pause=0.01)),
    # What a client bears.
    'EXT_INFO again and again': ('auth', many(message(EXT_INFO, 1, 'x' * 1000, 'y' * 1000), 2000)),
    'EXT_INFO of many entries': ('auth', once(message(EXT_INFO, 2000, *['x', 'y'] * 2000))),
    'EXT_INFO with names of escapes': ('auth', once(message(EXT_INFO, 1, 'server-sig-algs', ESCAPES))),
    'banners again and again': ('auth', many(message(BANNER, 'hello ' + ESCAPES + '\n', ''), 5000)),
    'a banner of 200 KB': ('auth', once(message(BANNER, 'x' * 200_000, ''))),
    'IGNORE again and again': ('sftp', many(message(IGNORE, 'x' * 1000), 5000)),
    'DEBUG again and again': ('sftp', many(message(DEBUG, True, ESCAPES, ''), 5000)),
    'unknown messages again and again': ('sftp', many(bytes([192]), 500)),
    'global requests again and again': ('sftp', many(message(GLOBAL_REQUEST, 'x@y', False), 5000)),
    'channels again and again': ('sftp', many(message(OPEN, 'session', 9, 1 << 20, 1 << 15), 500)),
    'forwarded channels': ('sftp', many(message(OPEN, 'forwarded-tcpip', 9, 1 << 20, 1 << 15, 'h', 1, 'h', 1), 500)),
    'requests again and again': ('sftp', many(message(REQUEST, 0, 'x@y', False), 5000)),
    'a wrong guess': ('guess', None),
    'KEXINIT of long lists': ('lists', None),
    'new keys at once': ('newkeys', lambda transport: transport._send_kex_init()),
    'rekeying 200 times': ('sftp', lambda transport: transport.rekey(200)),
    'rekeying for ever': ('sftp', lambda transport: transport.rekey(1 << 30)),
    'banners for ever': ('auth', for_ever(message(BANNER, 'hello\n', ''))),
    'EXT_INFO for ever': ('newkeys', for_ever(message(EXT_INFO, 0))),
    'IGNORE for ever': ('auth', for_ever(message(IGNORE, 'x' * 1000))),
}
MOMENT, BEHAVIOUR = TRAITS[SETTINGS['trait']]


class BadTransport(Transport):
    rekeys_left = 0
    began = False

    def raw(self, payload):
        packet = Message()
        packet.add_bytes(payload)
        self.packetizer.send_message(packet)

    def _send_user_message(self, data):
        # The original waits for the end of the exchange that only this thread could end.
        self._send_message(data)

    def reach(self, moment):
        """Behave, the first time that MOMENT has come."""
        if moment == MOMENT and not self.began:
            self.began = True
            BEHAVIOUR(self)

    def rekey(self, count):
        self.rekeys_left = count
        self._send_kex_init()

    def _send_kex_init(self):
        if MOMENT not in ('guess', 'lists') or self.initial_kex_done:
            super()._send_kex_init()
            return
        sent, send = [], self._send_message
        self._send_message = sent.append
        super()._send_kex_init()
        self._send_message = send
        payload = sent[0].asbytes()
        if MOMENT == 'guess':
            # Its first method is not the client's first: what follows is to be passed over (RFC 4253 §7.1).
            payload = payload[:-5] + b'\1' + payload[-4:]
        else:
            end = 17 + 4 + struct.unpack('>I', payload[17:21])[0]
            names = payload[21:end] + b',' + b','.join(b'name-%d@example.org' % n for n in range(1200))
            payload = payload[:17] + string(names) + payload[end:]
        self.local_kex_init = self._latest_kex_init = payload
        self.raw(payload)
        if MOMENT == 'guess':
            self.raw(message(REPLY, 'guessed', 'all', 'wrong'))

    def _parse_newkeys(self, m):
        super()._parse_newkeys(m)
        self.reach('newkeys')
        if self.rekeys_left > 0:
            self.rekeys_left -= 1
            self._send_kex_init()

    _handler_table = {**Transport._handler_table, NEWKEYS: _parse_newkeys}


class Logins(paramiko.ServerInterface):
    def __init__(self, transport):
        self.transport = transport

    def get_allowed_auths(self, username):
        return 'publickey'

    def check_auth_publickey(self, username, key):
        self.transport.reach('auth')
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind, chanid):
        self.transport.reach('open')
        return paramiko.OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel, name):
        # The answer is not seen by a client that waits for what never comes.
        self.transport.reach('sftp')
        return super().check_channel_subsystem_request(channel, name)


def serve(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = BadTransport(connection)
    transport.add_server_key(paramiko.Ed25519Key.from_private_key_file(SETTINGS['host_key']))
    transport.set_subsystem_handler('sftp', paramiko.SFTPServer, paramiko.SFTPServerInterface)
    try:
        transport.start_server(server=Logins(transport))
    except (paramiko.SSHException, EOFError, OSError) as error:
        print(f'no handshake: {error}', flush=True)


def main():
    listener = socket.create_server(('127.0.0.1', SETTINGS['port']), backlog=100)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


main()

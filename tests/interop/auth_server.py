# SPDX-License-Identifier: Apache-2.0
"""A server for logins that a stock sshd does not give: expired passwords, prompts in rounds, and rules broken
in one way each. AsyncSSH does the rest.

usage: auth_server.py JSON       settings: port, home, user, host_keys, trait, and authorized (a file)

Each request of the client is a line on standard output: method, and what the method says.
"""

import asyncio
import json
import os
import struct
import sys

import asyncssh
from asyncssh.connection import SSHServerConnection
from asyncssh.packet import SSHPacketHandler

SETTINGS = json.loads(sys.argv[1])
TRAIT = SETTINGS['trait']
FAILURE, SUCCESS, BANNER, SIXTY = 51, 52, 53, 60  # 60: PK_OK, PASSWD_CHANGEREQ, INFO_REQUEST
ALL = b'publickey,keyboard-interactive,password'


def string(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack('>I', len(data)) + data


def say(*words):
    print(*words, flush=True)


class Server(asyncssh.SSHServer):
    """In order, but for what the trait says."""

    def begin_auth(self, username):
        return True

    def password_auth_supported(self):
        return TRAIT == 'change'

    def validate_password(self, username, password):
        say('password', password)
        if password == 'old':
            raise asyncssh.PasswordChangeRequired('It is \x1b[31mtoo old\r\n')
        return password == 'right'

    def change_password(self, username, old_password, new_password):
        say('change', old_password, new_password)
        if new_password == 'weak':
            raise asyncssh.PasswordChangeRequired('It is too weak')
        return old_password == 'old' and new_password == 'fresh'

    def kbdint_auth_supported(self):
        return TRAIT == 'rounds'

    def get_kbdint_challenge(self, username, lang, submethods):
        self.round = 0
        return 'A \x1b[1mname', 'Do as\nyou are told', '', [('First: ', False)]

    def validate_kbdint_response(self, username, responses):
        say('responses', json.dumps(list(responses)))
        self.round += 1
        if self.round == 1:
            return '', 'Nothing to answer', '', []
        if self.round == 2:
            return 'Again', '', '', [('Second \x1b]0;x\x07: ', True), ('Third: ', False)]
        return self.round == 3 and list(responses) == ['two', 'three']


def info_request(prompts, count=None):
    return string('') * 3 + struct.pack('>I', len(prompts) if count is None else count) + b''.join(
        string(text) + b'\0' for text in prompts)


# What a trait answers to METHOD, whose fields are in REST: a list of (message, payload).
def pk_ok(method, rest):
    """For another key than the one asked about, or another algorithm."""
    if method != b'publickey':
        return [(FAILURE, string(ALL) + b'\0')]
    size = struct.unpack('>I', rest[1:5])[0]
    algorithm, blob = rest[5:5 + size], rest[9 + size:]
    blob = blob[:struct.unpack('>I', rest[5 + size:9 + size])[0]]
    if TRAIT == 'pk-ok-other-key':
        blob = blob[:-1] + bytes([blob[-1] ^ 1])
    elif TRAIT == 'pk-ok-other-algorithm':
        algorithm = b'ssh-rsa'
    elif TRAIT == 'pk-ok-cut':
        return [(SIXTY, string(algorithm) + string(blob)[:-5])]
    elif TRAIT == 'success-for-a-question':
        return [(SUCCESS, b'')]
    return [(SIXTY, string(algorithm) + string(blob))] * (2 if TRAIT == 'pk-ok-twice' else 1)


def prompts(method, rest):
    if method != b'keyboard-interactive':
        return [(FAILURE, string(b'keyboard-interactive') + b'\0')]
    return {'thousands-of-prompts': [(SIXTY, info_request(['x: '] * 5000))],
            'promised-prompts': [(SIXTY, info_request(['x: '], 0xffffffff))],
            'success-before-answers': [(SIXTY, info_request(['x: '])), (SUCCESS, b'')],
            'prompts-twice': [(SIXTY, info_request(['x: '])), (SIXTY, info_request(['y: ']))],
            'endless-rounds': [(SIXTY, info_request([]))]}[TRAIT]


def failures(method, rest):
    return {'endless-list': [(FAILURE, string(b','.join([b'publickey'] * 20000)) + b'\0')],
            'empty-names': [(FAILURE, string(b',,,') + b'\0')],
            'binary-list': [(FAILURE, string(bytes(range(256))) + b'\0')],
            'list-cut': [(FAILURE, b'\xff\xff\xff\xffpublickey')],
            'unknown-methods': [(FAILURE, string('\x1b[2J,hostbased,gssapi-with-mic,x@example.org'.replace('\x1b', '')) + b'\0')],
            'failures-unasked': [(FAILURE, string(ALL) + b'\0')] * 5,
            'always-partial': [(FAILURE, string(ALL) + b'\1')],
            'success-twice': [(SUCCESS, b''), (SUCCESS, b'')],
            'success-with-more': [(SUCCESS, b'more')],
            'banner-flood': [(BANNER, string('Hear! ' * 5000 + '\x1b[2J') + string(''))] * 2000,
            'banners': [(BANNER, string(f'banner {i} \x1b[31m\n') + string('')) for i in range(3)] +
            [(FAILURE, string(ALL) + b'\0')]}[TRAIT]


def answers(method, rest):
    if TRAIT.startswith('pk-ok') or TRAIT == 'success-for-a-question':
        return pk_ok(method, rest)
    if 'prompt' in TRAIT or TRAIT in ('success-before-answers', 'endless-rounds'):
        return prompts(method, rest)
    return failures(method, rest)


class Responses(SSHPacketHandler):
    """Answers to prompts."""

    def __init__(self, connection):
        self.connection = connection

    @property
    def logger(self):
        return self.connection.logger

    def process_response(self, _type, _id, packet):
        say('responses', packet.get_remaining_payload().hex())
        self.connection.send_packet(SIXTY, info_request([]))

    _packet_handlers = {61: process_response}


def process(self, _type, _id, packet):
    self._auth = Responses(self)
    packet.get_string()
    packet.get_string()
    method = packet.get_string()
    say('request', method.decode())
    for number, payload in answers(method, packet.get_remaining_payload()):
        self.send_packet(number, payload)


async def main():
    os.chdir(SETTINGS['home'])
    if TRAIT not in ('change', 'rounds'):
        SSHServerConnection._packet_handlers = {**SSHServerConnection._packet_handlers, 50: process}
    await asyncssh.create_server(Server, '127.0.0.1', SETTINGS['port'], server_host_keys=SETTINGS['host_keys'],
                                 sftp_factory=True)
    await asyncio.Event().wait()


asyncio.run(main())

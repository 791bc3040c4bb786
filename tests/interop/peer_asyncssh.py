# SPDX-License-Identifier: Apache-2.0
"""AsyncSSH as a server, with its own SFTP server.

usage: peer_asyncssh.py JSON     settings: port, home, user, password, host_keys, authorized, and of
                                 rekey_bytes, sftp (false: none), window, strict (false: as
                                 before strict key exchange)

Each login is a line of JSON with what was negotiated.
"""

import asyncio
import json
import os
import sys

import asyncssh

SETTINGS = json.loads(sys.argv[1])
SAID = {'cipher': 'recv_cipher', 'mac': 'recv_mac'}


class Server(asyncssh.SSHServer):
    def connection_made(self, conn):
        self.conn = conn

    def begin_auth(self, username):
        return True

    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        return username == SETTINGS['user'] and password == SETTINGS['password']

    def auth_completed(self):
        print(json.dumps({name: self.conn.get_extra_info(info) for name, info in SAID.items()}), flush=True)


def forget_strict():
    connection = asyncssh.connection.SSHConnection
    # It would be strict on its own side alone as soon as it hears that the client knows the word.
    connection._strict_kex = property(lambda self: False, lambda self, value: None)
    connection._get_extra_kex_algs = lambda self: [b'ext-info-s']


async def main():
    os.chdir(SETTINGS['home'])
    if not SETTINGS.get('strict', True):
        forget_strict()
    # All that it has, not only what it offers by default.
    names = [[name.decode() for name in known()] for known in (
        asyncssh.kex.get_kex_algs, asyncssh.encryption.get_encryption_algs, asyncssh.mac.get_mac_algs)]
    # Those of GSS need a ticket.
    names[0] = [name for name in names[0] if not name.startswith('gss-')]
    options = {name: SETTINGS[name] for name in ('rekey_bytes', 'window') if name in SETTINGS}
    await asyncssh.create_server(Server, '127.0.0.1', SETTINGS['port'], server_host_keys=SETTINGS['host_keys'],
                                 authorized_client_keys=SETTINGS['authorized'], kex_algs=names[0],
                                 encryption_algs=names[1], mac_algs=names[2],
                                 sftp_factory=SETTINGS.get('sftp', True), **options)
    await asyncio.Event().wait()


asyncio.run(main())

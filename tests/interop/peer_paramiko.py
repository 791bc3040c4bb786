# SPDX-License-Identifier: Apache-2.0
"""Paramiko as a server, with an SFTP server of real files behind its interface.

usage: peer_paramiko.py JSON     settings: port, home, user, password, host_keys, authorized, and of
                                 rekey_bytes, sftp (false: none)

Each login is a line of JSON with what was negotiated.
"""

import json
import os
import socket
import sys
import threading

import paramiko
from paramiko import SFTPAttributes, SFTPHandle, SFTPServer, SFTPServerInterface

SETTINGS = json.loads(sys.argv[1])
with open(SETTINGS['authorized']) as file:
    AUTHORIZED = {line.split()[1] for line in file}


def answers(function):
    """The SFTP status of what FUNCTION did, where it says no other answer."""
    def answer(*arguments):
        try:
            result = function(*arguments)
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)
        return paramiko.SFTP_OK if result is None else result
    return answer


class Handle(SFTPHandle):
    def __init__(self, descriptor, flags):
        super().__init__(flags)
        self.descriptor = descriptor

    @answers
    def read(self, offset, length):
        return os.pread(self.descriptor, length, offset)

    @answers
    def write(self, offset, data):
        while data:
            done = os.pwrite(self.descriptor, data, offset)
            data, offset = data[done:], offset + done

    @answers
    def close(self):
        os.close(self.descriptor)

    @answers
    def stat(self):
        return SFTPAttributes.from_stat(os.fstat(self.descriptor))

    @answers
    def chattr(self, attr):
        apply(self.descriptor, attr)


def apply(target, attr):
    if attr._flags & attr.FLAG_SIZE:
        os.truncate(target, attr.st_size)
    if attr._flags & attr.FLAG_PERMISSIONS:
        os.chmod(target, attr.st_mode & 0o7777)
    if attr._flags & attr.FLAG_AMTIME:
        os.utime(target, (attr.st_atime, attr.st_mtime))


class Files(SFTPServerInterface):
    @answers
    def open(self, path, flags, attr):
        mode = attr.st_mode if attr._flags & attr.FLAG_PERMISSIONS else 0o666
        return Handle(os.open(path, flags, mode), flags)

    @answers
    def list_folder(self, path):
        return [SFTPAttributes.from_stat(os.lstat(os.path.join(path, name)), name) for name in os.listdir(path)]

    @answers
    def stat(self, path):
        return SFTPAttributes.from_stat(os.stat(path))

    @answers
    def lstat(self, path):
        return SFTPAttributes.from_stat(os.lstat(path))

    @answers
    def chattr(self, path, attr):
        apply(path, attr)

    @answers
    def mkdir(self, path, attr):
        os.mkdir(path, attr.st_mode if attr._flags & attr.FLAG_PERMISSIONS else 0o777)

    @answers
    def rename(self, old, new):
        if os.path.lexists(new):
            return paramiko.SFTP_FAILURE
        return os.rename(old, new)

    remove, rmdir = (answers(lambda self, path, call=call: call(path)) for call in (os.remove, os.rmdir))
    posix_rename = answers(lambda self, old, new: os.rename(old, new))
    symlink = answers(lambda self, target, path: os.symlink(target, path))
    readlink = answers(lambda self, path: os.readlink(path))

    def canonicalize(self, path):
        return os.path.realpath(os.path.join(SETTINGS['home'], path))


class Logins(paramiko.ServerInterface):
    def __init__(self, transport):
        self.transport = transport

    def get_allowed_auths(self, username):
        return 'publickey,password'

    def check_auth_password(self, username, password):
        return self.judge(username == SETTINGS['user'] and password == SETTINGS['password'])

    def check_auth_publickey(self, username, key):
        return self.judge(username == SETTINGS['user'] and key.get_base64() in AUTHORIZED)

    def judge(self, good):
        if not good:
            return paramiko.AUTH_FAILED
        print(json.dumps({'cipher': self.transport.remote_cipher, 'mac': self.transport.remote_mac}), flush=True)
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED if kind == 'session' else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


def serve(connection, host_keys):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = paramiko.Transport(connection)
    for key in host_keys:
        transport.add_server_key(key)
    if 'rekey_bytes' in SETTINGS:
        transport.packetizer.REKEY_BYTES = SETTINGS['rekey_bytes']
    if SETTINGS.get('sftp', True):
        transport.set_subsystem_handler('sftp', SFTPServer, Files)
    try:
        transport.start_server(server=Logins(transport))  # goes on in a thread of its own
    except (paramiko.SSHException, EOFError) as error:
        print(f'no handshake: {error}', flush=True)


def load(path):
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key_file(path)
        except paramiko.SSHException:
            pass
    raise ValueError(path)


def main():
    os.chdir(SETTINGS['home'])
    listener = socket.create_server(('127.0.0.1', SETTINGS['port']), backlog=100)
    # Without groups it offers group exchange once all the same, and then cannot do it.
    paramiko.Transport.load_server_moduli('/etc/ssh/moduli')
    host_keys = [load(path) for path in SETTINGS['host_keys']]
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, host_keys), daemon=True).start()


main()

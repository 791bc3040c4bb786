#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An SFTP version 3 server (draft-ietf-secsh-filexfer-02) that is correct but for one trait.

usage: oddserver.py TRAIT DIRECTORY     as sshd's subsystem, on standard input and output

It serves real files, so that good clients copy well from and to it, has no extensions, and starts
in DIRECTORY. What each TRAIT does stands with the functions that do it.
"""

import errno
import fcntl
import os
import random
import select
import stat
import struct
import sys

(INIT, VERSION, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT, OPENDIR, READDIR, REMOVE, MKDIR,
 RMDIR, REALPATH, STAT, RENAME, READLINK, SYMLINK) = range(1, 21)
STATUS, HANDLE, DATA, NAME, ATTRS = 101, 102, 103, 104, 105
OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, BAD_MESSAGE, _, _, OP_UNSUPPORTED = range(9)
CODES = {errno.ENOENT: NO_SUCH_FILE, errno.ENOTDIR: NO_SUCH_FILE, errno.EACCES: PERMISSION_DENIED,
         errno.EPERM: PERMISSION_DENIED}
# Names that a directory cannot hold; each would lead out of the destination, or into nothing.
EVIL_NAMES = [b'../escaped', b'..', b'/tmp/escaped', b'sub/escaped', b'../../escaped', b'', b'a\0b', b'trap/planted']

# What would set a terminal's title.
ESCAPE = b'\x1b]0;owned\x07'


def string(data):
    return struct.pack('>I', len(data)) + data


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        self.at += size
        return self.data[self.at - size:self.at]

    def u32(self):
        return struct.unpack('>I', self.take(4))[0]

    def u64(self):
        return struct.unpack('>Q', self.take(8))[0]

    def string(self):
        return self.take(self.u32())

    def attrs(self):
        flags, found = self.u32(), {}
        if flags & 1:
            found['size'] = self.u64()
        if flags & 2:
            found['owner'] = (self.u32(), self.u32())
        if flags & 4:
            found['mode'] = self.u32()
        if flags & 8:
            found['times'] = (self.u32(), self.u32())
        return found


def attrs(info, size=None, mode=None):
    return struct.pack('>IQIIIII', 15, info.st_size if size is None else size, info.st_uid, info.st_gid,
                       mode or info.st_mode, int(info.st_atime), int(info.st_mtime))


class Server:
    def __init__(self, trait):
        self.trait = trait
        self.handles, self.next_handle = {}, 0
        self.replies, self.count = [], 0
        self.random = random.Random(7)
        self.endless = 0
        self.listed = 0

    # ---- Packets ----

    def run(self):
        while True:
            waiting = bool(self.replies)
            if waiting and not select.select([0], [], [], 0.01)[0]:
                self.flush()
            head = self.read_exactly(4)
            if head is None:
                self.flush()
                return
            body = self.read_exactly(struct.unpack('>I', head)[0])
            self.answer(body[0], Reader(body[1:]))

    def read_exactly(self, size):
        data = b''
        while len(data) < size:
            more = os.read(0, size - len(data))
            if not more:
                return None
            data += more
        return data

    def send(self, kind, body):
        packet = string(bytes([kind]) + body)
        if self.trait == 'shuffled' and kind != VERSION:
            # Answers in any order: a client may only go by their numbers (draft §3).
            self.replies.append(packet)
            if len(self.replies) >= 24:
                self.flush()
        else:
            self.write(packet)

    def flush(self):
        self.random.shuffle(self.replies)
        self.write(b''.join(self.replies))
        self.replies = []

    @staticmethod
    def write(data):
        while data:
            data = data[os.write(1, data):]

    def status(self, number, code, text=b''):
        self.send(STATUS, struct.pack('>II', number, code) + string(text or b'status %d' % code) + string(b''))

    # ---- Requests ----

    def answer(self, kind, reader):
        if kind == INIT:
            self.greet()
            return
        self.count += 1
        number = reader.u32()
        if self.misbehave(kind, number):
            return
        handler = HANDLERS.get(kind)
        if not handler:
            self.status(number, OP_UNSUPPORTED)
            return
        try:
            handler(self, number, reader)
        except OSError as error:
            self.status(number, CODES.get(error.errno, FAILURE), os.strerror(error.errno).encode())

    def greet(self):
        if self.trait == 'old-version':
            self.send(VERSION, struct.pack('>I', 2))
        elif self.trait == 'silent':
            while self.read_exactly(1):
                pass
        elif self.trait == 'garbage-version':
            self.write(b'This account is currently not available.\n')
        elif self.trait == 'noisy':
            os.write(2, b'\x1b]0;owned\x07 warning: something\r\n' * 1000)
            self.send(VERSION, struct.pack('>I', 3) + string(b'unknown@example.org') + string(b'\xff\x00'))
        else:
            self.send(VERSION, struct.pack('>I', 3))

    def misbehave(self, kind, number):
        """Traits that break the protocol, once some work is under way; True if that was the answer."""
        if kind not in (READ, WRITE) or self.count < 6:
            return False
        if self.trait == 'unknown-number':
            self.status(number ^ 0x55555555, OK)
        elif self.trait == 'huge-length':
            self.write(b'\xff\xff\xff\xff\x65')
        elif self.trait == 'empty-packet':
            self.write(bytes(4))
        elif self.trait == 'short-packet':
            self.write(string(bytes([DATA]) + struct.pack('>I', number) + b'\0\0\xff\xff'))
        elif self.trait == 'wrong-answer':
            self.send(NAME, struct.pack('>II', number, 0xffffffff))
        elif self.trait == 'too-much-data' and kind == READ:
            self.send(DATA, struct.pack('>I', number) + string(b'x' * 260_000))
        elif self.trait == 'answers-twice':
            self.status(number, FAILURE)
            self.status(number, FAILURE)
        elif self.trait == 'loud-errors':
            self.status(number, FAILURE, ESCAPE * 5000)
        elif self.trait == 'dies':
            os._exit(3)
        elif self.trait == 'status-for-data' and kind == READ:
            self.status(number, OK)
        elif self.trait == 'empty-data' and kind == READ:
            self.send(DATA, struct.pack('>I', number) + string(b''))
        else:
            return False
        return True

    def new_handle(self, number, thing):
        self.next_handle += 1
        name = b'h%d' % self.next_handle
        self.handles[name] = thing
        self.send(HANDLE, struct.pack('>I', number) + string(name))

    def open(self, number, reader):
        path, flags, wanted = reader.string(), reader.u32(), reader.attrs()
        if self.trait.startswith('endless'):
            path = os.devnull
        mode = {1: os.O_RDONLY, 2: os.O_WRONLY, 3: os.O_RDWR}.get(flags & 3, os.O_RDONLY)
        for bit, flag in ((4, os.O_APPEND), (8, os.O_CREAT), (16, os.O_TRUNC), (32, os.O_EXCL)):
            if flags & bit:
                mode |= flag
        self.new_handle(number, os.open(path, mode, wanted.get('mode', 0o666) & 0o7777))

    def close(self, number, reader):
        thing = self.handles.pop(reader.string())
        if isinstance(thing, int):
            writable = fcntl.fcntl(thing, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
            os.close(thing)
            if self.trait == 'fails-close' and writable:
                # A quota or a network file system may say only now that there is no room.
                self.status(number, FAILURE, b'Disk quota \x1b[31mexceeded')
                return
        self.status(number, OK)

    def read(self, number, reader):
        descriptor, offset, size = self.handles[reader.string()], reader.u64(), reader.u32()
        if self.trait == 'short-reads':
            size = self.random.randint(1, min(size, 5000))
        elif self.trait == 'small-reads':
            size = min(size, 4096)
        data = os.pread(descriptor, min(size, 262144), offset)
        if data:
            self.send(DATA, struct.pack('>I', number) + string(data))
        else:
            self.status(number, EOF)

    def write_file(self, number, reader):
        descriptor, offset, data = self.handles[reader.string()], reader.u64(), reader.string()
        if self.trait == 'small-packets' and len(data) > 32768:
            # Draft §3: servers need not take packets over 34000 bytes.
            os._exit(4)
        while data:
            done = os.pwrite(descriptor, data, offset)
            data, offset = data[done:], offset + done
        self.status(number, OK)

    def stat(self, number, reader, function=os.stat):
        self.send(ATTRS, struct.pack('>I', number) + self.describe(function(reader.string())))

    def describe(self, info):
        size = info.st_size
        if stat.S_ISREG(info.st_mode):
            if self.trait == 'says-larger':
                size += 100_000
            elif self.trait == 'says-smaller':
                size //= 2
            elif self.trait == 'says-empty':
                size = 0
            elif self.trait == 'says-vast':
                size = 1 << 62
        return attrs(info, size)

    def lstat(self, number, reader):
        self.stat(number, reader, os.lstat)

    def fstat(self, number, reader):
        self.send(ATTRS, struct.pack('>I', number) + self.describe(os.fstat(self.handles[reader.string()])))

    def setstat(self, number, reader):
        self.set_attributes(number, reader.string(), reader.attrs())

    def fsetstat(self, number, reader):
        self.set_attributes(number, self.handles[reader.string()], reader.attrs())

    def set_attributes(self, number, thing, wanted):
        if 'size' in wanted:
            os.truncate(thing, wanted['size'])
        if 'mode' in wanted:
            os.chmod(thing, wanted['mode'] & 0o7777)
        if 'times' in wanted:
            os.utime(thing, wanted['times'])
        self.status(number, OK)

    def opendir(self, number, reader):
        path = reader.string()
        entries = [(e, os.lstat(os.path.join(path, e))) for e in sorted(os.listdir(path))]
        self.new_handle(number, self.twist(entries))

    def twist(self, entries):
        """What READDIR will say, entry by entry, attributes packed."""
        listed = [(name, self.describe(info)) for name, info in entries]
        names = {name for name, _ in entries}
        if self.trait == 'evil-names' and b'evil' in names:
            file, directory = os.stat(__file__), os.stat('/')
            for name in EVIL_NAMES:
                listed += [(name, attrs(file, 100)), (name, attrs(directory))]
        if self.trait == 'link-trap' and b'trap' in names:
            # The same name twice: first a link to elsewhere, then a directory with a file in it.
            info = os.lstat('/')
            listed += [(b'trap', attrs(info, mode=stat.S_IFDIR | 0o755))]
        if self.trait == 'file-trap' and b'trap' in names:
            # The same with a file.
            listed += [(b'trap', attrs(os.stat(__file__), 100, stat.S_IFREG | 0o644))]
        if self.trait == 'duplicates':
            listed *= 3
        if self.trait == 'long-names' and b'good' in names:
            listed[:0] = [(ESCAPE + b'n' * size, attrs(os.stat(__file__), 100)) for size in (256, 5000, 60_000)]
        return listed

    def readdir(self, number, reader):
        listed = self.handles[reader.string()]
        if self.trait == 'endless-listing' and not listed:
            # Ever new names, of what no client copies, and of small files.
            info = os.stat(__file__)
            self.endless += 1
            listed = [(b'%s%d-%d' % (ESCAPE, self.endless, n), attrs(info, mode=stat.S_IFIFO if n else None))
                      for n in range(50)]
        if self.trait in ('endless-dots', 'endless-files', 'endless-again'):
            self.readdir_for_ever(number)
            return
        if not listed:
            self.status(number, EOF)
            return
        batch, listed[:] = listed[:50], listed[50:]
        self.send(NAME, struct.pack('>II', number, len(batch))
                  + b''.join(string(n) + string(b'') + a for n, a in batch))

    def readdir_for_ever(self, number):
        """50 names, and never the end: "..", new files, or the same file."""
        info = attrs(os.stat(os.devnull), 0, stat.S_IFREG | 0o644)
        self.listed += 50
        names = [b'..' if self.trait == 'endless-dots' else b'again' if self.trait == 'endless-again'
                 else b'endless%d' % n for n in range(self.listed - 50, self.listed)]
        self.send(NAME, struct.pack('>II', number, 50) + b''.join(string(n) + string(b'') + info for n in names))

    def names(self, number, name):
        self.send(NAME, struct.pack('>II', number, 1) + string(name) + string(b'') + struct.pack('>I', 0))

    def realpath(self, number, reader):
        self.names(number, os.path.realpath(reader.string() or b'.'))

    def readlink(self, number, reader):
        self.names(number, os.readlink(reader.string()))

    def symlink(self, number, reader):
        target, path = reader.string(), reader.string()  # the order that OpenSSH's server has
        os.symlink(target, path)
        self.status(number, OK)

    def rename(self, number, reader):
        old, new = reader.string(), reader.string()
        if os.path.lexists(new):  # version 3 does not replace
            self.status(number, FAILURE)
            return
        os.rename(old, new)
        self.status(number, OK)

    def simple(self, number, function, *arguments):
        function(*arguments)
        self.status(number, OK)


def make_directory(server, number, reader):
    path, wanted = reader.string(), reader.attrs()
    server.simple(number, os.mkdir, path, wanted.get('mode', 0o777) & 0o7777)


HANDLERS = {
    OPEN: Server.open, CLOSE: Server.close, READ: Server.read, WRITE: Server.write_file, LSTAT: Server.lstat,
    FSTAT: Server.fstat, SETSTAT: Server.setstat, FSETSTAT: Server.fsetstat, OPENDIR: Server.opendir,
    READDIR: Server.readdir, REALPATH: Server.realpath, STAT: Server.stat, RENAME: Server.rename,
    READLINK: Server.readlink, SYMLINK: Server.symlink, MKDIR: make_directory,
    REMOVE: lambda server, number, reader: server.simple(number, os.unlink, reader.string()),
    RMDIR: lambda server, number, reader: server.simple(number, os.rmdir, reader.string()),
}

if __name__ == '__main__':
    os.chdir(sys.argv[2])
    Server(sys.argv[1]).run()

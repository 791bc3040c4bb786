#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a transfer waited for: each cause is forced, and the summary has to name it. And how much of a long
path is used."""

import os
import shutil
import subprocess
import sys
import threading
import time

import trees
from relay import Network
from sshd import SFTP_SERVER
from suite import Skip, check, main, says, succeeded

SLOW_SFTP = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'slow_sftp.py')
NAMES = ('source', 'crypto', 'socket', 'peer_window', 'sink')

SLOW_READER = '''
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <time.h>

/* A disk that delivers 4 MiB each 100 ms. */
int madvise(void *at, size_t len, int advice)
{
	static int (*next)(void *, size_t, int);
	const struct timespec pause = {.tv_nsec = 100000000};

	if (!next)
		next = (int (*)(void *, size_t, int))dlsym(RTLD_NEXT, "madvise");
	if (advice == 22)
		nanosleep(&pause, NULL);
	return next(at, len, advice);
}
'''


def operands(client, source, target, up):
    return (source, client.remote(target)) if up else (client.remote(source), target)


def copy(client, source, target, up, *options, size=24 << 20, **more):
    if not os.path.exists(source):
        trees.make_file(source, size)
    result = client.cp('--json', '-v', *options, *operands(client, source, target, up), **more)
    succeeded(result)
    check(trees.same_file(source, target), 'differs')
    return result


def is_limited_by(result, name, least=0.5):
    shares = result.summary()['limited_by']
    check(tuple(sorted(shares)) == tuple(sorted(NAMES)), f'{shares}')
    check(abs(sum(shares.values()) - 1) < 0.001, f'{shares}')
    check(shares[name] >= least and shares[name] == max(shares.values()), f'not {name}: {shares}')
    says(result, 'limited by (')


def slow_link(world, up):
    with Network(world.server.port, rate=8_000_000) as network:
        client = world.new_client(world.server, network.port)
        is_limited_by(copy(client, world.path(b'f'), world.path(b'f'), up), 'socket')


def small_window(world, up):
    """A path of 100 ms, over which OpenSSH's window of 2 MiB, or what is under way at first, is little."""
    with Network(world.server.port, delay=0.05) as network:
        client = world.new_client(world.server, network.port)
        is_limited_by(copy(client, world.path(b'f'), world.path(b'f'), up), 'peer_window')


def slow_server(world, up):
    server = world.new_server(
        subsystem=f'{sys.executable} {SLOW_SFTP} {"writes" if up else "reads"} 10000000 {SFTP_SERVER}')
    result = copy(world.new_client(server), world.path(b'f'), world.path(b'f'), up)
    is_limited_by(result, 'sink' if up else 'source')
    server.stop()


def slow_cipher(world, up):
    server = world.new_server(options=['Ciphers +3des-cbc', 'MACs +hmac-sha2-256'])
    result = copy(world.new_client(server), world.path(b'f'), world.path(b'f'), up, '-c', '3des-cbc')
    is_limited_by(result, 'crypto', 0.4)
    server.stop()


def slow_source_here(world):
    compiler = shutil.which('cc') or shutil.which('gcc')
    if not compiler:
        raise Skip('no C compiler')
    if 'ASAN_OPTIONS' in os.environ:
        raise Skip('sanitizers want to be loaded first')
    directory = world.fresh('preload')
    code, library = os.path.join(directory, 'slow.c'), os.path.join(directory, 'slow.so')
    with open(code, 'w') as file:
        file.write(SLOW_READER)
    subprocess.run([compiler, '-shared', '-fPIC', '-o', library, code, '-ldl'], check=True)
    result = copy(world.client, world.path(b'f'), world.path(b'f'), True, size=60 << 20,
                  env={'LD_PRELOAD': library})
    is_limited_by(result, 'source')


def slow_sink_here(world):
    """A FIFO that is read slowly."""
    source, fifo = world.path(b'f'), world.path(b'fifo')
    trees.make_file(source, 12 << 20)
    os.mkfifo(fifo)
    seen = []

    def read():
        with open(fifo, 'rb', buffering=0) as file:
            while data := file.read(65536):
                seen.append(data)
                time.sleep(len(data) / 8_000_000)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    result = world.client.cp('--json', '-v', world.client.remote(source), fifo)
    reader.join(timeout=20)
    succeeded(result)
    with open(source, 'rb') as file:
        check(b''.join(seen) == file.read(), 'differs')
    is_limited_by(result, 'sink')


class LongPath:
    """A path of MS milliseconds each way, by a relay in C, which does not become what is waited for."""

    def __init__(self, world, ms):
        compiler = shutil.which('cc') or shutil.which('gcc')
        if not compiler:
            raise Skip('no C compiler')
        program = os.path.join(world.fresh('far'), 'far')
        code = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'far.c')
        subprocess.run([compiler, '-O2', '-o', program, code], check=True)
        self.child = subprocess.Popen([program, str(world.server.port), str(ms)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)
        self.port = int(self.child.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.child.stdin.close()
        self.child.wait()


def scp_seconds(client, port, source, target, up):
    """The same by OpenSSH's scp, which has 2 MiB under way."""
    if not shutil.which('scp'):
        raise Skip('no scp')
    there = f'127.0.0.1:{os.fsdecode(target if up else source)}'
    paths = [os.fsdecode(source), there] if up else [there, os.fsdecode(target)]
    begin = time.monotonic()
    subprocess.run(['scp', '-q', '-F', 'none', '-o', f'UserKnownHostsFile={client.ssh}/known_hosts', '-i',
                    f'{client.ssh}/id_ed25519', '-P', str(port), *paths], check=True, stdin=subprocess.DEVNULL)
    return time.monotonic() - begin


def long_path(world, up):
    """100 ms: a download fills the path, an upload as much of it as OpenSSH's window lets each connection
    have; measured beside scp, in the same run."""
    size, window, rtt = 96 << 20, 2 << 20, 0.1
    source, target = world.path(b'f'), world.path(b'f')
    trees.make_file(source, size)
    with LongPath(world, 1000 * rtt / 2) as path:
        client = world.new_client(world.server, path.port)
        one = copy(client, source, target, up).summary()['seconds']
        many = copy(client, source, target, up, '-j', '6').summary()['seconds']
        scp = scp_seconds(client, path.port, source, target, up)
    bound = size / (window / rtt)
    print(f'     {"up" if up else "down"}: one connection {one:.1f} s, six {many:.1f} s, scp {scp:.1f} s; '
          f'a window of 2 MiB takes {bound:.1f} s')
    check(many < scp / 1.5, f'six connections take {many:.1f} s, scp {scp:.1f} s')
    if up:
        check(one < 1.3 * bound + 2, f'{one:.1f} s, where the window allows {bound:.1f} s')
    else:
        check(one < scp / 1.5, f'{one:.1f} s, scp {scp:.1f} s')


def tests():
    for up in (True, False):
        word = 'upload' if up else 'download'
        for test in (slow_link, small_window, slow_server, slow_cipher, long_path):
            yield f'{test.__name__} {word}', test, (up,)
    yield from [slow_source_here, slow_sink_here]


if __name__ == '__main__':
    sys.exit(main(tests()))

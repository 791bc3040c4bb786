# SPDX-License-Identifier: Apache-2.0
"""Making directory trees that are hard to copy, and telling whether two are the same.

All paths are bytes: names need not be text.
"""

import hashlib
import os
import stat

ODD_NAMES = [
    b'plain',
    b' ',
    b'  leading and trailing  ',
    b'-leading-dash',
    b'--help',
    b'new\nline',
    b'tab\tand\rreturn',
    b'escape\x1b[31mred',
    b'bell\x07',
    b'\xff\xfe not utf-8 \x80',
    'Grüße 漢字 🚢'.encode(),
    b'star*question?[bracket]',
    b'quote\'double"back\\slash`tick',
    b'$HOME ~ !history; & | < > ( )',
    b'colon:name',
    b'user@host:path',
    b'percent%41%s%n',
    b'.hidden',
    b'...',
    b'x' * 255,
    'ü'.encode() * 127,
]


def make_file(path, size, seed=b''):
    """A file of SIZE bytes that depend on its path and SEED."""
    with open(path, 'wb') as file:
        block = hashlib.shake_128(path + seed).digest(min(size, 1 << 20)) if size else b''
        left = size
        while left > 0:
            file.write(block[:left])
            left -= len(block)


def random_file(path, size):
    with open(path, 'wb') as file:
        left = size
        while left > 0:
            left -= file.write(os.urandom(min(left, 1 << 22)))


def make_sparse(path, size, marks=(0, 1 << 20)):
    """A file of SIZE bytes, mostly a hole, with a page of data at each of MARKS."""
    with open(path, 'wb') as file:
        for mark in marks:
            file.seek(mark)
            file.write(b'data' * 1024)
        file.truncate(size)


def make_odd_tree(root):
    """Odd names, empty files and directories, links of every kind, modes and times."""
    os.makedirs(root)
    for number, name in enumerate(ODD_NAMES):
        make_file(os.path.join(root, name), 100 * number)
        directory = os.path.join(root, b'directories', name)
        os.makedirs(directory)
        make_file(os.path.join(directory, name), 10)
    os.makedirs(os.path.join(root, b'empty', b'deeper', b'still'))
    make_file(os.path.join(root, b'empty-file'), 0)
    deep = os.path.join(root, *[b'deep%d' % n for n in range(40)])
    os.makedirs(deep)
    make_file(os.path.join(deep, b'bottom'), 5000)
    make_links(root)
    make_modes(root)


def make_links(root):
    links = os.path.join(root, b'links')
    os.makedirs(os.path.join(links, b'directory'))
    make_file(os.path.join(links, b'target'), 1234)
    for name, target in [
        (b'to-file', b'target'), (b'to-directory', b'directory'), (b'dangling', b'nowhere/at all'),
        (b'absolute', os.path.join(links, b'target')), (b'itself', b'itself'), (b'up', b'..'), (b'odd', b'\xff\n'),
        (b'long', b'l' * 1000), (b'ring-a', b'ring-b'), (b'ring-b', b'ring-a'),
    ]:
        os.symlink(target, os.path.join(links, name))


def make_modes(root):
    modes = os.path.join(root, b'modes')
    os.makedirs(modes)
    for number, mode in enumerate((0o644, 0o600, 0o755, 0o444, 0o640, 0o700, 0o664)):
        path = os.path.join(modes, b'%o' % mode)
        make_file(path, 50)
        os.chmod(path, mode)
        os.utime(path, ns=((1_000_000_000 + number) * 10**9 + 123456789, (1_100_000_000 + number) * 10**9 + 987654321))
    locked = os.path.join(modes, b'locked')
    os.makedirs(locked)
    make_file(os.path.join(locked, b'inside'), 20)
    os.utime(locked, ns=(10**18, 10**18))
    os.chmod(locked, 0o555)


def make_many(root, count, size, per_directory=100):
    """COUNT files of SIZE bytes in directories of PER_DIRECTORY."""
    os.makedirs(root, exist_ok=True)
    for number in range(count):
        if number % per_directory == 0:
            directory = os.path.join(root, b'd%04d' % (number // per_directory))
            os.makedirs(directory)
        make_file(os.path.join(directory, b'f%06d' % number), size)


def digest(path):
    state = hashlib.blake2b()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            state.update(block)
    return state.hexdigest()


def same_file(a, b):
    if os.path.islink(a) and os.path.islink(b):
        return os.readlink(a) == os.readlink(b)
    return os.path.getsize(a) == os.path.getsize(b) and digest(a) == digest(b)


def walk(root):
    """Every path below ROOT, relative, in order; directories too."""
    found = []
    for directory, names, files in os.walk(root):
        found += [os.path.relpath(os.path.join(directory, name), root) for name in names + files]
    return sorted(found)


def differences(a, b, *, modes=False, times=None, limit=10):
    """What differs between two trees, in words; TIMES is None, 's' or 'ns'."""
    found = []
    left, right = walk(a), walk(b)
    found += [f'missing: {name!r}' for name in left if name not in set(right)]
    found += [f'surplus: {name!r}' for name in right if name not in set(left)]
    for name in [b'.'] + sorted(set(left) & set(right)):
        found += differs(os.path.join(a, name), os.path.join(b, name), name, modes, times)
        if len(found) >= limit:
            break
    return found[:limit]


def differs(a, b, name, modes, times):
    one, two = os.lstat(a), os.lstat(b)
    if stat.S_IFMT(one.st_mode) != stat.S_IFMT(two.st_mode):
        return [f'{name!r}: another kind of file']
    if stat.S_ISLNK(one.st_mode):
        same = os.readlink(a) == os.readlink(b)
        return [] if same else [f'{name!r}: link to {os.readlink(b)!r}, not {os.readlink(a)!r}']
    found = []
    if stat.S_ISREG(one.st_mode) and not same_file(a, b):
        found.append(f'{name!r}: other content ({one.st_size} and {two.st_size} bytes)')
    if modes and stat.S_IMODE(one.st_mode) != stat.S_IMODE(two.st_mode):
        found.append(f'{name!r}: mode {two.st_mode:o}, not {one.st_mode:o}')
    unit = {'s': 10**9, 'ns': 1}.get(times)
    if unit and one.st_mtime_ns // unit != two.st_mtime_ns // unit:
        found.append(f'{name!r}: time {two.st_mtime_ns}, not {one.st_mtime_ns}')
    return found

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Directory trees up and down: names, kinds, links, modes, times, holes."""

import os
import stat
import sys

import trees
from suite import ENGINES, check, differences, ended, files_below, main, same, says, succeeded


def odd_tree(world, engine):
    """Up to the server and down again, then both compared in every respect."""
    env = {'HAWSER_NIC': engine}
    source, there, back = world.path(b'tree'), world.path(b'tree'), world.path(b'tree')
    trees.make_odd_tree(source)
    succeeded(world.client.cp('-r', '-p', source, world.client.remote(there), env=env))
    same(source, there, modes=True, times='s')
    succeeded(world.client.cp('-r', '-p', world.client.remote(there), back, env=env))
    same(source, back, modes=True, times='s')


def odd_tree_upon_itself(world):
    """A second run over what the first made changes nothing and leaves nothing behind."""
    source, there = world.path(b'tree'), world.path()
    trees.make_odd_tree(source)
    for _ in range(2):
        succeeded(world.client.cp('-r', '-p', source, world.client.remote(there)))
        same(source, os.path.join(there, b'tree'), modes=True, times='s')
    back = world.path()
    for _ in range(2):
        succeeded(world.client.cp('-r', '-p', world.client.remote(os.path.join(there, b'tree')), back))
        same(source, os.path.join(back, b'tree'), modes=True, times='s')


def odd_names_one_by_one(world):
    """Each name as an operand of its own, both ways."""
    source = world.path()
    for name in trees.ODD_NAMES:
        path = os.path.join(source, name)
        trees.make_file(path, 64)
        there, back = world.path(), world.path()
        succeeded(world.client.cp(path, world.client.remote(there + b'/')))
        same_content(path, os.path.join(there, name))
        succeeded(world.client.cp(world.client.remote(os.path.join(there, name)), back))
        same_content(path, os.path.join(back, name))


def same_content(a, b):
    check(os.path.isfile(b) and trees.same_file(a, b), f'{b!r} is not as {a!r}')


def local_tree(world):
    """Both sides local: as cp, with nanoseconds."""
    source, target = world.path(b'tree'), world.path(b'tree')
    trees.make_odd_tree(source)
    succeeded(world.client.run('cp', '-r', '-p', source, target))
    same(source, target, modes=True, times='ns')


def without_p(world):
    """Without -p a new file has the source's mode under the umask and a time of its own; what
    stands keeps its mode."""
    old = os.umask(0o027)
    try:
        source = world.path(b'f')
        trees.make_file(source, 100)
        os.chmod(source, 0o777)
        os.utime(source, (10**9, 10**9))
        for local in (True, False):
            target = world.path(b'f')
            operand = target if local else world.client.remote(target)
            succeeded(world.client.cp(source, operand))
            mode = stat.S_IMODE(os.stat(target).st_mode)
            # The server's umask is its own; ours holds for local files.
            check(mode in ((0o750,) if local else (0o750, 0o755)), f'mode {mode:o}')
            check(os.stat(target).st_mtime > 1.5e9, 'the time was kept without -p')
            os.chmod(target, 0o640)
            trees.make_file(source, 200)
            succeeded(world.client.cp(source, operand))
            mode = stat.S_IMODE(os.stat(target).st_mode)
            check(mode == 0o640, f'the mode of what stood became {mode:o}')
            same_content(source, target)
    finally:
        os.umask(old)


def follow_links(world):
    """-L copies what links point at; a dangling one is a failure that names it, the rest is copied."""
    source = world.path(b'tree')
    os.makedirs(os.path.join(source, b'real'))
    trees.make_file(os.path.join(source, b'real', b'file'), 100)
    os.symlink(b'real', os.path.join(source, b'directory-link'))
    os.symlink(b'real/file', os.path.join(source, b'file-link'))
    there = world.path(b'tree')
    succeeded(world.client.cp('-r', '-L', source, world.client.remote(there)))
    for name in (b'directory-link/file', b'file-link', b'real/file'):
        path = os.path.join(there, name)
        same_content(os.path.join(source, name), path)
    check(not os.path.islink(os.path.join(there, b'directory-link')), 'a directory link stayed a link')
    check(not os.path.islink(os.path.join(there, b'file-link')), 'a file link stayed a link')
    os.symlink(b'missing', os.path.join(source, b'dangling'))
    os.symlink(b'.', os.path.join(source, b'circle'))
    result = world.client.cp('-r', '-L', source, world.client.remote(world.path(b'tree')))
    ended(result, 1)
    says(result, 'dangling')


def named_link_is_followed(world):
    """A link named as SRC is followed, to a file and to a directory, on either side."""
    top = world.path()
    trees.make_file(os.path.join(top, b'file'), 100)
    os.makedirs(os.path.join(top, b'directory'))
    trees.make_file(os.path.join(top, b'directory', b'inside'), 100)
    os.symlink(b'file', os.path.join(top, b'to-file'))
    os.symlink(b'directory', os.path.join(top, b'to-directory'))
    for up in (True, False):
        target = world.path()
        for name in (b'to-file', b'to-directory'):
            source = os.path.join(top, name)
            operands = (source, world.client.remote(target)) if up else (world.client.remote(source), target)
            succeeded(world.client.cp('-r', *operands))
            check(not os.path.islink(os.path.join(target, name)), f'{name!r} stayed a link')
        same_content(os.path.join(top, b'file'), os.path.join(target, b'to-file'))
        same_content(os.path.join(top, b'directory/inside'), os.path.join(target, b'to-directory/inside'))


def destination_link_is_followed(world):
    """Writing to a link to a file writes that file; the link stays."""
    source = world.path(b'f')
    trees.make_file(source, 300)
    for remote in (True, False):
        target = world.path()
        real, link = os.path.join(target, b'real'), os.path.join(target, b'link')
        trees.make_file(real, 10)
        os.symlink(b'real', link)
        succeeded(world.client.cp(source, world.client.remote(link) if remote else link))
        check(os.path.islink(link), 'the link was replaced')
        same_content(source, real)


def sparse(world):
    """Holes arrive as zeroes; where the file system can, they stay holes."""
    source = world.path(b'f')
    trees.make_sparse(source, 96 << 20, marks=(0, 40 << 20, (96 << 20) - 5000))
    if os.stat(source).st_blocks * 512 > 8 << 20:
        holes = False
    else:
        holes = True
    there, back, local = world.path(b'f'), world.path(b'f'), world.path(b'f')
    succeeded(world.client.cp(source, world.client.remote(there)))
    same_content(source, there)
    succeeded(world.client.cp(world.client.remote(there), back))
    same_content(source, back)
    succeeded(world.client.run('cp', source, local))
    same_content(source, local)
    for path in (there, local) if holes else ():
        used = os.stat(path).st_blocks * 512
        check(used < 48 << 20, f'{path!r} of 96 MiB with a few pages of data takes {used >> 20} MiB')


def sizes(world, engine):
    """Files around every boundary that a copy could trip over."""
    source, there, back = world.path(b'sizes'), world.path(b'sizes'), world.path(b'sizes')
    os.makedirs(source)
    for size in (0, 1, 2, 4095, 4096, 4097, 16383, 16384, 32767, 32768, 32769, 65536, 262143, 262144, 262145,
                 (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (8 << 20) + 13, 33_554_433):
        trees.make_file(os.path.join(source, b'%d' % size), size)
    env = {'HAWSER_NIC': engine}
    succeeded(world.client.cp('-r', source, world.client.remote(there), env=env))
    same(source, there)
    succeeded(world.client.cp('-r', world.client.remote(there), back, env=env))
    same(source, back)


def many_small(world, engine):
    source, there, back = world.path(b'many'), world.path(b'many'), world.path(b'many')
    trees.make_many(source, 3000, 700)
    env = {'HAWSER_NIC': engine}
    succeeded(world.client.cp('-r', source, world.client.remote(there), env=env))
    same(source, there)
    succeeded(world.client.cp('-r', world.client.remote(there), back, env=env))
    same(source, back)
    # Into what stands already: each file is replaced.
    for path in files_below(source)[:500]:
        trees.make_file(path, 900, b'second')
    succeeded(world.client.cp('-r', os.path.join(source, b'.'), world.client.remote(there), env=env))
    same(source, there)


def wide_directory(world):
    """More entries than one answer to READDIR holds."""
    source, back = world.path(b'wide'), world.path(b'wide')
    trees.make_many(source, 5000, 1, per_directory=5000)
    succeeded(world.client.cp('-r', world.client.remote(source), back))
    same(source, back)


def grows_and_shrinks(world):
    """A source that changes while it is read is copied or reported, and never half-written."""
    source = world.path(b'f')
    trees.make_file(source, 64 << 20)
    for size in (48 << 20, 80 << 20):
        target = world.path(b'f')
        child = world.client.start(source, world.client.remote(target))
        os.truncate(source, size)
        out, err = child.communicate(timeout=60)
        check(child.returncode in (0, 1, 3), f'status {child.returncode}: {err!r}')
        if child.returncode == 0:
            check(os.path.getsize(target) in (48 << 20, 64 << 20, 80 << 20),
                  f'{os.path.getsize(target)} bytes under the final name')
        else:
            check(b'f' in err, f'nothing named: {err!r}')


def special_files(world):
    """/dev/null as destination is written in place; a FIFO in a tree is no reason to hang."""
    source = world.path(b'f')
    trees.make_file(source, 100_000)
    before = os.stat('/dev/null')
    succeeded(world.client.cp(source, world.client.remote('/dev/null')))
    succeeded(world.client.cp(world.client.remote(source), '/dev/null'))
    after = os.stat('/dev/null')
    check(stat.S_ISCHR(after.st_mode) and before.st_ino == after.st_ino, '/dev/null was replaced')
    tree, there = world.path(b'tree'), world.path(b'tree')
    os.makedirs(tree)
    os.mkfifo(os.path.join(tree, b'fifo'))
    trees.make_file(os.path.join(tree, b'file'), 10)
    result = world.client.cp('-r', tree, world.client.remote(there), timeout=20)
    ended(result, 1)
    says(result, 'fifo')
    same_content(os.path.join(tree, b'file'), os.path.join(there, b'file'))


def no_leftovers(world):
    """After success no temporary name is left anywhere."""
    source, there, back = world.path(b'tree'), world.path(), world.path()
    trees.make_many(source, 50, 5000)
    for _ in range(2):
        succeeded(world.client.cp('-r', source, world.client.remote(there)))
        succeeded(world.client.cp('-r', world.client.remote(source), back))
    for target in (there, back):
        check(sorted(os.listdir(target)) == [b'tree'], f'left over: {os.listdir(target)}')
        found = differences(source, os.path.join(target, b'tree'))
        check(not found, '; '.join(found))


def tests():
    for engine in ENGINES:
        for test in (odd_tree, sizes, many_small):
            yield f'{test.__name__} {engine}', test, (engine,)
    yield from [odd_tree_upon_itself, odd_names_one_by_one, local_tree, without_p, follow_links,
                named_link_is_followed, destination_link_is_followed, sparse, wide_directory,
                grows_and_shrinks, special_files, no_leftovers]


if __name__ == '__main__':
    sys.exit(main(tests()))

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keys and known hosts as ssh-keygen makes and understands them, and as this library does.

usage: test_files.py PROBE [WORD...]
"""

import base64
import hashlib
import os
import random
import shutil
import stat
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from harness import Report, Skip, check, finish  # noqa: E402

PROBE = os.path.abspath(sys.argv[1])
TYPES = [('ed25519', 0), ('ecdsa', 256), ('ecdsa', 384), ('ecdsa', 521), ('rsa', 2048), ('rsa', 3072)]
CIPHERS = '''aes128-ctr aes192-ctr aes256-ctr aes128-cbc aes192-cbc aes256-cbc 3des-cbc aes128-gcm@openssh.com
    aes256-gcm@openssh.com chacha20-poly1305@openssh.com'''.split()

work = tempfile.mkdtemp(prefix='hawser-keys-')
made = {}


def path(name):
    return os.path.join(work, name)


def run(*command, data=None, fail=False):
    done = subprocess.run(command, capture_output=True, input=data, timeout=120)
    check(done.returncode >= 0, f'{command[:3]} died of signal {-done.returncode}: {done.stderr}')
    check(fail or done.returncode == 0, f'{command}: {done.stdout} {done.stderr}')
    return done.stdout


def probe(*arguments, data=None):
    """Standard output, or None after an error, which is checked to be one."""
    done = subprocess.run([PROBE, *map(str, arguments)], capture_output=True, input=data, timeout=120)
    check(done.returncode in (0, 1), f'{arguments} ended with {done.returncode}: {done.stderr.decode()}')
    text = done.stdout
    return text if data is not None else text.decode()


def keygen(name, kind, bits=0, passphrase='', *options, comment='a comment'):
    arguments = ['-b', str(bits)] if bits else []
    run('ssh-keygen', '-q', '-t', kind, *arguments, '-N', passphrase, '-C', comment, '-f', path(name), *options)
    return path(name)


def key(kind='ed25519', bits=0, which=0):
    """A key of that type, made once."""
    name = f'{kind}-{bits}-{which}'
    if name not in made:
        made[name] = keygen(name, kind, bits)
    return made[name]


def fingerprint(file, digest='sha256'):
    """(bits, fingerprint, comment) as ssh-keygen shows them."""
    words = run('ssh-keygen', '-l', '-E', digest, '-f', file).decode().strip().split(' ')
    return words[0], words[1], ' '.join(words[2:-1])


def expect_key(file, text):
    """TEXT, the probe's line about FILE's key, says what ssh-keygen says."""
    words = text.strip('\n').split(' ')
    bits, sha, _ = fingerprint(file + '.pub')
    check(words[:2] == [bits, sha], f'{file}: {text!r}, ssh-keygen has {bits} {sha}')
    check(words[3] == fingerprint(file + '.pub', 'md5')[1], f'{file}: {text!r}')
    check(words[2] == open(file + '.pub').read().split()[0], f'{file}: {text!r}')
    return ' '.join(words[4:])


# ---- Reading what ssh-keygen writes ----

def test_types():
    for kind, bits in TYPES:
        file = key(kind, bits)
        check(expect_key(file, probe('private', file, '')) == 'a comment', f'{file}: comment')
        check(expect_key(file, probe('public', file + '.pub')) == 'a comment', f'{file}: comment')
        expect_key(file, probe('half', file))
        check(probe('line', file, '') == open(file + '.pub').read().strip('\n'), f'{file}: public line')


def test_ciphers():
    for cipher in CIPHERS:
        file = keygen('c-' + cipher, 'ed25519', 0, 'a pass phrase', '-Z', cipher, '-a', '3')
        check(expect_key(file, probe('private', file, 'a pass phrase')) == 'a comment', cipher)
        for wrong in ('', 'A pass phrase', 'a'):
            text = probe('private', file, wrong)
            check(text.startswith('error passphrase') and file in text, f'{cipher}: {text}')
        text = probe('half', file)
        check(text.startswith('encrypted\n'), f'{cipher}: {text}')
        expect_key(file, text.split('\n', 1)[1])


def test_rounds():
    for rounds in (1, 2, 16, 33):
        file = keygen(f'rounds-{rounds}', 'ecdsa', 256, 'x', '-a', str(rounds))
        expect_key(file, probe('private', file, 'x'))


def test_long_passphrase():
    for passphrase in ('p' * 500, 'schöne Wörter ☃', ' ', '-'):
        name = 'pass-' + hashlib.sha256(passphrase.encode()).hexdigest()[:8]
        if len(passphrase) >= 5:  # ssh-keygen asks for at least five bytes
            file = keygen(name, 'ed25519', 0, passphrase, '-a', '2')
            expect_key(file, probe('private', file, passphrase))


def test_pem():
    for form in ('PEM', 'PKCS8'):
        for kind, bits in TYPES[1:]:
            for passphrase in ('', 'secret'):
                file = keygen(f'{form}-{kind}-{bits}-{passphrase}', kind, bits, passphrase, '-m', form)
                expect_key(file, probe('private', file, passphrase))
                text = probe('half', file)
                if not passphrase:
                    expect_key(file, text)
                    continue
                check(probe('private', file, '').startswith('error passphrase'), file)
                check(probe('private', file, 'wrong').startswith('error passphrase'), file)
                check(text.startswith('encrypted\n'), text)
                expect_key(file, text.split('\n', 1)[1])
                os.rename(file + '.pub', file + '.away')
                text = probe('half', file)
                check(text.startswith('encrypted\nerror passphrase'), text)


# ---- PuTTY's format ----

# "memory" is the least that Argon2 takes, so that files are damaged quickly.
PPK = [('', 'version=2'), ('', 'version=3'), ('secret', 'version=2'),
       ('secret', 'version=3,kdf=argon2id,memory=8,passes=1'), ('secret', 'version=3,kdf=argon2i,memory=64,passes=3'),
       ('secret', 'version=3,kdf=argon2d,memory=32,passes=2,parallelism=4')]


def puttygen(file, passphrase, parameters, *options):
    if not shutil.which('puttygen'):
        raise Skip('no puttygen (package putty-tools)')
    name = path(f'ppk-{len(os.listdir(work))}')
    with open(path('passphrase'), 'w') as secret:
        secret.write(passphrase + '\n' if passphrase else '')
    run('puttygen', file, '-O', 'private', '-o', name, '--new-passphrase', path('passphrase'), '--ppk-param', parameters,
        *options)
    os.chmod(name, 0o600)
    return name


def test_ppk():
    """Each type in each form of PuTTY's key files, and its public half without the passphrase."""
    for kind, bits in TYPES:
        file = key(kind, bits)
        for passphrase, parameters in PPK:
            ppk = puttygen(file, passphrase, parameters)
            check(expect_like(file, probe('private', ppk, passphrase)) == 'a comment', f'{parameters}: comment')
            text = probe('half', ppk)
            check(text.startswith('encrypted\n') == bool(passphrase), text)
            expect_like(file, text.split('\n', 1)[1] if passphrase else text)
            if passphrase:
                check(probe('private', ppk, 'wrong').startswith('error passphrase'), parameters)
                check(probe('private', ppk, '').startswith('error passphrase'), parameters)


def expect_like(file, text):
    words = text.strip('\n').split(' ')
    bits, sha, _ = fingerprint(file + '.pub')
    check(words[:2] == [bits, sha], f'{file}: {text!r}, ssh-keygen has {bits} {sha}')
    return ' '.join(words[4:])


def test_ppk_damaged():
    step = 1 if os.environ.get('HAWSER_TEST_EFFORT') != 'reduced' else 7
    for kind, bits in TYPES[:2] + TYPES[4:5]:
        for passphrase, parameters in PPK[:4]:
            ppk = puttygen(key(kind, bits), passphrase, parameters)
            text = probe('damage', ppk, passphrase, step)
            check(text.strip().isdigit() and int(text) > 20, f'{parameters}: {text}')
    ppk = puttygen(key(), 'secret', PPK[3][1])
    whole = open(ppk).read()
    for name, value in (('Memory', 2 ** 30), ('Memory', 4), ('Memory', 0), ('Passes', 0), ('Passes', 10 ** 8),
                        ('Parallelism', 0), ('Parallelism', 10 ** 7), ('Memory', -8)):
        lines = [f'Argon2-{name}: {value}' if line.startswith(f'Argon2-{name}') else line for line in whole.splitlines()]
        with open(ppk, 'w') as out:
            out.write('\r\n'.join(lines) + '\r\n')
        text = probe('private', ppk, 'secret')
        check(text.startswith('error') and 'passphrase of' not in text.split(':')[0], text)
    with open(ppk, 'w') as out:
        out.write(whole.replace('\n', '\r\n'))
    check(probe('private', ppk, 'secret').startswith('256 SHA256:'), 'lines of another system')
    for text in ('PuTTY-User-Key-File-1: ssh-ed25519\n', whole.replace('File-3', 'File-4')):
        with open(ppk, 'w') as out:
            out.write(text)
        check(probe('private', ppk, 'secret').startswith('error'), 'another version')


def test_ppk_certificate():
    """A key file that holds a certificate offers it."""
    file, authority = keygen('certified', 'ed25519'), key('ecdsa', 256)
    run('ssh-keygen', '-q', '-s', authority, '-I', 'me', '-n', 'somebody', file + '.pub')
    ppk = puttygen(file, '', 'version=3', '--certificate', file + '-cert.pub')
    words = probe('private', ppk, '').split(' ')
    check(words[2] == 'ssh-ed25519-cert-v01@openssh.com', f'{words}')


def test_short_rsa():
    for form in ('RFC4716', 'PEM', 'PKCS8'):
        for bits in (1024, 2047):
            file = keygen(f'short-{form}-{bits}', 'rsa', bits, '', '-m', form)
            for command in (['private', file, ''], ['half', file], ['public', file + '.pub']):
                text = probe(*command)
                check(text.startswith('error unsupported') and str(bits) in text, f'{command}: {text}')


def test_unsupported_types():
    file = path('dsa')
    done = subprocess.run(['ssh-keygen', '-q', '-t', 'dsa', '-N', '', '-f', file], capture_output=True)
    if done.returncode:
        raise Skip('this ssh-keygen makes no DSA keys')
    for command in (['private', file, ''], ['half', file], ['public', file + '.pub']):
        check(probe(*command).startswith('error unsupported'), str(command))


# ---- Writing what ssh-keygen reads ----

def test_write():
    for kind, bits in TYPES:
        for passphrase in ('', 'secret'):
            file, new = key(kind, bits), path(f'new-{kind}-{bits}-{passphrase}')
            probe('rewrite', file, '', new, passphrase)
            check(stat.S_IMODE(os.stat(new).st_mode) == 0o600, 'mode of a private key')
            line = run('ssh-keygen', '-y', '-P', passphrase, '-f', new).decode().strip()
            check(line == open(file + '.pub').read().strip(), f'{new}: {line}')
            expect_key(file, probe('private', new, passphrase))
            text = probe('rewrite', file, '', new, passphrase)
            check(text.startswith('error system error') and 'exists' in text, text)


def test_generate():
    for kind, bits in TYPES:
        for passphrase in ('', 'secret'):
            file = path(f'made-{kind}-{bits}-{passphrase}')
            text = probe('generate', kind, bits, file, passphrase)
            check(expect_key(file, text) == 'made by hawser', text)
            line = run('ssh-keygen', '-y', '-P', passphrase, '-f', file).decode().strip()
            check(line == open(file + '.pub').read().strip(), f'{file}: {line}')


# ---- Signatures, inside the envelope of ssh-keygen -Y ----

def string(data):
    return struct.pack('>I', len(data)) + data


def test_signatures():
    data, space = b'what is signed\n', b'hawser'
    signed = b'SSHSIG' + string(space) + string(b'') + string(b'sha512') + string(hashlib.sha512(data).digest())
    for kind, bits in TYPES:
        file = key(kind, bits)
        public = open(file + '.pub').read().split()
        for algorithm in ('rsa-sha2-512', 'rsa-sha2-256') if kind == 'rsa' else ('',):
            blob = probe('sign', file, '', algorithm, data=signed)
            envelope = (b'SSHSIG' + struct.pack('>I', 1) + string(base64.b64decode(public[1])) + string(space) +
                        string(b'') + string(b'sha512') + string(blob))
            with open(path('sig'), 'w') as out:
                out.write('-----BEGIN SSH SIGNATURE-----\n' + base64.encodebytes(envelope).decode() +
                          '-----END SSH SIGNATURE-----\n')
            with open(path('signers'), 'w') as out:
                out.write(f'me {public[0]} {public[1]}\n')
            verify = ['ssh-keygen', '-Y', 'verify', '-f', path('signers'), '-I', 'me', '-n', 'hawser', '-s',
                      path('sig')]
            check(b'Good' in run(*verify, data=data), f'{kind} {algorithm}')
            check(b'Good' not in run(*verify, data=data + b'x', fail=True), f'{kind} {algorithm}')


# ---- Known hosts ----

def public(kind='ed25519', bits=0, which=0):
    return ' '.join(open(key(kind, bits, which) + '.pub').read().split()[:2])


def write(name, text):
    with open(path(name), 'w', newline='') as file:
        file.write(text)
    return path(name)


def keygen_find(file, host, port):
    """Line numbers that ssh-keygen -F finds. Unlike ssh it does not fold case for hashed names."""
    host = host.lower()
    name = host if port == 22 else f'[{host}]:{port}'
    text = run('ssh-keygen', '-F', name, '-f', file, fail=True).decode()
    return [int(line.split('line ')[1].split()[0]) for line in text.splitlines() if line.startswith('# Host')]


def found(file, host, port):
    return [int(line.split()[0]) for line in probe('find', file, host, port).splitlines()]


HOSTS = [('alpha', 22), ('Alpha', 22), ('beta', 22), ('alpha', 2222), ('beta', 2222), ('a.example.com', 22),
         ('b.example.com', 22), ('10.0.0.1', 22), ('::1', 22), ('::1', 2222), ('10.0.0.1', 2222)]
NAMES = ['alpha', 'beta', 'ALPHA', '*', '*.example.com', '!b.example.com', '?lpha', '[alpha]:2222', '[*]:2222',
         '[beta]:22', '10.0.0.1', '10.0.0.?', '::1', '[::1]:2222', '!alpha', 'a.example.com', '*:2222']


def test_matching():
    source = random.Random(7)
    for _ in range(25):
        lines = []
        for _ in range(12):
            names = ','.join(source.sample(NAMES, source.randrange(1, 4)))
            lines.append(source.choice(['', '', '', ' ', '@cert-authority ', '@revoked ']) + names +
                         source.choice([' ', '\t', '  ']) + public() + source.choice(['', ' comment', '\r']))
            lines.append(source.choice(['', '# comment', 'broken', '   ']))
        file = write('hosts', '\n'.join(lines) + '\n')
        for host, port in HOSTS:
            mine, theirs = found(file, host, port), keygen_find(file, host, port)
            check(mine == theirs, f'{host} {port}: lines {mine}, ssh-keygen finds {theirs} in {lines}')


def test_hashed():
    file = write('hashed', f'alpha,[alpha]:2222 {public()}\nbeta {public("ecdsa", 256)}\n'
                           f'[::1]:2222 {public()}\n10.0.0.1 {public()}\n')
    run('ssh-keygen', '-H', '-f', file)
    text = open(file).read()
    check('alpha' not in text and text.count('|1|') == 5, text)
    for host, port in HOSTS:
        mine, theirs = found(file, host, port), keygen_find(file, host, port)
        check(mine == theirs, f'{host} {port}: lines {mine}, ssh-keygen finds {theirs}')
    check(found(file, 'ALPHA', 2222), 'case matters')


def judge(file, host, port, *which):
    return probe('check', file, host, port, key(*which) + '.pub').split()


def test_results():
    ed, other, ec = public(), public(which=1), public('ecdsa', 256)
    file = write('kh', f'# first\nalpha {other}\n\nalpha {ed}\nbeta {other}\nbeta {ec}\n@revoked * {public(which=2)}\n'
                       f'gamma {ec}\n@cert-authority delta {ed}\nepsilon {public(which=2)}\n[zeta]:99 {other}\nzeta {ed}\n')
    sha = fingerprint(key() + '.pub')[1]
    check(judge(file, 'alpha', 22) == ['match', '4', 'ssh-ed25519', sha], 'one of two keys')
    check(judge(file, 'beta', 22)[:2] == ['changed', '5'], 'a changed key')
    check(judge(file, 'beta', 22)[3] == fingerprint(key(which=1) + '.pub')[1], 'the known fingerprint')
    check(judge(file, 'gamma', 22)[:2] == ['other-type', '8'], 'another type')
    check(judge(file, 'delta', 22) == ['unknown'], 'a certificate authority is no host key')
    check(judge(file, 'epsilon', 22, 'ed25519', 0, 2)[:2] == ['revoked', '7'], 'revoked before known')
    check(judge(file, 'nobody', 22, 'ed25519', 0, 2)[0] == 'revoked', 'revoked for everybody')
    check(judge(file, 'nobody', 2222, 'ed25519', 0, 2)[0] == 'revoked', 'revoked at a port')
    check(judge(file, 'nobody', 22) == ['unknown'], 'unknown')
    check(judge(file, 'alpha', 2222)[:2] == ['match', '4'], 'a match without the port')
    check(judge(file, 'beta', 2222) == ['unknown'], 'a difference without the port says nothing')
    check(judge(file, 'zeta', 99)[:2] == ['changed', '11'], 'a port with a line of its own')
    check(judge(file, 'zeta', 98)[:2] == ['match', '12'], 'a port without one')
    check(judge(path('absent'), 'alpha', 22) == ['unknown'], 'no file')


def test_problems():
    ed = public().split()
    rsa = public('rsa', 2048).split()
    cut = base64.b64encode(base64.b64decode(ed[1])[:-1]).decode()
    bad = [f'alpha', f'alpha {ed[0]}', f'alpha {ed[1]}', f'alpha {ed[0]} AAAA', f'alpha {ed[0]} {ed[1][:-2]}',
           f'alpha {ed[0]} {cut}', f'alpha {rsa[0]} {ed[1]}', f'@odd alpha {ed[0]} {ed[1]}', '@revoked', '@',
           f'|1|AAAA|BBBB {ed[0]} {ed[1]}', f'|2|x|y {ed[0]} {ed[1]}', 'alpha 1024 35 1234567890', 'al\0pha ' + ' '.join(ed),
           'x' * 70000 + ' ' + ' '.join(ed), f'alpha {ed[0]} {ed[1]}=', f'alpha ssh-rsa {rsa[1][:-8]}']
    text = ''
    for line in bad:
        text += f'# fine\n{line}\n\nalpha {" ".join(ed)}\n'
    file = write('problems', text)
    lines = probe('problems', file).splitlines()
    check([int(line.split()[0]) for line in lines] == [4 * n + 2 for n in range(len(bad))], '\n'.join(lines))
    check(all(len(line.split()) > 3 for line in lines), 'no reasons')
    check(found(file, 'alpha', 22) == [4 * n + 4 for n in range(len(bad))], 'good lines between bad ones')


def test_cut_anywhere():
    text = f'@revoked alpha {public()}\nalpha,beta {public("ecdsa", 256)}\r\n|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= {public()} c\n'
    for at in range(0, len(text) + 1, 3):
        probe('find', write('cut', text[:at]), 'alpha', 22)


def test_add():
    """Lines that are added are found by ssh-keygen, and nothing else in the file changes."""
    for before in ('', f'alpha {public(which=1)}', f'# mine\n\nalpha {public(which=1)}  comment \r\nbroken\n'):
        for how in ('plain', 'hash'):
            for host, port in (('New.Host', 22), ('new.host', 2222), ('::1', 22), ('fe80::1%eth0', 2200)):
                file = write('add', before)
                number = int(probe('add', file, host, port, key() + '.pub', how).split()[1])
                text = open(file, newline='').read()
                check(text.startswith(before) and text.endswith('\n'), f'{text!r}')
                check(('|1|' in text) == (how == 'hash'), text)
                check(how == 'plain' or host.lower() not in text.lower(), text)
                theirs = keygen_find(file, host, port)
                check(theirs == [number], f'{host} {port} {how}: line {number}, ssh-keygen finds {theirs}')
                check(judge(file, host, port)[:2] == ['match', str(number)], 'what was added is not found')


def test_add_makes_what_is_missing():
    file = path('home/.ssh/known_hosts')
    os.mkdir(path('home'))
    os.umask(0)
    probe('add', file, 'alpha', 22, key() + '.pub', 'plain')
    os.umask(0o022)
    check(stat.S_IMODE(os.stat(file).st_mode) == 0o600, 'mode of the file')
    check(stat.S_IMODE(os.stat(os.path.dirname(file)).st_mode) == 0o700, 'mode of the directory')
    for name in ('', 'a b', 'a,b', '*', 'a\nb', '|1|x', '@revoked', '#x', '!a', 'a]b'):
        text = probe('add', file, name, 22, key() + '.pub', 'plain')
        check(text.startswith('error invalid argument'), f'{name!r}: {text}')
    text = probe('add', '/proc/nothing/known_hosts', 'alpha', 22, key() + '.pub', 'plain')
    check(text.startswith('error system error') and '/proc/nothing' in text, text)


def test_add_to_a_full_disk():
    if not os.path.exists('/dev/full'):
        raise Skip('no /dev/full')
    text = probe('add', '/dev/full', 'alpha', 22, key() + '.pub', 'plain')
    check(text.startswith('error'), text)


def test_remove():
    ed = public()
    lines = [f'# alpha {ed}', f'alpha {ed}', f'beta,ALPHA,gamma {ed} c', f'al* {ed}', f'@revoked alpha {ed}', 'broken',
             f'[alpha]:2222 {ed}', f'beta {ed}\r']
    file = write('remove', '\n'.join(lines) + '\n')
    os.chmod(file, 0o640)
    os.symlink(file, path('link'))
    check(probe('remove', path('link'), 'Alpha', 22).strip() == '2', 'count')
    want = '\n'.join(lines[:1] + lines[3:]) + '\n'
    check(open(file, newline='').read() == want, 'the rest has changed')
    check(os.path.islink(path('link')) and stat.S_IMODE(os.stat(file).st_mode) == 0o640, 'link or mode')
    check(probe('remove', file, 'alpha', 2222).strip() == '1', 'count')
    check(probe('remove', file, 'alpha', 2222).strip() == '0', 'count')
    write('remove', want.replace('broken\n', '').replace(lines[3] + '\n', ''))
    run('ssh-keygen', '-H', '-f', file)
    check(probe('remove', file, 'beta', 22).strip() == '1', 'hashed')
    check(not keygen_find(file, 'beta', 22), 'ssh-keygen still finds it')
    check(not [name for name in os.listdir(work) if name.startswith('remove.') and not name.endswith('.old')], 'left over')


def test_large_file():
    """Ten thousand lines, half of them hashed, are checked in a moment."""
    lines = [f'host{n} {public()}' for n in range(5000)]
    file = write('large', '\n'.join(lines) + '\n')
    run('ssh-keygen', '-q', '-H', '-f', file)
    with open(file, 'a') as out:
        out.write('\n'.join(f'plain{n} {public("rsa", 2048)}' for n in range(5000)) + '\n')
    check(judge(file, 'host4321', 22)[:2] == ['match', '4322'], 'hashed')
    check(judge(file, 'plain4999', 22, 'rsa', 2048)[:2] == ['match', '10000'], 'plain')
    check(judge('/dev/zero', 'alpha', 22)[0] == 'error', 'an endless file')


def main():
    report = Report(sys.argv[2:])
    try:
        if not shutil.which('ssh-keygen'):
            report.skip('files', 'ssh-keygen is not installed')
            finish(report)
        for name, function in sorted(globals().items()):
            if name.startswith('test_'):
                report.run('files ' + name[5:], function)
    finally:
        shutil.rmtree(work)
    finish(report)


main()

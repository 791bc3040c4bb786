#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Certificates as ssh-keygen makes and shows them, and as this library reads and judges them.

usage: test_certificates.py PROBE [WORD...]
"""

import datetime
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from harness import Report, Skip, check, finish  # noqa: E402

PROBE = os.path.abspath(sys.argv[1])
TYPES = [('ed25519', 0), ('ecdsa', 256), ('ecdsa', 384), ('ecdsa', 521), ('rsa', 2048)]
DAY = datetime.datetime(2031, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc)

work = tempfile.mkdtemp(prefix='hawser-certificates-')
made = {}


def run(*command, fail=False):
    done = subprocess.run(command, capture_output=True, timeout=60, env={**os.environ, 'TZ': 'UTC'})
    check(fail or done.returncode == 0, f'{command}: {done.stdout} {done.stderr}')
    return done.stdout.decode()


def probe(*arguments):
    done = subprocess.run([PROBE, *map(str, arguments)], capture_output=True, timeout=60)
    check(done.returncode in (0, 1), f'{arguments} ended with {done.returncode}: {done.stderr.decode()}')
    return done.returncode, done.stdout.decode()


def key(kind='ed25519', bits=0, which='key'):
    name = os.path.join(work, f'{which}-{kind}-{bits}')
    if name not in made:
        size = ['-b', str(bits)] if bits else []
        run('ssh-keygen', '-q', '-t', kind, *size, '-N', '', '-C', 'a comment', '-f', name)
        made[name] = name
    return name


def certify(public, authority, *options, name='an id', principals='one.example.org,two'):
    """A certificate over PUBLIC, in a file of its own."""
    base = os.path.join(work, f'signed{len(os.listdir(work))}')
    shutil.copy(public + '.pub', base + '.pub')
    names = ['-n', principals] if principals else []
    run('ssh-keygen', '-q', '-s', authority, '-I', name, *names, *options, base + '.pub')
    return base + '-cert.pub'


def shown(file):
    """What ssh-keygen -L says, in the words of the probe."""
    lines, section = [], None
    for line in run('ssh-keygen', '-L', '-f', file).splitlines()[1:]:
        depth, text = len(line) - len(line.lstrip()), line.strip()
        if depth > 8:
            if 'UNKNOWN ' in text:
                option, _, rest = text.partition(' UNKNOWN ')
                text = option + ('' if rest.startswith('FLAG') else
                                 ' ' + bytes.fromhex(rest.split()[1])[4:].decode())
            if text != '(none)':
                lines.append(f'{section} {text}' + ('' if section == 'principal' or ' ' in text else ' '))
            continue
        section = {'Principals': 'principal', 'Critical Options': 'critical',
                   'Extensions': 'extension'}.get(text.split(':')[0])
        title, _, value = text.partition(': ')
        if title == 'Type':
            lines += ['type ' + value.split()[0], 'kind ' + value.split()[1]]
        elif title == 'Key ID':
            lines.append('id ' + value.strip('"'))
        elif title == 'Serial':
            lines.append('serial ' + value)
        elif title == 'Public key':
            lines.append('fingerprint ' + value.split()[1])
        elif title == 'Signing CA':
            lines.append('authority ' + value.split()[1] + ' ' + value.split()[3].rstrip(')'))
    return sorted(lines)


def told(file):
    """The same of this library."""
    status, text = probe('certificate', file)
    check(status == 0, f'{file}: {text}')
    lines = []
    for line in text.splitlines():
        word, _, rest = line.partition(' ')
        if word == 'authority':
            rest = ' '.join(rest.split()[1:3])
            check(line.endswith(' 1'), f'not verified: {line}')
        elif word in ('critical', 'extension') and rest.rstrip() == rest.split()[0]:
            rest = rest.rstrip() + ' '
        if word not in ('valid', 'key', 'short'):
            lines.append(f'{word} {rest}')
    return sorted(lines)


def value(file, word):
    return [line.partition(' ')[2] for line in probe('certificate', file)[1].splitlines()
            if line.startswith(word + ' ')]


def every_type():
    for kind, bits in TYPES:
        for authority_kind, authority_bits in TYPES:
            authority = key(authority_kind, authority_bits, 'ca')
            for options in (['-h'], []):
                file = certify(key(kind, bits), authority, *options)
                check(told(file) == shown(file), f'{told(file)} but ssh-keygen {shown(file)}')
                plain = open(key(kind, bits) + '.pub').read().split()[0]
                check(value(file, 'key')[0].split()[0] == plain, f'{value(file, "key")}')


def every_field():
    ca = key(which='ca')
    for options in ([], ['-z', '18446744073709551615'], ['-O', 'clear'], ['-O', 'no-pty'],
                    ['-O', 'force-command=/bin/true -x', '-O', 'source-address=10.0.0.0/8,::1'],
                    ['-O', 'verify-required'], ['-O', 'critical:one@example.org=x y'],
                    ['-O', 'extension:two@example.org=z', '-O', 'extension:other@example.org']):
        file = certify(key(), ca, *options)
        check(told(file) == shown(file), f'{options}: {told(file)} but ssh-keygen {shown(file)}')
    file = certify(key(), ca, principals=None)
    check(told(file) == shown(file) and not value(file, 'principal'), f'{told(file)}')
    file = certify(key(), ca, principals=','.join(f'name{i}' for i in range(256)))
    check(len(value(file, 'principal')) == 256 and told(file) == shown(file), 'not 256 principals')


def validity():
    ca, begin = key(which='ca'), int(DAY.timestamp())
    file = certify(key(), ca, '-h', '-V', DAY.strftime('%Y%m%d%H%M%SZ') + ':' +
                   (DAY + datetime.timedelta(hours=1)).strftime('%Y%m%d%H%M%SZ'))
    if value(file, 'valid') != [f'{begin} {begin + 3600}']:
        raise Skip(f'ssh-keygen -V understood another time: {value(file, "valid")}')
    judge(file, 'host', 'two', begin - 1, 'not valid yet')
    judge(file, 'host', 'two', begin)
    judge(file, 'host', 'two', begin + 3599)
    judge(file, 'host', 'two', begin + 3600, 'expired')
    judge(certify(key(), ca, '-h'), 'host', 'two', 0)
    judge(certify(key(), ca, '-h'), 'host', 'two', 2 ** 64 - 2)


def judge(file, kind, principal, now=1000, refused=None, algorithms='', options=''):
    status, text = probe('judge', file, kind, principal, now, algorithms, options)
    check((status == 0) == (refused is None), f'{file}: {text!r}, expected {refused}')
    check(refused is None or refused in text, f'{text!r} does not say {refused!r}')


def judged():
    ca = key(which='ca')
    file = certify(key(), ca, '-h')
    judge(file, 'host', 'one.example.org')
    judge(file, 'host', '')
    judge(file, 'host', 'one', refused='not for that name')
    judge(file, 'host', 'ONE.example.org', refused='not for that name')
    judge(file, 'host', '*', refused='not for that name')
    judge(file, 'user', 'two', refused="not a user's")
    judge(certify(key(), ca), 'host', 'two', refused="not a host's")
    judge(certify(key(), ca, '-h', principals=None), 'host', 'any.example.org')
    critical = certify(key(), ca, '-h', '-O', 'critical:one@example.org=x')
    judge(critical, 'host', 'two', refused='one@example.org')
    judge(critical, 'host', 'two', options='other,one@example.org')
    judge(file, 'host', 'two', algorithms='ssh-ed25519,rsa-sha2-512')
    judge(file, 'host', 'two', algorithms='rsa-sha2-512', refused='ssh-ed25519')


def signed_by_sha1():
    """Read, for a server may take it, but never trusted."""
    ca = key('rsa', 2048, 'ca')
    file = certify(key(), ca, '-h', '-t', 'ssh-rsa')
    if 'ssh-rsa' not in run('ssh-keygen', '-L', '-f', file).split('Signing CA')[1].splitlines()[0].split('using')[1]:
        raise Skip('this ssh-keygen signs nothing by ssh-rsa')
    check(value(file, 'authority')[0].endswith('ssh-rsa 0'), f'{value(file, "authority")}')
    judge(file, 'host', 'two', refused='cannot be checked')
    judge(file, 'host', 'two', refused='cannot be checked', algorithms='ssh-rsa')
    for algorithm in ('rsa-sha2-256', 'rsa-sha2-512'):
        file = certify(key(), ca, '-h', '-t', algorithm)
        check(value(file, 'authority')[0].endswith(algorithm + ' 1'), f'{value(file, "authority")}')


def authority_too_small():
    small = key('rsa', 1024, 'small')
    file = certify(key(), small, '-h')
    check(value(file, 'authority')[0].endswith(' 0'), f'{value(file, "authority")}')
    judge(file, 'host', 'two', refused='cannot be checked')
    status, text = probe('certificate', certify(small, key(which='ca'), '-h'))
    check(status == 1 and '1024 bits' in text, text)


def damaged_revocation_lists():
    """Whatever is missing or changed, a file says either what ssh-keygen -Q makes of it, or nothing."""
    ca, listed, other = key(which='ca'), key(which='listed'), key(which='other')
    serial = certify(key(), ca, '-h', '-z', '70', name='an id')
    text, file = os.path.join(work, 'krl.txt'), os.path.join(work, 'krl')
    with open(text, 'w') as out:
        out.write('serial: 70\nserial: 90-100\nserial: 1\nserial: 3\nserial: 5\nid: x\n'
                  f'key: {open(listed + ".pub").read()}\nsha256: {open(other + ".pub").read()}\n')
    run('ssh-keygen', '-q', '-k', '-f', file, '-s', ca + '.pub', text)
    with open(file, 'rb') as source:
        whole = source.read()
    for subject, revokes in ((serial, True), (listed + '.pub', True), (other + '.pub', True), (ca + '.pub', False)):
        status, said = probe('revoked', subject, file)
        check((status == 1) == revokes and (status == 0 or 'refused' in said), f'{subject}: {said!r}')
    damaged = os.path.join(work, 'damaged')
    passed = 0
    for at in range(len(whole)):
        for content in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:]):
            with open(damaged, 'wb') as out:
                out.write(content)
            status, said = probe('revoked', listed + '.pub', damaged)
            if status == 0:  # a list that ends before the key, or in which another one stands
                theirs = run('ssh-keygen', '-Q', '-f', damaged, listed + '.pub', fail=True)
                check(': ok' in theirs or not content, f'byte {at}: not revoked, but ssh-keygen says {theirs!r}')
                passed += 1
    check(passed < len(whole) // 2, f'{passed} of {len(whole)} still say "not revoked"')


def damaged_lists():
    file = os.path.join(work, 'list')
    for text, code in (('', None), ('# only\n\n', None), ('ssh-ed25519\n', 'malformed'), ('ssh-ed25519 AAAA!\n', 'malformed'),
                       (f'ssh-rsa {open(key() + ".pub").read().split()[1]}\n', 'malformed'), ('\0\n', 'malformed'),
                       (open(key() + '.pub').read().rstrip('\n'), 'refused')):
        with open(file, 'w') as out:
            out.write(text)
        status, said = probe('revoked', key() + '.pub', file)
        check(status == (0 if code is None else 1) and (code or '') in said, f'{text!r}: {said!r}')
    for missing in ('/nonexistent', work):
        status, said = probe('revoked', key() + '.pub', missing)
        check(status == 1 and missing in said, said)


if __name__ == '__main__':
    report = Report(sys.argv[2:])
    try:
        if not shutil.which('ssh-keygen'):
            report.skip('suite', 'no ssh-keygen (package openssh-client)')
        else:
            for test in (every_type, every_field, validity, judged, signed_by_sha1, authority_too_small,
                         damaged_revocation_lists, damaged_lists):
                report.run(test.__name__, test)
    finally:
        shutil.rmtree(work)
    finish(report)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`hawser cp -G HOST` says for every keyword that a configuration sets what `ssh -G HOST` says.

usage: test_show_config.py HAWSER [WORD...]
More of those at random: HAWSER_TEST_CONFIGS=5000 HAWSER_TEST_SEED=1 test_show_config.py HAWSER random
"""

import os
import random
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../keys'))
from harness import Report, check, finish  # noqa: E402
import compare_config  # noqa: E402
import random_config  # noqa: E402
from compare_config import HOME, both, path, work, write  # noqa: E402

HAWSER = os.path.abspath(sys.argv[1])
os.environ['HAWSER_SET'] = 'set value'
HOSTS = ['alpha', 'beta.example.com', 'me@gamma', '10.0.0.7']


def by_command(file, host, *options, flags=0):
    arguments = [word for option in options for word in ('-o', option)]
    done = subprocess.run([HAWSER, 'cp', '-G', '-F', file, *arguments, '--', host], capture_output=True, text=True, timeout=60,
                          env={**os.environ, 'HOME': HOME, 'XDG_CONFIG_HOME': work})
    check(done.returncode in (0, 2), f'status {done.returncode}: {done.stderr}')
    check((done.returncode == 0) == (not done.stderr), f'{done}')
    return (compare_config.parse(done.stdout), None) if done.returncode == 0 else (None, done.stderr.strip())


# What people have.
WRITTEN = [
    '', 'Host *\n  ServerAliveInterval 60\n  ServerAliveCountMax 5\n  TCPKeepAlive no\n',
    'Host alpha\n HostName alpha.example.net\n User admin\n Port 2222\n IdentityFile ~/.ssh/alpha\n IdentitiesOnly yes\n',
    'HostName %h.%h\nMatch exec "test %h = alpha.alpha" host *\n Port 4\n', 'GlobalKnownHostsFile NONE\n',
    'Host *.example.com\n ProxyJump bastion\nHost bastion\n ProxyJump none\n',
    'Match host *.example.com !exec "true"\n Port 1\nMatch host *.example.com\n ProxyCommand nc -X 5 -x proxy:1080 %h %p\n',
    'Match user me\n IdentityFile ~/.ssh/me\n CertificateFile ~/.ssh/me-cert.pub\nMatch originalhost alpha user nobody\n Port 3\n',
    'Host 10.*\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\nHost *\n LogLevel VERBOSE\n',
    'KexAlgorithms curve25519-sha256\nCiphers aes256-ctr,aes128-ctr\nMACs hmac-sha2-256\nHostKeyAlgorithms ssh-ed25519\n',
    'PubkeyAcceptedAlgorithms ssh-ed25519,rsa-sha2-512\nCASignatureAlgorithms ssh-ed25519\nRequiredRSASize 3072\n',
    'Host alpha\n HostKeyAlias Alpha.Real\n RevokedHostKeys /etc/ssh/revoked\n UpdateHostKeys ask\n HashKnownHosts yes\n',
    'IdentityAgent none\n', 'IdentityAgent SSH_AUTH_SOCK\n', 'IdentityAgent /run/agent.sock\n', 'IdentityAgent ~/agent\n',
    'GlobalKnownHostsFile none\nUserKnownHostsFile ~/.ssh/a ~/.ssh/b\n', 'GlobalKnownHostsFile /a /b\n',
    'Host *\n BatchMode yes\n ServerAliveInterval 5\n NumberOfPasswordPrompts 1\n PreferredAuthentications publickey\n',
    'UpdateHostKeys ask\nMatch host alpha\n LogLevel ERROR\n', 'PasswordAuthentication no\nKbdInteractiveAuthentication no\nPubkeyAuthentication unbound\n',
    'Compression yes\nIPQoS af21 cs1\nRekeyLimit 1G 1h\nAddressFamily inet6\nConnectTimeout 10\nConnectionAttempts 3\n',
    'BindAddress 127.0.0.2\nBindInterface lo\n', 'IgnoreUnknown Use*,AddKeys*\nUseKeychain yes\n',
    'CanonicalizeHostname no\nCanonicalDomains example.com example.net\nCanonicalizeMaxDots 2\nCanonicalizeFallbackLocal no\n',
    'CanonicalizePermittedCNAMEs *.a.example.com:*.b.example.com,*.c.example.com\n',
    'Host gamma\n ProxyJump a@b:2,ssh://c@d:3\nMatch final\n ConnectTimeout 9\n', 'ProxyJump [::1]:22\n',
    'Match canonical\n Port 5\nMatch all\n Port 6\n', 'Port=2200\nUser = "x y"\n',
    *(f'ProxyJump ssh://{one}\n' for one in ('a%40b@j:3', 'a%zz@j', 'a%00b@j', 'j%2e', 'a;x=y@j', 'a+b@j', 'a%4@j', 'a%41@h,ssh://b%42@k')), 'Bogus yes\n', 'Host\n', 'Port x\n',
    'KnownHostsCommand /bin/k  "%H %I" x\\ z # y\nHost alpha\n KnownHostsCommand none\n', 'KnownHostsCommand none\nKnownHostsCommand /bin/k\n',
    f'Include {work}/more\nHost alpha\n Include {work}/more\n Port 9\n',
]

# Configurations at random: HAWSER_TEST_CONFIGS says how many, HAWSER_TEST_SEED of which sequence the first one is.
COUNT = int(os.environ.get('HAWSER_TEST_CONFIGS', '0')) or (60 if os.environ.get('HAWSER_TEST_EFFORT') == 'reduced' else 200)
SEED = int(os.environ.get('HAWSER_TEST_SEED', '0')) or 7700


def test_written():
    write('more', 'ConnectTimeout 4\nHost alpha gamma\n User included\n')
    for text in WRITTEN:
        both(text, hosts=HOSTS)


def test_options():
    for options in (('Port=5', 'User=x'), ('ProxyJump=a,b',), ('IdentityFile=/k', 'IdentityFile=/l'), ('StrictHostKeyChecking no',),
                    ('Port=x',), ('Bogus=x',), ('Compression=yes', 'Compression=no')):
        both('Port 7\nUser u\nIdentityFile /m\n', *options, hosts=HOSTS[:2])


def included():
    write('more', 'ConnectTimeout 4\nHost alpha gamma\n User included\n')
    write('other', 'Match !host alpha\n Port 99\nHost *\nInclude ' + path('more') + '\n')


def test_lines_at_random():
    """One line, right or wrong: both take it and mean the same, or both refuse it."""
    included()
    for number in range(SEED, SEED + 2 * COUNT):
        source = random.Random(number)
        both(random_config.line(source, 0.25).replace('{0}', work) + '\n', hosts=source.sample(HOSTS, 1))


def test_files_at_random():
    """Files of lines that ssh takes."""
    included()
    for number in range(SEED, SEED + COUNT):
        source = random.Random(number)
        text = random_config.sound(source, takes, source.randrange(2, 12), 0.2)
        both(text.replace('{0}', work), hosts=source.sample(HOSTS, 2))


def takes(line):
    return compare_config.theirs(write('line', line.replace('{0}', work)), 'alpha')[0] is not None


def test_names():
    """Names that a shell could act upon are refused where ssh refuses them, and the others mean the same."""
    parts = ['a', 'x y', 'x -y', '-x', ';', '$(x)', '`', "'", '"', '\\', '{', '#', '%', '*', ',', '[', '=', '\x01', '\x7f', '|', '&', '<', '\\\\', '$']
    names = [part if part == 'a' else form.format(part) for part in parts for form in ('{}', 'a{}', 'a{}b')]
    for name in names:
        compare_config.compare(write('config', ''), name)
        compare_config.compare(write('config', ''), name + '@h')
    for name in (';', 'a;b', 'a b', 'x;y@h', '$(x)', 'x$y@h', 'h,x;y', 'a,b'):
        compare_config.compare(write('config', ''), 'h', 'ProxyJump=' + name)
        compare_config.compare(write('config', ''), 'h', 'User=' + name)
        # What a file says is its owner's.
        both(f'Host h\n HostName {name}\n User {name}\n', hosts=['h'])


def test_lists():
    """What changes a list is shown as what it makes of ours."""
    plain = by_command('/dev/null', 'alpha')[0]
    for keyword, name in (('Ciphers', 'aes128-cbc'), ('MACs', 'hmac-sha1'), ('HostKeyAlgorithms', 'ssh-ed25519'),
                          ('KexAlgorithms', 'curve25519-sha256')):
        default = plain[keyword.lower()][0].split(',')
        for sign, wanted in (('+', default + [name] if name not in default else default), ('-', [one for one in default if one != name]),
                             ('^', [name] + [one for one in default if one != name])):
            values, error = by_command(write('config', f'{keyword} {sign}{name}\n'), 'alpha')
            check(values and values[keyword.lower()] == [','.join(wanted)], f'{keyword} {sign}{name}: {values} {error}')


def main():
    report = Report(sys.argv[2:])
    try:
        if not shutil.which('ssh'):
            report.skip('show config', 'ssh is not installed')
            finish(report)
        compare_config.ours = by_command
        check(os.path.isdir(os.path.dirname(path('x'))), 'no directory to work in')
        for name, function in sorted(globals().items()):
            if name.startswith('test_'):
                report.run('show config ' + name[5:], function)
    finally:
        shutil.rmtree(work)
    finish(report)


main()

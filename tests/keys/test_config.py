#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Configurations as `ssh -G` understands them, and as this library does.

usage: test_config.py PROBE [WORD...]
"""

import os
import pwd
import random
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from harness import Report, Skip, check, finish  # noqa: E402

from compare_config import (HOME, HOSTS, PROBE, both, compare, ours, path, run, theirs, work, write)  # noqa: E402


# ---- What ssh_config(5) says, case by case ----

def test_blocks():
    both('')
    both('Port 2200\nHost alpha\n Port 2201\n User a\nHost beta\n User b\n')
    both('Host alpha beta\n\tUser one\nHost *\n\tUser two\n\tPort 99\n')
    both('Host * !alpha\n User u\n')
    both('Host !alpha *\n User u\n')
    both('Host !alpha\n User u\n')
    both('Host *.example.com ??ta\n User u\n')
    both('Host ALPHA Gamma gamma\n User u\n')
    both('Host 10.0.0.?\n User u\n')
    both('Host "alpha" "x"\n User u\n')
    both('Host alpha,beta\n User u\n')


def test_first_wins():
    both('User one\nUser two\n')
    both('Host alpha\n User one\n Port 1\nHost *\n User two\n Port 2\n')
    both('User one\n', 'User=cli', 'User=later')
    both('Host alpha\n Port 1\n', 'Port 7')
    both('StrictHostKeyChecking no\nStrictHostKeyChecking yes\n')


def test_syntax():
    for text in ('Port=22', 'Port = 2222', 'Port\t=\t2222', ' \tPort 2222 \t', 'pOrT 2222', 'Port "2222"', "Port '2222'",
                 'Port 2222 # a comment', 'Port 2222#3', 'Port == 2222', '"Port" 2222', 'Port', 'Port ""', 'Port 2222 3',
                 'User "a b"', 'User a\\ b', 'User "a', "User 'a", 'User a"b"c', 'User "a\\"b"', 'User a\\\\b', 'User a\\b',
                 '# only a comment', ' # indented', 'User =', 'User a#b', 'User #b', 'Host', 'Host ""',
                 'Port 2222\r\n', 'User a\rb'):
        both(text + '\n', hosts=['alpha'])
        both(text, hosts=['alpha'])
    # ssh skips this line without a word.
    check('quote' in ours(write('config', '"Port 22\n'), 'alpha')[1], 'a keyword with an open quote is fine')
    both('\n\n\r\nPort 3\r\n\r\nHost alpha\r\nUser u\r\n', hosts=['alpha', 'beta'])


def test_values():
    cases = {
        'Port': ['1', '65535', '0', '65536', '-1', '22x', 'x', '00022'],
        'AddressFamily': ['any', 'inet', 'inet6', 'INET', 'ipv4'],
        'IdentitiesOnly': ['yes', 'no', 'true', 'false', 'YES', 'True', 'maybe', '1'],
        'BatchMode': ['yes', 'no', 'on'],
        'HashKnownHosts': ['yes', 'no'],
        'PubkeyAuthentication': ['yes', 'no', 'true'],
        'PasswordAuthentication': ['yes', 'no', 'x'],
        'KbdInteractiveAuthentication': ['yes', 'no'],
        'ChallengeResponseAuthentication': ['no'],
        'DSAAuthentication': ['no'],
        'SkeyAuthentication': ['no'],
        'StrictHostKeyChecking': ['yes', 'no', 'ask', 'accept-new', 'off', 'true', 'false', 'ASK', 'new'],
        'ConnectTimeout': ['0', '5', '1m', '1m30s', '2h', '1d', '1w', 'none', '-1', '5x', '99999999999', '1m1', ''],
        'ServerAliveInterval': ['0', '15', '1m', 'x'],
        'ProtocolKeepAlives': ['7'],
        'ServerAliveCountMax': ['0', '5', '-1', 'x'],
        'LogLevel': ['QUIET', 'FATAL', 'ERROR', 'INFO', 'VERBOSE', 'DEBUG', 'DEBUG1', 'DEBUG2', 'DEBUG3', 'info', 'LOUD'],
        'RekeyLimit': ['default', 'default none', '1G', '512M 1h', '16', '15', '1K', '0', '1T', 'x', '1G none', '1G x',
                       '4096 1m extra', '8G 30m'],
        'UserKnownHostsFile': ['/a', '/a /b', '/a "/b c"', 'none', '~/.ssh/x'],
        'GlobalKnownHostsFile': ['/a', '/a /b'],
        'IdentityFile': ['/a', '"/a b"', '~/k'],
        'Ciphers': ['aes128-ctr', 'aes128-ctr,aes256-ctr', '+aes128-cbc'],
        'MACs': ['hmac-sha2-256'],
        'KexAlgorithms': ['curve25519-sha256', '-ecdh*'],
        'HostKeyAlgorithms': ['ssh-ed25519', '^ssh-ed25519'],
        'PubkeyAcceptedAlgorithms': ['ssh-ed25519', '+ssh-ed25519'],
        'PubkeyAcceptedKeyTypes': ['ssh-ed25519,ecdsa-sha2-nistp256'],
        'CASignatureAlgorithms': ['ssh-ed25519'],
        'PreferredAuthentications': ['publickey', 'keyboard-interactive,password', '""', 'a b'],
        'NumberOfPasswordPrompts': ['0', '1', '7', 'x', '1x', ''],
        'ConnectionAttempts': ['1', '4', '0', 'x'],
        'UpdateHostKeys': ['yes', 'no', 'ask', 'true', 'false', 'maybe', 'yes no'],
        'Compression': ['yes', 'no', 'YES', 'true', 'on'],
        'TCPKeepAlive': ['yes', 'no', 'true', 'x'],
        'KeepAlive': ['no'],
        'IPQoS': ['none', 'af21', 'AF21 cs1', 'ef le', 'lowdelay throughput', '0x10', '16 0x20', '010', '256', '-1', 'x',
                  'af21 x', 'af21 cs1 ef', 'none cs0', '3'],
        'BindAddress': ['127.0.0.1', 'a b', '::1'],
        'BindInterface': ['lo', '""'],
        'RequiredRSASize': ['4096', '1024', 'x'],
        'HostKeyAlias': ['other', 'Other.Name', 'a b'],
        'HostName': ['real', 'Real.Example.COM', '%h.example.com', 'a%%b', '10.1.2.3', '::1'],
        'User': ['a', 'a.b-c'],
    }
    for keyword, values in cases.items():
        for value in values:
            both(f'{keyword} {value}\n', hosts=['alpha', 'Gamma'])


def test_identities():
    both('IdentityFile /a\nIdentityFile /b\nHost alpha\nIdentityFile /c\nIdentityFile /a\n', hosts=['alpha', 'beta'])
    both('IdentityFile /a\n', 'IdentityFile=/first', hosts=['alpha'])
    both('IdentityFile none\n', hosts=['alpha'])


def test_unknown_keywords():
    both('Bogus yes\n', hosts=['alpha'])
    both('Host beta\nBogus yes\n', hosts=['alpha', 'beta'])
    both('IgnoreUnknown Bogus\nBogus yes\n', hosts=['alpha'])
    both('IgnoreUnknown bo*,x\nBogus yes\nX y\n', hosts=['alpha'])
    both('IgnoreUnknown Bog\nBogus yes\n', hosts=['alpha'])
    both('Bogus yes\nIgnoreUnknown Bogus\n', hosts=['alpha'])
    both('Host beta\nIgnoreUnknown Bogus\nHost *\nBogus yes\n', hosts=['alpha', 'beta'])
    both('', 'Bogus=1', hosts=['alpha'])
    both('', 'IgnoreUnknown=Bogus', 'Bogus=1', hosts=['alpha'])


def test_include():
    os.makedirs(path('d'), exist_ok=True)
    write('d/1.conf', 'User one\n')
    write('d/2.conf', 'Host beta\n Port 2\nHost alpha\n Port 3\n')
    write('d/3.conf', 'Host *\nConnectTimeout 9\n')
    for text in (f'Include {work}/d/*.conf\nPort 9\n',
                 f'Host alpha\nInclude {work}/d/*.conf\nBatchMode yes\nHost *\nPort 7\n',
                 f'Host beta\nInclude {work}/d/2.conf {work}/d/1.conf\nPort 8\n',
                 f'Host nobody\nInclude {work}/d/*.conf\nHost *\nPort 8\n',
                 f'Include {work}/d/nothing*\nPort 4\n', f'Include "{work}/d/1.conf"\n', 'Include\n'):
        both(text)


def test_include_depth():
    for depth in (15, 16, 17):
        for level in range(depth):
            write(f'deep{level}', f'Include {work}/deep{level + 1}\n')
        write(f'deep{depth}', 'Port 77\n')
        compare(path('deep0'), 'alpha')
    write('loop', f'Include {work}/loop\n')
    compare(path('loop'), 'alpha')


def test_include_inactive():
    """A file included where it does not hold is read, but nothing in it holds, Match either."""
    write('inner', 'Host *\nUser hidden\nMatch all\nKnownHostsCommand hidden\n')
    file = write('config', f'Host beta\nInclude {work}/inner\nHost *\nPort 5\n')
    values, error = ours(file, 'alpha')
    check(values and values['port'] == ['5'] and values['user'] != ['hidden'], f'{values} {error}')
    values, error = ours(file, 'beta')
    check(error and 'inner:4: KnownHostsCommand' in error, f'{values} {error}')


def test_owner_and_mode():
    for mode, fine in ((0o600, True), (0o644, True), (0o664, False), (0o646, False), (0o666, False)):
        file = write('moded', 'Port 5\n', mode)
        values, error = ours(file, 'alpha', flags=1)
        check((values is not None) == fine, f'mode {mode:o}: {error}')
        check(fine or 'permissions' in error, error)
        check(ours(file, 'alpha')[0], f'-F looks at mode {mode:o}')
        including = write('including', f'Include {file}\n')
        check((ours(including, 'alpha', flags=1)[0] is not None) == fine, f'mode {mode:o} of an included file')
        if mode & 0o020 == 0 or mode & 0o002:
            compare(including, 'alpha')  # Debian's ssh bears group write where the group has no one else


# ---- Keywords of every kind ----

def keyword_list():
    """Every keyword that this ssh knows, out of its own binary."""
    found, words = [], set()
    for line in subprocess.run(['strings', '-n', '3', shutil.which('ssh')], capture_output=True,
                               text=True, check=True).stdout.split():
        if line.isalnum() and line.islower() and line not in words:
            words.add(line)
            found.append(line)
    return found


def test_every_keyword_is_known():
    if not shutil.which('strings'):
        raise Skip('strings is not installed')
    known = 0
    for word in keyword_list():
        file = write('config', f'Host nobody\n{word} yes\n')
        done = run('ssh', '-G', '-F', file, 'alpha')
        if 'Bad configuration option' in done.stderr:
            continue
        error = ours(file, 'alpha')[1]
        known += 1
        check('no such keyword' not in (error or ''), f'{word}: {error}')
    check(known > 100, f'only {known} keywords found')


REFUSED = {'ProxyUseFdpass': 'yes', 'VerifyHostKeyDNS': 'yes', 'CheckHostIP': 'yes',
           'HostbasedAuthentication': 'yes', 'NoHostAuthenticationForLocalhost': 'yes', 'Tunnel': 'yes'}
INERT = {'ProxyUseFdpass': 'no', 'VerifyHostKeyDNS': 'no', 'CheckHostIP': 'no', 'HostbasedAuthentication': 'no',
         'Tunnel': 'no', 'NoHostAuthenticationForLocalhost': 'no'}


def test_refused():
    for keyword, value in REFUSED.items():
        file = write('config', f'Host alpha\nPort 1\n\n{keyword} {value}\n')
        check(theirs(file, 'alpha')[0], f'ssh refuses {keyword} too')
        check(ours(file, 'beta')[0], f'{keyword} is refused for a host that it does not hold for')
        error = ours(file, 'alpha')[1]
        check(error and f'{file}:4: {keyword}: ' in error and error.startswith('error unsupported'),
              f'{keyword}: {error}')
        error = ours('', 'alpha', f'{keyword}={value}')[1]
        check(error and f'command line: {keyword}' in error, f'{keyword}: {error}')


def test_inert():
    for keyword, value in INERT.items():
        file = write('config', f'{keyword} {value}\n')
        check(ours(file, 'alpha')[0], f'{keyword} {value} is refused: {ours(file, "alpha")[1]}')
        # The first value wins, as in ssh.
        file = write('config', f'{keyword} {value}\n{keyword} {REFUSED[keyword]}\n')
        check(ours(file, 'alpha')[0], f'{keyword}: the second value counts')


def test_routes():
    for text in ('ProxyCommand none\nProxyJump bastion', 'ProxyJump none\nProxyCommand nc %h %p', 'ProxyJump a\nProxyCommand b',
                 'ProxyCommand b c\nProxyJump a', 'ProxyCommand = nc "%h" %p # no comment', 'ProxyCommand=nc   %h   %p',
                 'ProxyCommand "none"', 'ProxyCommand NONE', 'ProxyJump NONE', 'ProxyJump a # said',
                 'ProxyJump a,b,c', 'ProxyJump me@a:22', 'ProxyJump you@x,me@a:2200', 'ProxyJump [::1]:22', 'ProxyJump ::1',
                 'ProxyJump 10.0.0.1', 'ProxyJump me@10.0.0.1:77', 'ProxyJump ssh://me@a:22', 'ProxyJump ssh://a/', 'ProxyJump a@b@c',
                 'ProxyJump a b', 'ProxyJump a,,b', 'ProxyJump ,a', 'ProxyJump a,', 'ProxyJump a:x', 'ProxyJump a:', 'ProxyJump @a',
                 'ProxyJump [a', 'ProxyJump a:0', 'ProxyJump a:65536', 'ProxyJump x@', 'ProxyJump ssh://', 'ProxyJump A.B',
                 'ProxyCommand a "b', 'ProxyJump %h', 'ProxyJump "a"'):
        both(text + '\n', hosts=['alpha', 'Gamma'])
    both('Host alpha\nProxyJump none\nHost *\nProxyJump bastion\n')
    both('', 'ProxyJump=a,b')
    both('ProxyJump x', 'ProxyCommand=nc %h')
    for text, wanted in (('nc %h %p', 'nc real.host 2022'), ('x%%%n%r%k', 'x%alphabobother'), ('a   "b c" # d', 'a   "b c" # d')):
        file = write('config', f'HostName Real.Host\nUser bob\nPort 2022\nHostKeyAlias Other\nProxyCommand {text}\n')
        values, error = ours(file, 'alpha')
        check(values and values['expanded-proxycommand'] == [wanted], f'{text}: {values} {error}')
    check(ours(write('config', 'ProxyCommand nc %d\n'), 'alpha')[1], '%d has no meaning in a ProxyCommand')


def test_documentation():
    """docs/configuration.md puts every keyword where the code has it."""
    text = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../docs/configuration.md')).read()
    sections = {part.split('\n', 1)[0]: part for part in text.split('\n## ')}
    homes = {'value': 'In force', 'refused': 'Refused', 'note': 'Without effect', 'block': 'Blocks'}
    for line in run(PROBE, 'keywords').stdout.splitlines():
        name, kind = line.split()
        for title in homes.values():
            check((f'`{name}`' in sections[title]) == (title == homes[kind]),
                  f'{name} ({kind}) and section "{title}"')


def test_debian_default():
    """Debian's own file gives notes and nothing else."""
    file = '/etc/ssh/ssh_config'
    if not os.path.exists(file):
        raise Skip(f'no {file}')
    values, error = ours(file, 'alpha', flags=2)
    check(values, error)
    check(values['hashknownhosts'] == ['yes'], str(values))
    notes = ' '.join(values.get('note', []))
    check('SendEnv has no effect' in notes and 'GSSAPIAuthentication has no effect' in notes, notes)
    compare(file, 'alpha')


def test_notes():
    file = write('config', 'Host alpha\nForwardAgent yes\nSendEnv A\nSendEnv B\nControlMaster auto\n'
                           'Host beta\nTunnel no\n')
    values, error = ours(file, 'alpha')
    check(values and values['note'] == [f'{file}:2: ForwardAgent has no effect here', f'{file}:3: SendEnv has no effect here',
                                        f'{file}:5: ControlMaster has no effect here'], f'{values} {error}')


def test_tokens():
    local = pwd.getpwuid(os.getuid()).pw_name
    node = os.uname().nodename
    os.environ['HAWSER_TEST'] = 'variable'
    os.environ.pop('HAWSER_UNSET', None)
    for text, wanted in (('~/a', f'{HOME}/a'), ('%d/a', f'{HOME}/a'), ('/k-%h', '/k-real.host'), ('/k-%n', '/k-alpha'),
                         ('/k-%k', '/k-other'), ('/k-%p', '/k-2022'), ('/k-%r', '/k-bob'), ('/k-%u', f'/k-{local}'),
                         ('/k-%i', f'/k-{os.getuid()}'), ('/k-%%', '/k-%'), ('/k-%l', f'/k-{node}'),
                         ('/k-%L', f'/k-{node.split(".")[0]}'), ('/${HAWSER_TEST}/a', '/variable/a'),
                         ('~root/a', f'{pwd.getpwnam("root").pw_dir}/a')):
        for keyword in ('IdentityFile', 'UserKnownHostsFile'):
            file = write('config', f'HostName Real.Host\nUser bob\nPort 2022\nHostKeyAlias Other\n{keyword} {text}\n')
            values, error = ours(file, 'alpha')
            check(values and values['expanded-' + keyword.lower()] == [wanted], f'{keyword} {text}: {values} {error}')
    for text in ('/%z', '/%', '/${HAWSER_UNSET}', '/${', '/${}', '~nosuchuser_/a'):
        file = write('config', f'\nIdentityFile {text}\n')
        error = ours(file, 'alpha')[1]
        check(error and f'{file}:2: IdentityFile' in error, f'{text}: {error}')


def test_messages():
    """An error names file, line and keyword, and shows nothing that a terminal would act upon."""
    file = write('config', '\n\nHost alpha\n  Port \x1b[31mred\n')
    error = ours(file, 'alpha')[1]
    check(error and f'{file}:4: Port' in error and '\x1b' not in error, repr(error))
    file = write('config', 'Po\x1brt 3\n')
    error = ours(file, 'alpha')[1]
    check(error and f'{file}:1: ' in error and '\x1b' not in error, repr(error))


def test_bad_files():
    check('cannot open' in ours(path('absent'), 'alpha')[1], 'a missing file is fine')
    check(ours(path('absent'), 'alpha', flags=4)[0], 'a missing optional file is an error')
    check('cannot read' in ours(work, 'alpha')[1], 'a directory is fine')
    check('cannot read' in ours(write('config', f'Include {work}\n'), 'alpha')[1], 'an included directory is fine')
    check('no keyword' in ours(write('config', '= 3\n'), 'alpha')[1], 'a line without a keyword is fine')
    check(ours(write('big', '# comment\n' * 200000), 'alpha')[1], 'a huge file is fine')
    check('NUL' in ours(write('nul', 'Port 3\0\n'), 'alpha')[1], 'a NUL is fine')
    check(ours('/dev/null', 'alpha')[0], 'an empty device is not fine')
    check('larger' in ours('/dev/zero', 'alpha')[1], 'an endless file is read')


# ---- At random ----

LINES = ['User u{0}', 'Port {0}', 'HostName h{0}', 'HostName %h.x{0}', 'IdentityFile /k{0}', 'IdentitiesOnly yes',
         'BatchMode no', 'ConnectTimeout {0}', 'Connecttimeout={0}m', 'ServerAliveInterval "{0}"',
         'StrictHostKeyChecking accept-new', 'stricthostkeychecking = no', 'LogLevel DEBUG{1}',
         'UserKnownHostsFile /f{0} /g', 'HashKnownHosts yes', 'AddressFamily inet', '# User no', '',
         'Host alpha', 'Host beta x', 'Host * !x', 'Host al*', 'Host !beta *', 'Host *.example.com', 'Host ?',
         'Host Gamma "10.0.0.1"', 'PasswordAuthentication no', 'RekeyLimit {0}M {0}m', 'Include {2}/part{1}',
         'SendEnv A{0}', 'ForwardAgent yes', 'IgnoreUnknown odd*', 'ServerAliveCountMax {0} # {0}']


def random_text(source, count):
    return ''.join('\t ' [source.randrange(2)] * source.randrange(3) +
                   source.choice(LINES).format(source.randrange(1, 60), source.randrange(1, 4), work) + '\n'
                   for _ in range(count))


def test_random():
    source = random.Random(20)
    for _ in range(60):
        for part in range(1, 4):
            # Parts include one another only downwards.
            text = random_text(source, source.randrange(6))
            write(f'part{part}', '\n'.join(line for line in text.split('\n')
                                           if 'Include' not in line or int(line[-1]) < part))
        both(random_text(source, source.randrange(1, 25)), hosts=source.sample(HOSTS, 2))


def main():
    report = Report(sys.argv[2:])
    try:
        if not shutil.which('ssh'):
            report.skip('config', 'ssh is not installed')
            finish(report)
        for name, function in sorted(globals().items()):
            if name.startswith('test_'):
                report.run('config ' + name[5:], function)
    finally:
        shutil.rmtree(work)
    finish(report)


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Match, canonical names and lines that are not in force, as `ssh -G` understands them.

usage: test_config_match.py PROBE [WORD...]
"""

import os
import pwd
import random
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from harness import Report, Skip, check, finish  # noqa: E402
from compare_config import HOSTS, both, ours, path, theirs, work, write  # noqa: E402

LOCAL = pwd.getpwuid(os.getuid()).pw_name
NAMES = """127.0.0.1 localhost
127.0.0.9 real.one.test. real.one.test alias.one.test. alias.one.test
127.0.0.8 short.two.test. short.two.test
127.0.0.7 alpha.one.test. alpha.one.test
127.0.0.6 a.b.one.test. a.b.one.test
127.0.0.5 bare
"""


def test_match():
    for criteria in ('all', '!all', 'host alpha', 'host alpha,beta', 'host *,!beta', '!host alpha', 'host "alpha"',
                     'host=alpha', 'host = alpha', 'host ALPHA', 'host gamma', 'Host Alpha', 'originalhost alpha',
                     '!originalhost al*', 'originalhost Gamma', f'localuser {LOCAL}', f'!localuser {LOCAL}', 'localuser nobody,x*',
                     'user bob', f'user {LOCAL}', 'user *', '!user bob', 'host alpha user bob', 'host alpha !user bob',
                     'host a* host *a', 'canonical', '!canonical', 'final', '!final', 'canonical all', 'final all',
                     'final !all', 'final host alpha', 'host alpha all', 'host alpha canonical all', 'all host alpha',
                     'all all', 'host', 'host ""', 'bogus x', 'host alpha bogus x', '', '# nothing', 'host alpha # user bob',
                     'host #alpha', 'all # said', 'user', 'host alpha user', 'exec true', 'exec false', 'exec "exit 3"',
                     '!exec false', '!exec true', 'exec "test %h = alpha"', 'exec "test %n = alpha -a %p = 22"',
                     f'exec "test %u = {LOCAL} && test %r = {LOCAL}"', 'exec "test %i = $(id -u)"', 'exec "test %L%l != x"',
                     'exec "test %k = alpha"', 'exec "test %C = x"', 'exec "%z"', 'exec "echo %%"', 'exec "kill -9 $$"',
                     'exec "test -z \'a b\'"', 'host alpha exec "test %h = alpha"', 'host beta exec false', 'exec', 'tagged x'):
        both(f'Match {criteria}\n Port 77\n', hosts=['alpha', 'beta', 'Gamma'])
    both('User bob\nMatch user bob\n Port 7\nMatch user alice\n Port 8\n', hosts=['alpha'])
    both('Match user bob\n Port 7\nHost *\nUser bob\nMatch user bob\n Port 9\n', hosts=['alpha'])
    both('Match user bob\n Port 7\n', 'User=bob', hosts=['alpha'])
    both('HostName real\nMatch host real\n Port 7\nMatch originalhost alpha\n User u\nMatch host alpha\n ConnectTimeout 9\n')
    both('HostName %h.example\nMatch host *.example\n Port 7\n')
    both('Port 5\nHostName r\nHostKeyAlias k\nUser u\nMatch exec "test %p%h%k%r%n = 5rkualpha"\n ConnectTimeout 3\n')
    both('Match exec "test %C = $(printf %%s%%s%%s%%s $(hostname) alpha 22 $(id -un) | sha1sum | cut -c1-40)"\n Port 9\n')


def test_passes():
    both('Match final\n Port 9\nHost alpha\n User u\n')
    both('Match final\n User late\nHost *\n User early\n')
    both('Match final host real\n Port 9\nHost alpha\n HostName real\n')
    both('Match canonical\n Port 9\nHost alpha\n HostName real\n')
    both('HostName real\nMatch final\n HostName other\nHost real\n Port 4\n')
    both('Match !final\n Port 9\nMatch final\n User x\n IdentityFile /late\nHost *\n IdentityFile /early\n')
    both('IdentityFile /k\nMatch final\nIdentityFile /k\nIdentityFile /l\n', hosts=['alpha'])
    both('Match final\n CanonicalizeHostname yes\n CanonicalizeMaxDots 7\n CanonicalDomains late.test\n', hosts=['alpha'])


def test_exec():
    """Its command is run at the right time only, and how often ssh runs it."""
    mark = path('mark')

    def count(text, host, run):
        if os.path.exists(mark):
            os.unlink(mark)
        run(write('config', text), host)
        return len(open(mark).read()) if os.path.exists(mark) else 0

    for text, host in ((f'Match exec "printf x >>{mark}"\n Port 3\n', 'alpha'),
                       (f'Match host beta exec "printf x >>{mark}"\n', 'alpha'),
                       (f'Match exec false exec "printf x >>{mark}"\n', 'alpha'),
                       (f'Match final exec "printf x >>{mark}"\n', 'alpha'),
                       (f'Match exec "printf x >>{mark}" final\n', 'alpha'),
                       (f'Match !exec true exec "printf x >>{mark}"\n', 'alpha')):
        a, b = count(text, host, ours), count(text, host, theirs)
        check(a == b, f'{text!r}: run {a} times here, {b} by ssh')
    # ssh runs it and does not look at the answer.
    write('inner', f'Match exec "printf x >>{mark}"\nPort 9\n')
    check(count(f'Host beta\nInclude {work}/inner\n', 'alpha', ours) == 0, 'a command of a file that does not hold is run')
    # Nothing of ours is open in it, and its output goes nowhere.
    both('Match exec "test ! -e /proc/self/fd/3 && echo shown && read x"\n Port 3\n', hosts=['alpha'])
    values, error = ours(write('config', 'Match exec "echo shown; cat; test ! -e /dev/fd/5"\n Port 3\n'), 'alpha')
    check(values['port'] == ['3'] and 'shown' not in values, str(values))


def test_exec_shell():
    old = os.environ.get('SHELL')
    try:
        os.environ['SHELL'] = write('shell', '#!/bin/sh\ntest "$2" = "one two" && exit 0\nexit 1\n', 0o755)
        both('Match exec "one two"\n Port 3\n', hosts=['alpha'])
        os.environ['SHELL'] = path('absent-shell')
        both('Match exec true\n Port 3\n', hosts=['alpha'])
    finally:
        os.environ.pop('SHELL') if old is None else os.environ.update(SHELL=old)


def test_exec_recursion():
    """A command that looks the same configuration up again comes to an end, soon."""
    file = path('config')
    write('config', f'Match exec "{sys.argv[1]} config / 0 {file} alpha"\n Port 5\n')
    begin = time.monotonic()
    values, error = ours(file, 'alpha')
    check(time.monotonic() - begin < 20, 'it takes long')
    # The innermost one fails, so the one around it does not match, and so on, by turns.
    check(values or 'without end' in error, f'{values} {error}')
    os.environ['HAWSER_MATCH_EXEC_DEPTH'] = '8'
    try:
        error = ours(file, 'alpha')[1]
    finally:
        del os.environ['HAWSER_MATCH_EXEC_DEPTH']
    check(error and f'{file}:1: Match: exec' in error and 'without end' in error, str(error))


def test_inactive_lines():
    """A wrong value is wrong wherever it stands, and so is a second one."""
    for line in ('Port x', 'Port 0', 'BatchMode perhaps', 'ConnectTimeout 1y', 'RekeyLimit 5', 'StrictHostKeyChecking no way',
                 'IPQoS af99', 'LogLevel loud', 'CanonicalDomains -x', 'CanonicalDomains a..b', 'CanonicalDomains a none',
                 'CanonicalizePermittedCNAMEs a', 'CanonicalizePermittedCNAMEs a:', 'CanonicalizeHostname maybe',
                 'CanonicalizeMaxDots x', 'UserKnownHostsFile /a none', 'IdentityFile /a /b', 'IdentityFile ""',
                 'CertificateFile /a /b', 'IdentityAgent $9/x', 'ProxyJump a b', 'ProxyJump a,,b', 'ProxyJump a:0', 'ProxyJump @a',
                 'ProxyJump a:99999', 'ProxyJump [::1', 'ProxyJump ssh://a/b', 'Compression maybe', 'AddressFamily 4',
                 'NumberOfPasswordPrompts many', 'HostName a b', 'User ""', 'Host ""', 'Match bogus', 'Match host'):
        both(f'Host nobody\n{line}\n', hosts=['alpha'])
    both('Port 22\nPort x\n', hosts=['alpha'])


CANONICAL = ['CanonicalizeHostname yes', 'CanonicalizeHostname always', 'CanonicalizeHostname no',
             'CanonicalDomains one.test two.test', 'CanonicalDomains zero.test', 'CanonicalDomains none',
             'CanonicalDomains One.Test.', 'CanonicalizeMaxDots 0', 'CanonicalizeMaxDots 2', 'CanonicalizeFallbackLocal no',
             'CanonicalizePermittedCNAMEs *.one.test:*.one.test', 'CanonicalizePermittedCNAMEs *',
             'CanonicalizePermittedCNAMEs none', 'CanonicalizePermittedCNAMEs *.two.test:* alias.*:REAL.*',
             'HostName alias', 'HostName %h.one.test', 'Host *.one.test\n Port 11', 'Host alias\n User typed', 'Host *\n',
             'Match canonical host *.test\n User canonical', 'Match final\n ConnectTimeout 4', 'Match host real.one.test\n Port 12',
             'Match originalhost alias\n ServerAliveCountMax 9', 'AddressFamily inet', 'ProxyCommand none', 'IdentityFile /k-%h']
CANONICAL_HOSTS = ['alias', 'short', 'alpha', 'a.b', 'alias.one.test', 'alias.one.test.', 'nowhere', '127.1', '::1', '0:0::1',
                   'bare', 'LOCALHOST', 'Alias']


def check_canonical():
    """Runs where /etc/hosts is NAMES."""
    head = 'CanonicalizeHostname yes\nCanonicalDomains one.test two.test\n'
    for more in ('', 'CanonicalizeFallbackLocal no\n', 'CanonicalizePermittedCNAMEs *.one.test:*.one.test\n', 'CanonicalizeMaxDots 0\n',
                 'Host *.one.test\n Port 9\nHost alias\n User u\n', 'Match canonical host *.two.test\n Port 8\n'):
        both(head + more, hosts=CANONICAL_HOSTS)
    both('CanonicalizePermittedCNAMEs *.one.test:*.one.test\n', hosts=CANONICAL_HOSTS)
    source = random.Random(5)
    for _ in range(40):
        text = '\n'.join(source.choice(CANONICAL) for _ in range(source.randrange(1, 9))) + '\n'
        both(text, hosts=source.sample(CANONICAL_HOSTS, 3))


def test_canonical():
    """In a mount namespace of its own, with names that are known there only."""
    hosts = write('hosts', NAMES)
    command = ['unshare', '-m', 'sh', '-c', f'mount --bind {hosts} /etc/hosts && exec "$@"', 'sh', sys.executable,
               os.path.abspath(__file__), sys.argv[1], '--canonical']
    if subprocess.run(command[:5] + [f'mount --bind {hosts} /etc/hosts'], capture_output=True).returncode:
        raise Skip('no mount namespace of its own (needs root)')
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    check(done.returncode == 0, done.stdout + done.stderr)


CRITERIA = ['host alpha', 'host *a', 'originalhost x', '!host beta', 'user u3', '!user u3', 'final', 'canonical', 'all',
            'exec true', 'exec false', 'exec "test %h = h7"', f'localuser {LOCAL}']
LINES = ['User u{0}', 'Port {1}', 'HostName h{0}', 'IdentityFile /k{0}', 'BatchMode yes', 'ConnectTimeout {1}', 'Host al* x',
         'Host *', 'Host !beta *', 'LogLevel VERBOSE', 'HashKnownHosts yes', 'IPQoS af{0}1', 'RekeyLimit {1}M', '# x',
         'NumberOfPasswordPrompts {0}', 'PreferredAuthentications publickey', 'TCPKeepAlive no', 'ConnectionAttempts {1}']


def test_random():
    source = random.Random(8)
    for _ in range(60):
        lines = []
        for _ in range(source.randrange(1, 14)):
            if source.randrange(3) == 0:
                lines.append('Match ' + ' '.join(source.sample(CRITERIA, source.randrange(1, 3))))
            else:
                lines.append(source.choice(LINES).format(source.randrange(1, 5), source.randrange(1, 99)))
        both('\n'.join(lines) + '\n', hosts=source.sample(HOSTS, 2))


def main():
    report = Report(sys.argv[2:])
    try:
        if not shutil.which('ssh'):
            report.skip('config match', 'ssh is not installed')
            finish(report)
        if sys.argv[2:] == ['--canonical']:
            check_canonical()
            return
        for name, function in sorted(globals().items()):
            if name.startswith('test_'):
                report.run('config match ' + name[5:], function)
    finally:
        shutil.rmtree(work)
    finish(report)


main()

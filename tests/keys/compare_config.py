# SPDX-License-Identifier: Apache-2.0
"""A configuration as `ssh -G` understands it and as this library does; the probe is argv[1]."""

import glob
import os
import pwd
import subprocess
import sys
import tempfile

from harness import check

PROBE = os.path.abspath(sys.argv[1])
HOME = pwd.getpwuid(os.getuid()).pw_dir
KEYWORDS = '''hostname user port addressfamily identitiesonly batchmode hashknownhosts pubkeyauthentication
    passwordauthentication kbdinteractiveauthentication userknownhostsfile globalknownhostsfile
    stricthostkeychecking loglevel connecttimeout serveraliveinterval serveralivecountmax rekeylimit
    ciphers macs kexalgorithms hostkeyalgorithms identityfile numberofpasswordprompts connectionattempts
    updatehostkeys compression tcpkeepalive preferredauthentications pubkeyacceptedalgorithms
    casignaturealgorithms ipqos ignoreunknown canonicalizehostname canonicaldomains canonicalizemaxdots
    canonicalizefallbacklocal canonicalizepermittedcnames hostkeyalias certificatefile identityagent
    revokedhostkeys requiredrsasize bindaddress bindinterface proxycommand proxyjump knownhostscommand'''.split()
# Where nothing is set, ssh has something else here, or shows what stands for nothing.
OTHER_DEFAULTS = {'ciphers', 'macs', 'kexalgorithms', 'hostkeyalgorithms', 'pubkeyacceptedalgorithms',
                  'casignaturealgorithms', 'ipqos', 'identityfile', 'requiredrsasize'}
LISTS = OTHER_DEFAULTS - {'ipqos', 'identityfile', 'requiredrsasize'}
OTHER_NAMES = {'pubkeyacceptedkeytypes': 'pubkeyacceptedalgorithms', 'identityfile2': 'identityfile'}
HOSTS = ['alpha', 'beta', 'alpha.example.com', 'Gamma', '10.0.0.1', 'x']

work = tempfile.mkdtemp(prefix='hawser-config-')


def path(name):
    return os.path.join(work, name)


def write(name, text, mode=0o644):
    with open(path(name), 'w', newline='') as file:
        file.write(text)
    os.chmod(path(name), mode)
    return path(name)


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    check(done.returncode >= 0, f'{command[:3]} died of signal {-done.returncode}: {done.stderr}')
    return done


def parse(text):
    values = {}
    for line in text.splitlines():
        key, _, value = line.partition(' ')
        values.setdefault(key.lower(), []).append(value)
    return values


def ours(file, host, *options, flags=0):
    """(values, error text)"""
    done = run(PROBE, 'config', HOME, str(flags), file, host, *options)
    if done.returncode:
        check(done.stdout.startswith('error '), f'no error for {file}: {done.stdout!r} {done.stderr}')
        return None, done.stdout.strip()
    return parse(done.stdout), None


def theirs(file, host, *options):
    arguments = [word for option in options for word in ('-o', option)]
    done = run('ssh', '-G', '-F', file, *arguments, '--', host)
    return (parse(done.stdout), None) if done.returncode == 0 else (None, done.stderr.strip())


def texts_of(file, seen):
    """The words of a configuration and of all that it includes, in lower case."""
    words = []
    if file in seen or not os.path.isfile(file):
        return words
    seen.add(file)
    for line in open(file, errors='replace'):
        found = line.lower().replace('=', ' ').split()
        words += found
        if found[:1] == ['include']:
            for name in line.split()[1:]:
                for one in glob.glob(name.strip('"')):
                    words += texts_of(one, seen)
    return words


def compare(file, host, *options):
    """Both take the configuration and give the same values, or both refuse it."""
    mine, my_error = ours(file, host, *options)
    real, real_error = theirs(file, host, *options)
    where = f'{open(file).read()!r} for {host} {options}'
    check((mine is None) == (real is None), f'{where}: we say {my_error}, ssh says {real_error}')
    if mine is None:
        return
    given = {OTHER_NAMES.get(word.strip('"'), word.strip('"'))
             for word in texts_of(file, set()) + [option.lower().split('=')[0] for option in options]}
    for keyword in KEYWORDS:
        a, b = mine.get(keyword), real.get(keyword)
        if keyword in OTHER_DEFAULTS and keyword not in given:
            continue
        if keyword in LISTS and (a is None or a[0][0] in '+-^'):
            continue  # what they change differs
        if keyword in OTHER_DEFAULTS and a != b:
            # Set in a block that does not hold.
            plain = theirs('/dev/null', host)[0].get(keyword)
            if b == plain and mine.get(keyword) == ours('/dev/null', host)[0].get(keyword):
                continue
        if keyword == 'serveraliveinterval' and mine['batchmode'] == ['yes'] and a == ['0']:
            continue  # Debian's ssh has a default of its own here
        if keyword == 'loglevel' and b == ['SILENT']:
            b = ['QUIET']
        if keyword == 'connecttimeout' and b == ['0']:
            b = ['none']  # both mean the system's
        check(a == b, f'{where}: {keyword} is {a}, ssh has {b}')


def both(text, *options, hosts=HOSTS):
    file = write('config', text)
    for host in hosts:
        compare(file, host, *options)

# SPDX-License-Identifier: Apache-2.0
"""Configurations of ssh_config(5) at random: what people write, and what the grammar bears."""

WORDS = ['alpha', 'beta', 'x', 'a.b', 'u', '1', 'no.such']
PATTERNS = ['alpha', 'beta.example.com', 'gamma', '10.0.0.7', '*', '*.com', '!alpha', '!*.com', 'a*', '?????', '10.*', 'Alpha', '*a*', '!*', 'LOCALHOST']
TIMES = ['0', '7', '90', '1m', '1h30m', '2d', '1w', '10s', '1M', '-1', '5x', 'none', '1 m', '99999999999']
SIZES = ['default none', '1G', '512M 1h', '16', '15', '0', '1K none', 'none', '4G 10', '2T', 'x', '1GB', '64k 1m30s', 'default 90', '1G 1h x']
SWITCHES = ['yes', 'no', 'true', 'false', 'Yes', 'NO', 'maybe', 'ask', 'on', '']
FILES = ['~/.ssh/k', '/k', 'k', '~root/k', '%d/k', '%d/%n-%h', '/%%', '/%r/%u/%l/%L', '/%C', '/%p', '/%k', '/%i', '${HOME}/k',
         '${HAWSER_SET}', '/${HAWSER_SET}/k', '$HOME', 'none', 'NONE', '"/a b"', "'/a b'", '/a\\ b', '/a"b c"d', '/a#b',
         '"', '/a\\\\b', '/a\\b', '""']
CIPHERS = ['aes128-ctr', 'aes256-ctr', 'aes256-gcm@openssh.com', 'chacha20-poly1305@openssh.com']
JUMPS = ['j', 'u@j', 'j:22', 'u@j:2', 'ssh://u@j:3', 'ssh://j/', '[::1]:22', '[::1]', '::1', 'a,b', 'a,u@b:1', 'none', 'a,', ',a', 'j:0', 'j:70000', 'u@', '@j', 'a b',
         'j#k', 'j # k', 'ssh://', 'ssh://j:x', 'u@v@j', 'j:', 'none,a', 'a,none', 'NONE', 'ssh://u@j/p', 'ssh://a%40b@j:3', 'ssh://a%zz@j', 'ssh://a%00b@j', 'ssh://a%3bb@j', 'ssh://j%2e', 'ssh://a;x=y@j', 'ssh://a+b@j', 'ssh://a%4@j',
         'ssh://a%41@h,ssh://b%42@k', '"j"', '10.1.2.3']
COMMANDS = ['none', 'nc %h %p', 'nc -X "a b" %h', 'exec x # not a comment', "x 'y' %%", '"quoted" x', 'None', 'none x', 'x %n %r %k', 'x=y', '= x', 'nc "']


def mixed(source, word):
    """The keyword in some case."""
    return source.choice([word, word, word.lower(), word.upper(), word.swapcase()])


def values(source):
    """One keyword and a value that often is right."""
    def one(*choices):
        return source.choice(choices)

    def of(choices):
        return source.choice(choices)

    def files():
        return ' '.join(of(FILES) for _ in range(source.choice([1, 1, 1, 2, 3])))

    def algorithms():
        return ','.join(source.sample(CIPHERS, source.randrange(1, 4)))

    table = {
        'User': lambda: of(WORDS + ['x y', '"x y"', '%r', 'a%b', 'x#y', '']), 'Port': lambda: one('1', '22', '2222', '65535', '0', '65536', 'x', '-1', '022', '22 33'),
        'HostName': lambda: one('h.example', '%h.x', '%h', '%%', '%n', '10.1.1.1', '::1', 'H.Example', '%h.%h', 'a b', '0x7f.1', '127.1', 'fe80::1%lo', ''),
        'IdentityFile': files, 'CertificateFile': files, 'UserKnownHostsFile': files, 'GlobalKnownHostsFile': files, 'RevokedHostKeys': lambda: of(FILES),
        'IdentityAgent': lambda: of(FILES + ['SSH_AUTH_SOCK', '$SSH_AUTH_SOCK', '$HAWSER_SET', '$1x', '$', '$HAWSER_UNSET']),
        'ConnectTimeout': lambda: of(TIMES), 'ServerAliveInterval': lambda: of(TIMES), 'RekeyLimit': lambda: of(SIZES),
        'ServerAliveCountMax': lambda: one('0', '3', '-1', 'x', '7 8'), 'NumberOfPasswordPrompts': lambda: one('0', '1', '9', 'x'),
        'ConnectionAttempts': lambda: one('1', '5', '0', 'x', '-2'), 'RequiredRSASize': lambda: one('1024', '3072', 'x', '0'),
        'Ciphers': algorithms, 'LogLevel': lambda: one('QUIET', 'info', 'Verbose', 'DEBUG3', 'DEBUG', 'ERROR', 'FATAL', 'loud', 'DEBUG4'),
        'StrictHostKeyChecking': lambda: one('yes', 'no', 'ask', 'off', 'accept-new', 'Accept-New', 'true', 'x'),
        'UpdateHostKeys': lambda: one('yes', 'no', 'ask', 'maybe'), 'AddressFamily': lambda: one('any', 'inet', 'INET6', 'ipv4'),
        'PubkeyAuthentication': lambda: one('yes', 'no', 'unbound', 'host-bound', 'x'), 'ProxyJump': lambda: of(JUMPS), 'ProxyCommand': lambda: of(COMMANDS),
        'HostKeyAlias': lambda: one('Kept.Name', 'k', '[k]:22', 'a b', '%h', ''), 'BindAddress': lambda: one('127.0.0.2', '::1', 'localhost', 'a b', ''),
        'BindInterface': lambda: one('lo', 'eth 0'), 'PreferredAuthentications': lambda: one('publickey', 'publickey,password', 'x', 'a b'),
        'IPQoS': lambda: one('cs1', 'af21 cs1', 'lowdelay throughput', '0x10', '32 0x40', 'none', 'ef', 'le', 'af99', '256', '-1', 'cs1 cs2 cs3', 'EF', '010'),
        'CanonicalDomains': lambda: one('example.com', 'a.example b.example', 'none', 'a..b', '.a', 'a_b', 'a none', 'A.Example.', '-a', 'a/b'),
        'CanonicalizeHostname': lambda: one('no', 'false', 'x'), 'CanonicalizeMaxDots': lambda: one('0', '1', '5', 'x', '-1'),
        'CanonicalizePermittedCNAMEs': lambda: one('*.a:*.b', '*', 'none', '*.a,*.c:*.b *.d:*.e', 'a', 'a:', ':b', '* none'),
        'IgnoreUnknown': lambda: one('use*', 'UseKeychain,bogus', '*', '!bogus,*', 'Bogus', 'a b', ''),
        'Bogus': lambda: one('yes', '', 'x y'), 'UseKeychain': lambda: 'yes', 'SendEnv': lambda: 'LANG LC_*',
        'KnownHostsCommand': lambda: one('none', '/bin/k %H "%I"', '/bin/k'), 'Protocol': lambda: '2', 'Cipher': lambda: 'x',
        'IdentityFile2': files,
        'KeepAlive': lambda: of(SWITCHES), 'SetupTimeOut': lambda: of(TIMES), 'ChallengeResponseAuthentication': lambda: of(SWITCHES),
        **{word: lambda: of(SWITCHES) for word in ('BatchMode', 'Compression', 'TCPKeepAlive', 'HashKnownHosts', 'IdentitiesOnly', 'PasswordAuthentication',
                                                   'KbdInteractiveAuthentication', 'CanonicalizeFallbackLocal')},
    }
    keyword = source.choice(list(table))
    return keyword, table[keyword]()


def criterion(source):
    kind = source.choice(['host', 'originalhost', 'user', 'localuser', 'exec', 'all', 'canonical', 'final', 'host', 'nonsense'])
    sign = source.choice(['', '', '', '!'])
    space = source.choice([' ', ' ', '  ', '\t', '=', ' = ', ' ='])
    quote = source.choice(['', '', '"'])
    if kind in ('all', 'canonical', 'final'):
        return sign + kind
    if kind == 'exec':
        return f'{sign}exec{space}"' + source.choice(['true', 'false', 'test %n = alpha', 'test %h%p%r = x', 'exit 3', 'test %% = %%', 'test -n %u%i%d%L%l%k%C', '%q']) + '"'
    if kind == 'nonsense':
        return source.choice(['bogus x', 'host', '"host" alpha', '#x', 'user', 'alpha'])
    names = ['me', 'root', '*', '!me', 'u?'] if 'user' in kind else PATTERNS
    return f'{sign}{mixed(source, kind)}{space}{quote}' + ','.join(source.sample(names, source.choice([1, 1, 2, 3]))) + quote


def block(source):
    if source.random() < 0.5:
        return mixed(source, 'Host'), ' '.join(source.choice(['{}', '{}', '{}', '"{}"']).format(one) for one in source.sample(PATTERNS, source.choice([1, 1, 2, 3])))
    if source.random() < 0.3:
        return 'Match', source.choice(['all', 'final', 'canonical', 'final all', 'canonical all', 'all final', 'final host *a*', '!final', 'host alpha all'])
    return mixed(source, 'Match'), ' '.join(criterion(source) for _ in range(source.choice([1, 1, 2, 3])))


def line(source, rare):
    """One line; RARE: how often something odd is done to it."""
    kind = source.random()
    if kind < 0.05:
        return source.choice(['', '   ', '\t', '# a comment', '  # another "', '#'])
    if kind < 0.25:
        keyword, value = block(source)
    elif kind < 0.3:
        keyword, value = 'Include', source.choice(['{0}/more', '{0}/more*', '"{0}/more"', '{0}/none', '{0}/more {0}/other', '{0}/o?her', '{0}/[mo]*e'])
    else:
        keyword, value = values(source)
        keyword = mixed(source, keyword)
    indent = source.choice(['', '', ' ', '\t', '    '])
    space = source.choice([' ', ' ', ' ', '\t', '  '])
    end = ''
    if keyword.lower() in ('rekeylimit', 'ciphers', 'proxyjump', 'sendenv'):
        rare = 0  # ssh ignores what stands behind a size, has other ciphers, takes "none #" for a host
    if source.random() < rare:
        space = source.choice(['=', ' = ', '= ', ' =', '==', ' \t= ', ''])
    if value.startswith('"') and not space:
        space = ' '  # a quote that is not closed is an error here; ssh passes over the line
    if keyword.lower() == 'knownhostscommand':
        rare = 0  # ssh learns only later that it cannot be run
    if source.random() < rare:
        end = source.choice([' # comment', '#', ' #', ' \t', '\r', ' # "', '\f', '  ', ' "'])
    if source.random() < rare and value and '"' not in value:
        value = source.choice(['"{}"', "'{}'", ' {} ', '{}\\']).format(value)
    if source.random() < rare / 4:
        keyword = source.choice(['"{}"', '{}:', "'{}'", '-{}']).format(keyword)
    return indent + keyword + space + value + end


def sound(source, judge, count, rare):
    """The text of about COUNT lines, of which JUDGE (text -> bool) has taken each."""
    text = ''
    for _ in range(count):
        more = line(source, rare) + '\n'
        if judge(more):
            text += more
    return text

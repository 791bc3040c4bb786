#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The user's word about backends: options, environment, configuration files.

usage: test_options.py HAWSER MODULES [WORD...]
"""

import getpass
import os
import shutil
import subprocess
import sys

from command import Command
from harness import Report, Skip, check, finish

GCM, OTHER = 'aes256-gcm@openssh.com', 'aes128-gcm@openssh.com'
command = Command(sys.argv[1], sys.argv[2])
EXAMPLE = command.module('example')


def chosen(suite, *arguments, **environment):
    return command.suites(*arguments, **environment)[suite]['chosen']


def option_over_environment_over_files():
    command.configure(f'Backend {GCM} openssl\n')
    module = ('--backend-module', EXAMPLE)
    check(chosen(GCM, *module) == 'openssl', 'the file does not count')
    check(chosen(GCM, *module, HAWSER_BACKEND=f'{GCM}=example') == 'example', 'the environment does not win')
    check(chosen(GCM, *module, '--backend', f'{GCM}=openssl', HAWSER_BACKEND=f'{GCM}=example') == 'openssl',
          'the option does not win')
    check('chosen by the user' in command.suites(*module)[GCM]['reason'], 'no reason')


def grammar_of_files():
    command.configure(f'''# a comment
Host elsewhere
	Backend * nonexistent
Host *
	backend-module = "{EXAMPLE}"
	BACKEND "{GCM}" example	# the first value wins
	Backend {GCM} openssl
	Backend {OTHER}=openssl
Match host elsewhere
	Backend * nonexistent
Match all
	ProviderPath /usr/lib
''')
    check(chosen(GCM) == 'example', 'the first line does not win')
    check(chosen(OTHER) == 'openssl', 'ALG=NAME is not understood')


def base_directory_is_honoured():
    command.configure(f'Backend {GCM} nonexistent\n')
    command.configure(f'Backend {GCM} openssl\n', 'other')
    check(chosen(GCM, XDG_CONFIG_HOME=os.path.join(command.home, 'other')) == 'openssl', 'XDG_CONFIG_HOME')
    command.refused('ciphers', words='no backend "nonexistent"', XDG_CONFIG_HOME='other')


def blocks_hold_for_the_host():
    path = command.configure('Host one tw?\n\tBackend * nonexistent\nMatch host three\n\tBackend * missing\n')
    for host, name in (('one', 'nonexistent'), ('two', 'nonexistent'), ('three', 'missing')):
        command.refused('cp', '/etc/passwd', f'{host}:', words=[f'{path}:', f'no backend "{name}"'])
    command.suites()


def blocks_hold_for_the_user_and_what_a_command_says():
    mark = os.path.join(command.home, 'mark')
    path = command.configure(f'Match user anna host one\n\tBackend * nonexistent\n'
                             f'Match exec "test %h = two && touch {mark}"\n\tBackend * missing\n'
                             f'Match !exec false localuser {getpass.getuser()}\n\tBackend {GCM} openssl\n')
    command.refused('cp', '/etc/passwd', 'anna@one:', words=[f'{path}:2: ', 'no backend "nonexistent"'])
    command.refused('cp', 'anna@one:x', '.', words=[f'{path}:2: ', 'no backend "nonexistent"'])
    check(not os.path.exists(mark), 'the command says that it is the other host')
    command.refused('cp', '/etc/passwd', 'two:', words=[f'{path}:4: ', 'no backend "missing"'])
    check(os.path.exists(mark), 'the command was not run')
    check('chosen by the user' in command.suites()[GCM]['reason'], 'the last block does not hold')
    for operand in ('berta@one:', 'one:'):
        done = command.run('cp', '-o', 'ProxyCommand=false', '-o', 'BatchMode=yes', '/etc/passwd', operand)
        check('nonexistent' not in done.stderr and done.returncode == 255, done.stderr)


def the_system_has_a_file_too():
    """/etc/hawser/config, in a name space of mounts of its own: behind the user's file, and judged like it."""
    etc = os.path.join(command.home, 'etc')
    os.makedirs(os.path.join(etc, 'hawser'))
    for name in ('passwd', 'group', 'nsswitch.conf', 'ld.so.cache'):
        if os.path.exists(f'/etc/{name}'):
            shutil.copy(f'/etc/{name}', etc)
    path = os.path.join(etc, 'hawser', 'config')
    within = Command(command.program, command.modules, command.home)
    within.wrapper = ['unshare', '--mount', 'sh', '-c', f'mount --bind {etc} /etc && exec "$@"', 'sh']
    if os.getuid() != 0 or subprocess.run([*within.wrapper, 'true'], capture_output=True).returncode:
        raise Skip('no name space of mounts can be made here')
    command.configure(f'Backend {OTHER} openssl\n')

    def write(text):
        with open(path, 'w') as file:
            file.write(text)
        os.chmod(path, 0o644)

    write(f'BackendModule {EXAMPLE}\nBackend {GCM} example\nBackend {OTHER} example\n')
    suites = within.suites()
    check(suites[GCM]['chosen'] == 'example', str(suites[GCM]))
    check(suites[OTHER]['chosen'] == 'openssl', 'the user\'s file does not come first')
    write(f'# a comment\nBackend {GCM} nonexistent\n')
    for use in (('ciphers',), ('cp', '/etc/passwd', 'host:')):
        within.refused(*use, words=['/etc/hawser/config:2: ', 'no backend "nonexistent"'])
    write('Colour red\n')
    within.refused('ciphers', words='/etc/hawser/config:1: ')


def errors_name_file_and_line():
    for text, words in ((f'\nBackend {GCM}\n', 'write CIPHER=NAME'),
                        ('\nBackend rot13 openssl\n', 'no cipher "rot13"'),
                        ('\nBackend a b c\n', 'takes an algorithm and the name of a backend'),
                        ('\nColour red\n', 'Colour: there is no such option'),
                        ('\nJson maybe\n', '"maybe" is not yes or no'),
                        ('\nBackendModule module.so\n', 'from the root'),
                        ('\nBackendModule /nonexistent.so\n', '/nonexistent.so cannot be read'),
                        ('\nMatch color red\n', 'originalhost, user, localuser and exec'),
                        ('\nMatch exec\n', 'a criterion has no value'),
                        ('\nBackend "x\n', 'a quote is not closed')):
        path = command.configure(text)
        command.refused('ciphers', words=[f'{path}:2: ', words])
        command.refused('cp', '/etc/passwd', 'host:', words=[f'{path}:2: ', words])


def files_that_others_may_write_are_refused():
    os.chmod(command.configure('Json yes\n'), 0o666)
    command.refused('ciphers', words='bad owner or permissions')


def bad_choices_are_wrong_use():
    command.unconfigure()
    for arguments, words in ((('--backend', 'x'), 'write CIPHER=NAME'),
                             (('--backend', f'{GCM}=qat'), 'there is no backend "qat"'),
                             (('--backend', 'rot13=openssl'), 'no cipher "rot13"'),
                             (('--backend', f'{GCM}=provider:nothing'), 'provider:nothing'),
                             (('--backend', f'{GCM}=cryptodev:nothing'), 'cryptodev'),
                             (('--backend-module', '/nonexistent.so'), 'cannot be read'),
                             (('--backend-module', '/etc/passwd'), 'is not a module of backends'),
                             (('--backend-module', command.module('unnamed')), 'exports no haw_module'),
                             (('--backend-module', command.module('other')), 'version 1'),
                             (('--backend-module', EXAMPLE, '--backend', f'{GCM}=example:x'), 'has no devices')):
        for use in (('ciphers', *arguments), ('cp', *arguments, '/etc/passwd', 'host:')):
            command.refused(*use, words=words)
    command.refused('ciphers', words='HAWSER_BACKEND: ', HAWSER_BACKEND='x')
    command.refused('ciphers', words='from the root', HAWSER_MODULE_DIR='modules')


def modules_are_found_in_their_directory():
    check(chosen(GCM, '--backend', f'{GCM}=example', HAWSER_MODULE_DIR=command.modules) == 'example', 'not found')
    # The working directory is no place to load from.
    os.symlink(EXAMPLE, os.path.join(command.home, 'example.so'))
    command.refused('ciphers', '--backend', f'{GCM}=example', words='there is no backend "example"')


def flags_come_from_files():
    command.configure('Json yes\n')
    done = command.run('ciphers')
    check(done.returncode == 0 and done.stdout.startswith('{'), done.stdout[:100] + done.stderr)
    source = os.path.join(command.home, 'source')
    open(source, 'w').close()
    done = command.run('cp', source, source + '2')
    check('"type":"summary"' in done.stdout, done.stdout + done.stderr)


def words_of_bench():
    """The program that measures gets what the files say, as far as the command line does not say it."""
    folder = os.path.join(command.home, 'bin')
    os.makedirs(os.path.join(folder, '..', 'libexec', 'hawser'))
    carried = os.path.join(folder, 'hawser')
    shutil.copy(command.program, carried)
    with open(os.path.join(folder, '..', 'libexec', 'hawser', 'hawser-bench'), 'w') as file:
        file.write('#!/bin/sh\nprintf "%s|" "$@"\n')
        os.fchmod(file.fileno(), 0o755)
    command.configure('Suite aes128-ctr\nSuite aes256-ctr\nEal "-l 0"\nQuick yes\nHost elsewhere\nBytes 64\n')
    bench = Command(carried, sys.argv[2], command.home)
    check(bench.run('bench', 'x').stdout == '--eal|-l 0|--suite|aes128-ctr|--suite|aes256-ctr|--quick|x|', 'words')
    check(bench.run('bench', '--suite=a', '--full', '--eal', 'b').stdout == '--suite=a|--full|--eal|b|', 'words')
    path = command.configure('\nQuick perhaps\n')
    bench.refused('bench', words=f'{path}:2: ')
    command.configure('BackendModule module.so\n')
    bench.refused('bench', words='from the root')


def main():
    report = Report(sys.argv[3:])
    try:
        for test in (option_over_environment_over_files, grammar_of_files, base_directory_is_honoured,
                     blocks_hold_for_the_host, blocks_hold_for_the_user_and_what_a_command_says,
                     the_system_has_a_file_too, errors_name_file_and_line, files_that_others_may_write_are_refused,
                     bad_choices_are_wrong_use, modules_are_found_in_their_directory, flags_come_from_files,
                     words_of_bench):
            report.run('tools options ' + test.__name__, test)
    finally:
        command.close()
    finish(report)


if __name__ == '__main__':
    main()

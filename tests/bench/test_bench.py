#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hawser bench: what it writes, what it refuses, and how its page looks in a real browser.

usage: test_bench.py HAWSER [NAME...]
"""

import functools
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from browser import Browser, browser_missing  # noqa: E402
from harness import Report, Skip, check  # noqa: E402

hawser = os.path.abspath(sys.argv[1])
top = tempfile.mkdtemp(prefix='hawser-bench-')


def path(name):
    return os.path.join(top, name)


def bench(*arguments, timeout=120):
    return subprocess.run([hawser, 'bench', *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout)


# ---- A run ----

def quick_run():
    begin = time.monotonic()
    done = bench('--quick', '--json', path('quick.json'), '--html', path('quick.html'))
    took = time.monotonic() - begin
    check(done.returncode in (0, 1), f'status {done.returncode}: {done.stderr}')
    # It keeps to 15 s by itself; a machine that is busy otherwise is let off.
    check(took < 45, f'--quick took {took:.0f} s')
    for words in ('Packets framed and sealed', 'One thread to all', 'Key exchange', 'loopback', 'Recommendation',
                  'check against the loopback run'):
        check(words in done.stdout, f'"{words}" is not in the table:\n{done.stdout}')
    names = os.listdir(top)
    check(sorted(names) == ['quick.html', 'quick.json'], f'there are other files: {names}')


def quick_json():
    if not os.path.exists(path('quick.json')):
        quick_run()
    with open(path('quick.json')) as file:
        return json.load(file)


def json_has_the_schema():
    results = quick_json()
    context, rows = results['context'], results['benchmarks']
    for key in ('date', 'num_cpus', 'mhz_per_cpu', 'caches', 'library_build_type'):
        check(key in context, f'Google Benchmark\'s {key} is not in the context')
    for key in ('cpu', 'flags', 'microcode', 'smt', 'numa_nodes', 'governor', 'observed_mhz_at_start', 'cgroup_quota',
                'hypervisor', 'kernel', 'libcrypto', 'glibc', 'cycles_are', 'hawser'):
        check(context.get(key), f'{key} is not in the record')
    kinds = set()
    for row in rows:
        for key in ('name', 'run_name', 'run_type', 'repetitions', 'threads', 'family_index'):
            check(key in row, f'a row has no {key}: {row}')
        if row.get('error_occurred'):
            continue
        for key in ('real_time', 'cpu_time', 'time_unit'):
            check(key in row, f'a row has no {key}: {row}')
        kinds.add((row['run_type'], row.get('aggregate_name')))
    check(('iteration', None) in kinds, f'no repetitions: {kinds}')
    names = {row['run_name'] for row in rows}
    for name in ('seal', 'open', 'raw_seal', 'raw_open'):
        check(f'{name}/aes128-gcm@openssh.com/openssl/32768' in names, f'no {name} row by its plain name: {names}')
    for work in ('deflate', 'inflate'):
        ratio = {data: max(row['ratio'] for row in rows if row['run_name'] == f'{work}/zlib@openssh.com/{data}/32768') for data in ('text', 'random')}
        check(ratio['text'] > 2 > 1.01 > ratio['random'], f'{work}: {ratio}')
    for kind in ('ssh-ed25519', 'ecdsa-sha2-nistp256'):
        check([row for row in rows if row['run_name'] == f'verify/sk-{kind}@openssh.com' and row.get('real_time')], f'verify/sk-{kind}')
        check(any(row['run_name'] == f'sign/sk-{kind}@openssh.com' and 'device' in row.get('error_message', '') for row in rows), f'sign/sk-{kind}')
    cycles = {key for row in rows for key in row if key.endswith('_per_byte') and ('cyc' in key or 'tick' in key)}
    honest = 'core_cycles' if 'core cycles' in context['cycles_are'] else ('tsc_cycles', 'cntvct_ticks')
    check(cycles and all(key.startswith(honest) for key in cycles), f'cycles are named {cycles}')


def only_what_was_asked_for():
    done = bench('--quick', '--suite', 'aes256-gcm@openssh.com', '--backend', 'openssl', '--bytes', '512', '--threads',
                 '1', '--json', path('one.json'))
    check(done.returncode in (0, 1), f'status {done.returncode}: {done.stderr}')
    with open(path('one.json')) as file:
        rows = json.load(file)['benchmarks']
    sealed = {row['run_name'] for row in rows if row['run_name'].startswith('seal/') and 'batch' not in row['run_name']}
    check(sealed == {'seal/aes256-gcm@openssh.com/openssl/512', 'seal/aes256-gcm@openssh.com/openssl/32768/threads:1'},
          f'rows: {sealed}')


def what_leaves_the_cpu_is_measured_under_way():
    """A provider that pauses jobs: depths, latencies, CPU time, what fell back, and where it starts to win."""
    provider = os.path.join(os.path.dirname(os.path.dirname(hawser)), 'tests', 'provider')
    if not os.path.exists(os.path.join(provider, 'hawtest.so')):
        raise Skip('the test provider is not built')
    os.environ['HAWTEST'] = 'pause'
    try:
        done = bench('--quick', '--suite', 'aes128-gcm@openssh.com', '--backend',
                     'aes128-gcm@openssh.com=provider:hawtest', '--provider-path', provider, '--json', path('late.json'))
    finally:
        del os.environ['HAWTEST']
    check(done.returncode in (0, 1), f'status {done.returncode}: {done.stderr}')
    for words in ('packets under way at the same time', 'p99.9', 'by the CPU', 'provider:hawtest against'):
        check(words in done.stdout, f'"{words}" is not in the table:\n{done.stdout}')
    with open(path('late.json')) as file:
        names = {row['run_name'] for row in json.load(file)['benchmarks']}
    check(any(name.startswith('offload_seal/aes128-gcm@openssh.com/provider:hawtest/32768') for name in names),
          f'rows: {names}')


# ---- Comparing ----

def made_up(name, values, row='seal/aes128-gcm@openssh.com/openssl/32768'):
    runs = [{'name': row, 'run_name': row, 'run_type': 'iteration', 'family_index': 0, 'repetitions': len(values),
             'repetition_index': i, 'threads': 1, 'iterations': 1, 'real_time': 1, 'cpu_time': 1, 'time_unit': 'ns',
             'bytes_per_second': value} for i, value in enumerate(values)]
    with open(path(name), 'w') as file:
        json.dump({'context': {'date': 'then', 'hawser': '0', 'cpu': 'made up'}, 'benchmarks': runs}, file)
    return path(name)


def verdict(a, b):
    done = bench('--compare', made_up('a.json', a), made_up('b.json', b))
    check(done.returncode == 0, f'status {done.returncode}: {done.stderr}')
    line = next(line for line in done.stdout.splitlines() if line.startswith('  seal/'))
    return line.split()[6], line.split()[7].rstrip(':'), line


def verdicts_are_those_of_the_test():
    nine = [1e9 + i for i in range(9)]
    p, word, line = verdict(nine, [2e9 + i for i in range(9)])
    # No overlap of nine and nine: two-sided, p = 2 / binomial(18, 9) = 4.1e-05.
    check((p, word) == ('4.1e-05', 'faster'), line)
    check(verdict([2e9 + i for i in range(9)], nine)[1] == 'slower', 'the other way round it is slower')
    p, word, line = verdict([5e8] * 9, [5e8] * 9)
    check(word == 'undecided' and 'chance' in line, line)
    p, word, line = verdict(nine[:8], [2e9 + i for i in range(9)])
    check(word == 'undecided' and 'too few' in line, line)


@functools.lru_cache(None)
def arrangements(m, n, u):
    """How many of all arrangements of M and N different values have this U."""
    if u < 0 or m == 0 or n == 0:
        return 1 if u == 0 else 0
    return arrangements(m - 1, n, u - n) + arrangements(m, n - 1, u)


def exact_probabilities():
    for u in (0, 5, 17, 18, 30, 38):
        # Nine ranks of eighteen; each place that one moves up is one more in U.
        ranks, left = list(range(1, 10)), u
        for i in reversed(range(9)):
            ranks[i] += min(left, 9)
            left -= min(left, 9)
        others = [rank for rank in range(1, 19) if rank not in ranks]
        check(sum(x > y for x in ranks for y in others) == u, f'these ranks have no U of {u}')
        expected = min(1, 2 * sum(arrangements(9, 9, k) for k in range(u + 1)) / math.comb(18, 9))
        p, word, line = verdict([1e9 + r for r in ranks], [1e9 + r for r in others])
        check(p == (f'{expected:.1e}' if expected < 0.001 else f'{expected:.3f}'), f'U = {u}: {expected}: {line}')
        check(word == ('faster' if expected < 0.05 else 'undecided'), f'U = {u}: {expected}: {line}')


# ---- The page ----

def pages():
    quick_json()
    return path('quick.html')


def page_in_browser(dark):
    missing = browser_missing()
    if missing:
        raise Skip(missing)
    with Browser(pages(), dark) as browser:
        check(not browser.messages(), f'the console says: {browser.messages()}')
        check(browser.fetched() == [], f'the page fetched {browser.fetched()}')
        plots = browser.plots()
        kinds = {kind for kind, _ in plots}
        for kind in ('size', 'backend', 'threads', 'sizing'):
            check(kind in kinds, f'there is no plot of {kind}: {kinds}')
        for kind, box in plots:
            colours = browser.colours(box)
            check(colours >= 6, f'the plot of {kind} is blank: {colours} colours')
        light = browser.ground()
        check((light < 100) == dark, f'the ground is {light} of 255 {"in the dark" if dark else "in the light"}')


def page_stands_alone():
    with open(pages()) as file:
        text = file.read()
    for word in ('http://', 'https://', '<script', 'url(', '@import', 'src='):
        check(word not in text, f'the page has {word}')
    for word in ('prefers-color-scheme: dark', '@media print'):
        check(word in text, f'the page has no {word}')


def comparison_has_a_page():
    done = bench('--compare', made_up('a.json', [1e9] * 9), made_up('b.json', [2e9] * 9), '--html', path('c.html'))
    check(done.returncode == 0, done.stderr)
    with open(path('c.html')) as file:
        check('<svg' in file.read(), 'the page has no plot')


# ---- Bad input ----

def refused(words, *arguments):
    before = set(os.listdir(top))
    done = bench(*arguments)
    check(done.returncode == 2, f'{arguments}: status {done.returncode}: {done.stdout[-300:]}{done.stderr}')
    check(words in done.stderr, f'{arguments}: {done.stderr}')
    check(set(os.listdir(top)) == before, f'{arguments}: something was written')


def bad_input():
    refused('no suite or cipher "rot13"', '--suite', 'rot13')
    refused('abacus', '--backend', 'abacus')
    refused('cannot be written', '--json', path('no/such/dir.json'))
    refused('no regular file', '--html', top)
    refused('--bytes 0', '--bytes', '0')
    refused('--threads x', '--threads', 'x')
    refused('choose one', '--quick', '--full')
    refused('usage', '--nonsense')
    refused('only --compare', 'word')


def another_programs_file():
    good = made_up('a.json', [1e9] * 9)
    for name, text in (('other.json', '{"benchmarks": []}'), ('cut.json', '{"context": {"hawser"'), ('empty.json', ''),
                       ('list.json', '[1, 2]'), ('deep.json', '[' * 10000)):
        with open(path(name), 'w') as file:
            file.write(text)
        refused(f'{name} is no file of hawser bench', '--compare', good, path(name))
    refused('cannot be read', '--compare', good, path('absent.json'))
    refused('at least two', '--compare', good)


def main():
    report = Report(sys.argv[2:])
    try:
        report.run('bad input', bad_input)
        report.run('a file of another program', another_programs_file)
        report.run('verdicts', verdicts_are_those_of_the_test)
        report.run('exact probabilities', exact_probabilities)
        report.run('a page of a comparison', comparison_has_a_page)
        shutil.rmtree(top)
        os.mkdir(top)
        report.run('a quick run', quick_run)
        report.run('the schema of its JSON', json_has_the_schema)
        report.run('the page stands alone', page_stands_alone)
        report.run('the page in a browser', page_in_browser, False)
        report.run('the page in a browser, dark', page_in_browser, True)
        report.run('only what was asked for', only_what_was_asked_for)
        report.run('what leaves the CPU is measured under way', what_leaves_the_cpu_is_measured_under_way)
    finally:
        shutil.rmtree(top)
    sys.exit(report.end())


if __name__ == '__main__':
    main()

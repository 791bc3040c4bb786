# SPDX-License-Identifier: Apache-2.0
"""Running one command and measuring it from outside; medians of pairs."""

import ctypes
import math
import os
import signal
import statistics
import threading
import time

PR_SET_CHILD_SUBREAPER = 36
LIMIT = 600  # seconds that a command may take


class Failure(Exception):
    """A run that does not count: the command failed, left processes, or copied wrongly."""


def adopt_orphans():
    """Processes that outlive their parents come to us, so that their CPU time is counted."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), 'prctl')


class Run:
    """What one command took: SECONDS of the clock, CPU seconds of all its processes."""

    def __init__(self, seconds, cpu):
        self.seconds, self.cpu = seconds, cpu
        self.server_cpu = 0.0
        self.bytes_on_loopback = 0

    def as_json(self):
        return {name: round(value, 6) for name, value in vars(self).items()}


def of_session(leader):
    """Processes of the session that LEADER began, itself excepted, which have not ended."""
    found = []
    for name in os.listdir('/proc'):
        if not name.isdigit() or int(name) == leader:
            continue
        try:
            with open(f'/proc/{name}/stat', 'rb') as file:
                fields = file.read().rpartition(b')')[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] not in (b'Z', b'X'):
            found.append(int(name))
    return found


def spawn(argv, env, out, stdin='/dev/null'):
    """Start ARGV in a session of its own, its output going to the file OUT."""
    actions = [(os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
               (os.POSIX_SPAWN_OPEN, 1, out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
               (os.POSIX_SPAWN_DUP2, 1, 2)]
    return os.posix_spawnp(argv[0], argv, env, file_actions=actions, setsid=True)


def cpu_of(usage):
    return usage.ru_utime + usage.ru_stime


def run(argv, env, out, stdin='/dev/null'):
    """Run ARGV to its end and return a Run. Time is from starting the command to its end. CPU is that of
    every process of the command: those that it waited for, and those that it left behind."""
    begin = time.perf_counter()
    pid = spawn(argv, env, out, stdin)
    guard = threading.Timer(LIMIT, os.killpg, (pid, signal.SIGKILL))
    guard.start()
    _, status, usage = os.wait4(pid, 0)
    end = time.perf_counter()
    left = of_session(pid)
    cpu = cpu_of(usage)
    while True:
        try:
            cpu += cpu_of(os.wait4(-pid, 0)[2])
        except ChildProcessError:
            break
    guard.cancel()
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        with open(out, errors='backslashreplace') as file:
            raise Failure(f'{" ".join(argv)}: status {code}: {file.read()[-2000:]}')
    result = Run(end - begin, cpu)
    result.left = len(left)
    return result


def busy(seconds):
    """What part of the processors works, over so many SECONDS."""
    def read():
        with open('/proc/stat') as file:
            fields = [int(word) for word in file.readline().split()[1:9]]
        return sum(fields), fields[3] + fields[4]

    total, idle = read()
    time.sleep(seconds)
    total, idle = (new - old for new, old in zip(read(), (total, idle)))
    return 1 - idle / total if total > 0 else 0.0


def wait_for_quiet(patience):
    """Return when next to nothing runs on this machine, or after PATIENCE seconds; False if something does."""
    end = time.monotonic() + patience
    while busy(0.3) > 0.1:
        if time.monotonic() > end:
            return False
    return True


def loopback_bytes():
    """Bytes that this machine's loopback has carried: other programs' traffic is among them."""
    with open('/proc/net/dev') as file:
        for line in file:
            name, _, counters = line.partition(':')
            if name.strip() == 'lo':
                return int(counters.split()[0])
    return 0


class Spread:
    """Median, least and greatest of VALUES."""

    def __init__(self, values):
        self.values = list(values)
        self.median = statistics.median(self.values)
        self.least, self.greatest = min(self.values), max(self.values)

    def __str__(self):
        return f'{self.median:.3f} [{self.least:.3f} .. {self.greatest:.3f}]'

    def as_json(self):
        return {'median': self.median, 'least': self.least, 'greatest': self.greatest, 'values': self.values}


def divide(a, b):
    """A / B; infinite where B is nothing or negative, as a difference below the clock's grain can be."""
    return a / b if b > 0 else math.inf


class Goal:
    """What a ratio of WHAT ("time" or "cpu") should reach: at least, or at most, VALUE."""

    def __init__(self, what, value, at_least):
        self.what, self.value, self.at_least = what, value, at_least

    def reached(self, median):
        return median >= self.value if self.at_least else median <= self.value

    def __str__(self):
        return f'{">=" if self.at_least else "<="} {self.value:g}'

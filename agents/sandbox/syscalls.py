"""seccomp: the system calls that a program in the box may make; all others fail with EPERM.

A list of what is allowed, not of what is not: a call that a later kernel adds is refused. Not on
it are sockets, new processes, signals, looking into other processes, programs to start, and
everything that changes the machine.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Callable
from typing import NamedTuple

# name, number on x86_64, number on aarch64; "-": that machine has no such call
TABLE = """
read 0 63, write 1 64, readv 19 65, writev 20 66, pread64 17 67, pwrite64 18 68, lseek 8 62,
open 2 -, openat 257 56, close 3 57, close_range 436 436, dup 32 23, dup2 33 -, dup3 292 24,
fstat 5 80, stat 4 -, lstat 6 -, newfstatat 262 79, statx 332 291, statfs 137 43, fstatfs 138 44,
access 21 -, faccessat 269 48, faccessat2 439 439, readlink 89 -, readlinkat 267 78,
getdents 78 -, getdents64 217 61, getcwd 79 17, chdir 80 49, fchdir 81 50, umask 95 166,
mkdir 83 -, mkdirat 258 34, rmdir 84 -, unlink 87 -, unlinkat 263 35,
rename 82 -, renameat 264 38, renameat2 316 276, ftruncate 77 46, fsync 74 82, fdatasync 75 83,
flock 73 32, fadvise64 221 223,
brk 12 214, mmap 9 222, munmap 11 215, mprotect 10 226, mremap 25 216, madvise 28 233,
futex 202 98, set_robust_list 273 99, rseq 334 293, set_tid_address 218 96, membarrier 324 283,
sched_yield 24 124, sched_getaffinity 204 123, sched_getparam 143 121, sched_getscheduler 145 120,
getcpu 309 168, restart_syscall 219 128, exit 60 93, exit_group 231 94, arch_prctl 158 -,
rt_sigaction 13 134, rt_sigprocmask 14 135, rt_sigreturn 15 139, rt_sigpending 127 136,
rt_sigtimedwait 128 137, rt_sigsuspend 130 133, sigaltstack 131 132, alarm 37 -, pause 34 -,
getitimer 36 102, setitimer 38 103,
clock_gettime 228 113, clock_getres 229 114, clock_nanosleep 230 115, nanosleep 35 101,
gettimeofday 96 169, time 201 -, times 100 153,
poll 7 -, ppoll 271 73, select 23 -, pselect6 270 72, pipe 22 -, pipe2 293 59,
epoll_create 213 -, epoll_create1 291 20, epoll_ctl 233 21, epoll_wait 232 -, epoll_pwait 281 22,
eventfd2 290 19, recvfrom 45 207, shutdown 48 210,
getpid 39 172, getppid 110 173, gettid 186 178, getuid 102 174, geteuid 107 175, getgid 104 176,
getegid 108 177, getresuid 118 148, getresgid 120 150, getgroups 115 158, getpgrp 111 -,
getpgid 121 155, getsid 124 156, uname 63 160, sysinfo 99 179, getrlimit 97 163, getrusage 98 165,
getrandom 318 278, wait4 61 260, waitid 247 95,
clone 56 220, clone3 435 435, fcntl 72 25, ioctl 16 29, prlimit64 302 261, socketpair 53 199,
sendto 44 206
"""

MACHINES = {"x86_64": (1, 0xC000003E), "aarch64": (2, 0xC00000B7)}
"""Column of the table, and the kernel's name of the machine (AUDIT_ARCH)."""


class Check(NamedTuple):
    """An allowed call's argument: which, the bits that count, and what they may be."""

    argument: int
    bits: int
    values: tuple[int, ...]


THREAD, NAMESPACES = 0x10000, 0x7E020000  # CLONE_THREAD, CLONE_NEW*
CHECKS: dict[str, tuple[Check, ...]] = {
    # A thread of its own, never a process.
    "clone": (Check(0, THREAD | NAMESPACES, (THREAD,)),),
    # Copies and flags; F_SETOWN would send signals.
    "fcntl": (Check(1, 0xFFFFFFFF, (0, 1, 2, 3, 4, 1030)),),
    # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
    "ioctl": (Check(1, 0xFFFFFFFF, (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)),),
    # Its own limits but the first, RLIMIT_CPU: by that the kernel would kill it as it does for
    # want of memory, and nobody could tell.
    "prlimit64": (Check(0, 0xFFFFFFFF, (0,)), Check(1, 0xFFFFFFFF, tuple(range(1, 16)))),
    # What asyncio wakes itself with: a connected AF_UNIX, SOCK_STREAM pair, which names no address.
    "socketpair": (Check(0, 0xFFFFFFFF, (1,)), Check(1, 0xF, (1,))),
    "sendto": (Check(4, 0xFFFFFFFF, (0,)), Check(5, 0xFFFFFFFF, (0,))),
}

LOAD, AND, EQUAL, RETURN = 0x20, 0x54, 0x15, 0x06  # BPF, on 32-bit words
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000


def numbers() -> dict[str, int]:
    """Call → number on this machine; empty where the table does not know it."""
    column, _ = MACHINES.get(os.uname().machine, (0, 0))
    rows = [row.split() for row in TABLE.split(",")]
    return {row[0]: int(row[column]) for row in rows if column and row[column] != "-"}


def filter_program() -> bytes:
    """The filter for this machine, as BPF instructions of 8 bytes."""
    _, architecture = MACHINES[os.uname().machine]
    code = [
        (LOAD, 0, 0, 4),
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, 0),
    ]
    for name, number in numbers().items():
        if name == "clone3":  # hides its flags behind a pointer; the C library then takes clone
            answer = [(RETURN, 0, 0, ERRNO | errno.ENOSYS)]
        else:
            answer = [*checked(CHECKS.get(name, ())), (RETURN, 0, 0, ALLOW)]
        code += [(EQUAL, 0, len(answer), number), *answer]
    code.append((RETURN, 0, 0, ERRNO | errno.EPERM))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def checked(checks: tuple[Check, ...]) -> list[tuple[int, int, int, int]]:
    code = []
    for argument, bits, values in checks:
        code += [(LOAD, 0, 0, 16 + 8 * argument), (AND, 0, 0, bits)]
        for place, value in enumerate(values):
            code.append((EQUAL, len(values) - place, 0, value))
        code.append((RETURN, 0, 0, ERRNO | errno.EPERM))
    return code


def install(prctl: Callable[..., bool]) -> bool:
    """Bind this process to the filter, for good; False where the kernel cannot.

    It needs PR_SET_NO_NEW_PRIVS to be set.
    """
    if not numbers() or struct.calcsize("P") != 8:
        return False
    program = filter_program()
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    text = ctypes.create_string_buffer(head, len(head))
    set_seccomp, mode_filter = 22, 2
    return prctl(set_seccomp, mode_filter, ctypes.addressof(text))

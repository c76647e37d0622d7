"""The walls of the box: what the kernel can take away from a process that asks for it.

In two steps. `leave_the_machine` gives this process and its children namespaces of their own: a
root folder with Python's library and nothing else, no network, no other processes. `lock` then
binds one process for good: no privileges, limits, Landlock, seccomp. Each layer is tried on its
own and reported by name, because containers and distributions permit different ones.

Sources: namespaces(7), pivot_root(2), landlock(7), credentials(7), getrlimit(2).
"""

# pathlib takes as long to import as all of this, once a program:
# ruff: noqa: PTH102, PTH103, PTH110, PTH112, PTH113, PTH114, PTH115, PTH118, PTH120, PTH123, PTH208
# ruff: noqa: PTH211

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import stat
import struct
import sys
from collections.abc import Mapping, Sequence

from errata.agents.sandbox.job import (
    CALLS,
    COUNTED,
    FILES,
    LAYERS,
    LIMITS,
    NETWORK,
    PRIVILEGES,
    PROCESSES,
    ROOT,
    Limits,
)
from errata.agents.sandbox.syscalls import install

LINUX = sys.platform == "linux"

NOBODY = 65534
OWN_USERS = 2_100_000_000
"""Users from here on, one a process number, which nobody else has."""
OWN_FOLDER = "/tmp"
"""The one folder that a program may write to, where it has a root folder of its own."""

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
MS_REC, MS_PRIVATE, MS_RELATIME = 1 << 14, 1 << 18, 1 << 21
MNT_DETACH = 2
NEW_USERS, NEW_PROCESSES = 0x10000000, 0x20000000
# mounts, control groups, host name, System V IPC, processes, network
NEW_OTHERS = 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | NEW_PROCESSES | 0x40000000
PACKAGES = ("site-packages", "dist-packages")
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38

libc = ctypes.CDLL(None, use_errno=True)


def python_needs() -> list[str]:
    """Paths that Python reads: its library, the folders of shared libraries, /dev/null."""
    if not LINUX:
        return []
    with open("/proc/self/maps") as maps:
        mapped = {line.split(maxsplit=5)[-1].rstrip() for line in maps}
    libraries = {os.path.dirname(path) for path in mapped if path[0] == "/" and ".so" in path}
    paths = {os.path.realpath(path) for path in {*sys.path, *libraries} if os.path.isdir(path)}
    inner = {path for path in paths if any(path.startswith(f"{other}/") for other in paths)}
    return [*sorted(paths - inner), os.devnull]


def packages_in(folder: str) -> list[str]:
    """Folders of packages that lie in a folder of libraries, Python's own being one."""
    pythons = [name for name in os.listdir(folder) if name.startswith("python")]
    above = [folder, *(os.path.join(folder, name) for name in pythons)]
    found = [os.path.join(each, name) for each in above for name in PACKAGES]
    return [each for each in found if os.path.isdir(each)]


def leave_the_machine(paths: Sequence[str], disk_mb: int) -> list[str]:
    """Give this process a root folder with `paths` and nothing else, and its children no network
    and no other processes; the layers that this machine permits."""
    if not LINUX:
        return []
    layers = [NETWORK, PROCESSES]
    user, group = os.geteuid(), os.getegid()
    # Root needs no user namespace and may be refused one; others have no privileges without.
    if not (user == 0 and libc.unshare(NEW_OTHERS) == 0):
        if libc.unshare(NEW_OTHERS | NEW_USERS) != 0:
            return []
        with contextlib.suppress(OSError):
            write("/proc/self/setgroups", "deny")
            write("/proc/self/uid_map", f"{user} {user} 1")
            write("/proc/self/gid_map", f"{group} {group} 1")
        if user != 0 and kernel() >= (5, 14):  # which counts by user namespace, but not root's
            layers.append(COUNTED)
    libc.sethostname(b"box", 3)
    if own_root(paths, disk_mb):
        layers.append(ROOT)
    return layers


def own_root(paths: Sequence[str], disk_mb: int) -> bool:
    """Make a folder in memory the root, with `paths` in it, read-only; False where refused."""
    new = "/dev"  # any folder would do: this covers it in our namespace only
    sources = {path: os.open(path, os.O_PATH) for path in paths}
    try:
        mount("none", "/", None, MS_REC | MS_PRIVATE)
        mount("box", new, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755")
    except OSError:
        return False
    try:
        fill(new, sources, disk_mb)
        os.chdir(new)
        pivot(".", ".")
    except (OSError, KeyError):
        os.chdir("/")
        libc.umount2(new.encode(), MNT_DETACH)
        return False
    libc.umount2(b".", MNT_DETACH)  # the old root, which lies over the new one
    os.chdir(OWN_FOLDER)
    return True


def fill(root: str, sources: Mapping[str, int], disk_mb: int) -> None:
    """Put into `root` what the open `sources` are, read-only, and the folder to write to."""
    size = f"size={disk_mb}m,nr_inodes=4096,mode=1777"
    os.mkdir(root + OWN_FOLDER)
    mount("box", root + OWN_FOLDER, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, size)
    for path, source in sources.items():
        target = root + path
        if stat.S_ISDIR(os.fstat(source).st_mode):
            os.makedirs(target, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.close(os.open(target, os.O_CREAT))
        mount(f"/proc/self/fd/{source}", target, None, MS_BIND | MS_REC)
        if path != os.devnull:
            mount("none", target, None, MS_REMOUNT | MS_BIND | MS_RDONLY | mount_flags(target))
            for packages in packages_in(target):
                mount(
                    "box", packages, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "size=4k,mode=755"
                )
        os.close(source)
    for name in ("lib", "lib64"):  # where the loader of shared libraries looks
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{root}/{name}")
    mount("none", root, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)


def pivot(new: str, old: str) -> None:
    number = {"x86_64": 155, "aarch64": 41}[os.uname().machine]
    if libc.syscall(number, new.encode(), old.encode()) != 0:
        raise OSError(ctypes.get_errno(), "pivot_root")


def write(path: str, line: str) -> None:
    with open(path, "w") as file:
        file.write(line)


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    kind_bytes = kind.encode() if kind else None
    named = (source.encode(), target.encode(), kind_bytes, ctypes.c_ulong(flags))
    if libc.mount(*named, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target}")


def mount_flags(path: str) -> int:
    """The flags of the mount at `path`, which a user namespace may add to but not take away."""
    flags = os.statvfs(path).f_flag  # the same bits as MS_*, but for RELATIME
    relatime = MS_RELATIME if flags & 4096 else 0
    return flags & (MS_NOSUID | MS_NODEV | MS_NOEXEC | 1024 | 2048) | relatime


def kernel() -> tuple[int, ...]:
    """Its version's first two numbers."""
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])


def blind_children() -> bool:
    """Put the children of this process where they cannot name it; whether that is permitted."""
    return LINUX and libc.unshare(NEW_PROCESSES) == 0


def lock(
    limits: Limits,
    cpu_s: float,
    paths: Sequence[str],
    before: Sequence[str],
    user: int,
    *,
    is_program: bool,
) -> list[str]:
    """Bind this process for good.

    Args:
        paths: What it may read.
        before: Layers that it has already.
        user: Whom root becomes, where it may.
        is_program: Whether it is the program's, which may use its own folder, where there is one,
            or the tests'.

    Returns:
        Its layers.
    """
    active = {*before, LIMITS}
    if LINUX:
        if drop_privileges((user, NOBODY)):
            active.add(PRIVILEGES)
        if os.geteuid() == user:
            active.add(COUNTED)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        prctl(PR_SET_DUMPABLE, 0)  # nobody may look into it, and a crash leaves no core
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        folder = OWN_FOLDER if is_program and ROOT in active else None
        # The kernel sends the program its end in the name of the tests' process.
        read = paths if ROOT in active else [each for path in paths for each in parts(path)]
        if landlock(read, folder, signals=not is_program):
            active.add(FILES)
    set_limits(limits, cpu_s)
    if LINUX and install(prctl):
        active.add(CALLS)
    if COUNTED in active or CALLS not in active:
        # Else it would count the threads of others, and stop no process that seccomp does not.
        limit("NPROC", limits.threads)
    return [layer for layer in LAYERS if layer in active]


def drop_privileges(users: Sequence[int]) -> bool:
    """Become the first of `users` that may be, where root runs us; keep no capability."""
    for user in users if os.geteuid() == 0 else ():
        # A container's root may not; it gives up its capabilities below.
        with contextlib.suppress(OSError):
            os.seteuid(user)
            readable = os.access(os.__file__, os.R_OK, effective_ids=True)
            os.seteuid(0)
            if readable:
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(user, user, user)
                break
    version_3 = 0x20080522
    none = struct.pack("=6I", *[0] * 6)
    return bool(libc.capset(struct.pack("=Ii", version_3, 0), none) == 0)


def set_limits(limits: Limits, cpu_s: float) -> None:
    cpu = max(1, round(cpu_s))
    for name, most in (
        ("CPU", cpu),
        ("AS", limits.memory_mb << 20),
        ("FSIZE", limits.disk_mb << 20),
        ("NOFILE", limits.open_files),
        ("CORE", 0),
    ):
        limit(name, most)


def limit(name: str, most: int) -> None:
    # macOS lacks some; the clock limits those programs all the same.
    with contextlib.suppress(AttributeError, ValueError, OSError):
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))


def parts(path: str) -> list[str]:
    """`path`, or what lies in it where packages lie in it too, these left out."""
    if path == os.devnull or not (packages := packages_in(path)):
        return [path]
    inner = [os.path.join(path, name) for name in sorted(os.listdir(path))]
    return [
        part
        for each in inner
        if each not in packages and os.path.exists(each)
        for part in (parts(each) if os.path.isdir(each) else [each])
    ]


def landlock(paths: Sequence[str], folder: str | None, *, signals: bool) -> bool:
    """Allow this process to read `paths` and to use `folder`, and no other file; nor to send
    signals, but with `signals`."""
    create_ruleset, add_rule, restrict_self = 444, 445, 446
    version = libc.syscall(create_ruleset, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    file_rights, folder_rights = 0b111, 0b1111111111111  # execute, write, read; all of version 1
    for since, right in ((2, 1 << 13), (3, 1 << 14), (5, 1 << 15)):  # move, truncate, ioctl
        folder_rights |= right if version >= since else 0
    file_rights |= folder_rights & (1 << 14)
    read_file, read_folder = 1 << 2, 1 << 3
    network = 0b11 if version >= 4 else 0  # TCP: bind, connect
    scopes = (0b01 if signals else 0b11) if version >= 6 else 0  # abstract AF_UNIX, signals
    rights = struct.pack("=QQQ", folder_rights, network, scopes)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = libc.syscall(create_ruleset, rights, ctypes.c_size_t(size), 0)
    if rules < 0:
        return False
    wanted = [(path, read_file | read_folder) for path in paths if os.path.isdir(path)]
    wanted += [(path, read_file) for path in paths if os.path.isfile(path)]
    # Names may be read wherever a file may: Python lists the folders that it imports from.
    above = {os.path.dirname(path) for path in paths if os.path.isfile(path)}
    wanted += [(path, read_folder) for path in above]
    wanted += [(os.devnull, file_rights & ~1)]
    wanted += [(folder, folder_rights & ~1)] if folder else []
    try:
        for path, allowed in wanted:
            place = os.open(path, os.O_PATH)
            rule = struct.pack("=Qi", allowed, place)
            if libc.syscall(add_rule, rules, 1, rule, 0) != 0:
                return False
            os.close(place)
        return bool(libc.syscall(restrict_self, rules, 0) == 0)
    except OSError:
        return False
    finally:
        os.close(rules)


def prctl(option: int, value: int, address: int = 0) -> bool:
    arguments = (ctypes.c_ulong(value), ctypes.c_ulong(address), ctypes.c_ulong(0))
    return bool(libc.prctl(option, *arguments, ctypes.c_ulong(0)) == 0)

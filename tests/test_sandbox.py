"""The sandbox: hostile programs neither pass nor do harm, with all walls or with some.

The programs are hostile within bounds: where a wall failed, they would leave a few sleeping
processes or a file in a folder made for it, which the tests would find.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errata.agents.errors import SandboxError
from errata.agents.sandbox.box import Protection, protection, run_in_box
from errata.agents.sandbox.data import (
    DEEPEST,
    FROM_LIST,
    FROM_TEXT,
    Malformed,
    NotPlain,
    decode,
    encode,
)
from errata.agents.sandbox.job import (
    CALLS,
    COUNTED,
    FILES,
    LAYERS,
    LONGEST_RESPONSE,
    NETWORK,
    PROCESSES,
    ROOT,
    Job,
    Limits,
    Outcome,
    left_open,
)

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the sandbox"),
]

SHORT = Limits(wall_s=5)
TESTS = """
def check(candidate):
    assert candidate(20) == 'right-77'
    assert candidate(22) == 'right-99'
"""

HOSTILE = """
--- loops
def f(x):
    while True:
        pass

--- loops before it is called
while True:
    pass
def f(x):
    pass

--- sleeps
def f(x):
    import time
    time.sleep(60)

--- forks
def f(x):
    import os, time
    for _ in range(5):
        os.fork()
    time.sleep(60)

--- leaves a daemon
def f(x):
    import os, time
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(60)
    return 'right-77'

--- starts a program
def f(x):
    import subprocess
    return subprocess.run(['sleep', '60'])

--- starts threads
def f(x):
    import threading, time
    for _ in range(200):
        threading.Thread(target=time.sleep, args=(60,)).start()

--- takes memory
def f(x):
    return [bytearray(1 << 28) for _ in range(16)]

--- takes memory before it is called
taken = [bytearray(1 << 28) for _ in range(16)]
def f(x):
    pass

--- fills the disk
def f(x):
    for i in range(9):
        open(f'/tmp/{i}', 'wb').write(b'x' * (1 << 22))

--- writes a large file
def f(x):
    open('/tmp/a', 'wb').write(b'x' * (1 << 25))

--- opens many files
def f(x):
    import os
    return [os.dup(0) for _ in range(200)]

--- floods its output
def f(x):
    for _ in range(100):
        print('x' * (1 << 20))
    return 'right-77'

--- floods every pipe
def f(x):
    import os
    for fd in range(64):
        try:
            for _ in range(100):
                os.write(fd, b'0' * 65536)
        except OSError:
            pass
    return 'right-77'

--- says what a pass says
def f(x):
    import json, os, struct
    passed = json.dumps({'outcome': ['right', 'passes all tests']}).encode()
    for text in (struct.pack('>Q', len(passed)) + passed, passed, b'right'):
        for fd in range(64):
            try:
                os.write(fd, text)
            except OSError:
                pass
    os._exit(0)

--- prints what a pass prints
def f(x):
    print('passes all tests')
    raise SystemExit(0)

--- ends
def f(x):
    import os
    os._exit(0)

--- ends before it is called
import os
os._exit(0)
def f(x):
    pass

--- exits
def f(x):
    import sys
    sys.exit(0)

--- exits before it is called
import sys
sys.exit(0)
def f(x):
    pass

--- redefines the checker
import builtins
check = candidate = lambda *a: True
builtins.AssertionError = builtins.compile = builtins.exec = lambda *a, **k: None
def f(x):
    return True

--- is equal to everything
class Text(str):
    def __eq__(self, other):
        return True
class Thing:
    def __eq__(self, other):
        return True
def f(x):
    return Text() if x == 20 else Thing()

--- is a number equal to everything
class Number(int):
    def __eq__(self, other):
        return True
def f(x):
    return Number(1)

--- ends the loop of the tests
def f(x):
    raise StopIteration

--- asserts
def f(x):
    raise AssertionError

--- raises what no test catches
class Odd(BaseException):
    pass
def f(x):
    raise Odd

--- imports the marker
def f(x):
    import errata.agents.sandbox.checker as tests
    tests.run_tests = lambda *a: ('right', '')

--- looks for the answer in memory
def f(x):
    import gc, re, sys
    seen = [str(each) for each in gc.get_objects() if isinstance(each, (str, list, dict))]
    frame = sys._getframe()
    while frame:
        seen.append(str(frame.f_locals))
        frame = frame.f_back
    return re.findall('right-' + '[0-9]+', ' '.join(seen))

--- looks for the answer in /proc
def f(x):
    import os
    seen = []
    for pid in ['self', *map(str, range(1, 200))]:
        for name in ('mem', 'environ', 'maps', 'fd/0'):
            try:
                seen.append(open(f'/proc/{pid}/{name}', 'rb').read(10))
            except OSError:
                pass
    return seen

--- kills
def f(x):
    import os
    for pid in (os.getppid(), 1, 2, 3, -1, 0):
        for signal in (9, 15, 2):
            try:
                os.kill(pid, signal)
            except OSError:
                pass
    return 'right-77'

--- kills and traces by system call
def f(x):
    import ctypes
    call = ctypes.CDLL(None).syscall
    for pid in range(1, 100):
        call(62, pid, 9)
        call(129, pid, 9)
        call(101, 16, pid, 0, 0)
        call(424, pid, 9)
    return 'right-77'

--- takes other limits
def f(x):
    import resource
    for limit in range(16):
        try:
            resource.setrlimit(limit, (-1, -1))
        except (OSError, ValueError):
            pass
    return [bytearray(1 << 28) for _ in range(16)]

--- crashes
def f(x):
    import ctypes
    ctypes.string_at(0)

--- recurses
import sys
sys.setrecursionlimit(10 ** 9)
class Deep:
    def __repr__(self):
        return repr(self)
def f(x):
    return repr(Deep())

--- returns much
def f(x):
    return 'x' * (1 << 27)

--- returns much in little
def f(x):
    return [[]] * 1_500_000

--- returns itself
def f(x):
    loop = []
    loop.append(loop)
    return loop

--- returns a tower
def f(x):
    tower = []
    for _ in range(100_000):
        tower = [tower]
    return tower

--- returns without end
def f(x):
    while True:
        yield 'x' * 1000

--- returns a stranger
def f(x):
    return object()

--- returns a bomb
class Bomb:
    def __reduce__(self):
        return (print, (1,))
def f(x):
    return Bomb()

--- breaks its pipes
def f(x):
    import os, time
    os.closerange(0, 64)
    time.sleep(60)
"""

PROGRAMS = {
    name: text for name, _, text in (each.partition("\n") for each in HOSTILE.split("--- ")[1:])
}


def run(program: str, limits: Limits = SHORT, tests: str = TESTS) -> Outcome:
    return run_in_box(Job(f"```python\n{program}\n```", "", tests, "f"), limits)


def body(text: str) -> str:
    return "def f(x):\n" + textwrap.indent(textwrap.dedent(text).strip(), "    ")


FRAMES = {
    "a frame without end": struct.pack(">Q", 1000) + b"1",
    "an immense frame": struct.pack(">Q", 1 << 62),
    "no JSON": struct.pack(">Q", 4) + b"\x80\x04K\x01",
    "deep JSON": struct.pack(">Q", 60_000) + b"[" * 60_000,
    "no answer": struct.pack(">Q", 18) + b'{"right": "right"}',
    "an unknown type": struct.pack(">Q", 26) + b'["value", {"eval": "1+1"}]',
    "an unknown error": struct.pack(">Q", 24) + b'["raises", "print", [1]]',
}
PROGRAMS |= {
    f"sends {name}": body(f"""
        import os, time
        for fd in range(3, 64):
            try:
                os.write(fd, {frame!r})
            except OSError:
                pass
        time.sleep(60)
    """)
    for name, frame in FRAMES.items()
}


LONG = {
    "a key that is not there": "{}[10**5000]",
    "an error": "raise_(ValueError(10**5000))",
    "an error with a tuple": "raise_(KeyError((10**5000, 1)))",
    "an error with a fraction": "raise_(ValueError(__import__('fractions').Fraction(10**5000)))",
    "a syntax error": "raise_(SyntaxError(10**5000))",
    "the line of a syntax error": "raise_(SyntaxError('a', ('a', 10**5000, 1, 'a')))",
    "an error of its own": "raise_(type('Own', (Exception,), {'__str__': lambda s: 1})(object()))",
    "half a surrogate pair": "raise_(ValueError(chr(0xD800)))",
    "an error it cannot make": "raise_(UnicodeDecodeError('utf-8', b'', 0, 1, chr(0xD800)))",
}
RAISE = "def raise_(error): raise error"
PROGRAMS |= {f"has {name}": f"{RAISE}\ndef f(x): return {text}" for name, text in LONG.items()}
PROGRAMS |= {f"has {name} at load": f"{RAISE}\nf = {text}" for name, text in LONG.items()}

SENDING = """
import os, struct, time
def send(text):
    frame = struct.pack('>Q', len(text)) + text.encode()
    for fd in range(3, 64):
        try:
            rest = memoryview(frame)
            while rest:
                rest = rest[os.write(fd, rest):]
        except OSError:
            pass
    time.sleep(60)
"""
LARGE = {
    "a set of numbers with one hash": (
        "'[\"value\",{\"set\":[' + ','.join(str(i * (2**61 - 1)) for i in range(300_000)) + ']}]'"
    ),
    "a deep list of many": ("'[\"value\",[' + ','.join(['[' * 30 + ']' * 30] * 130_000) + ']]'"),
    "many errors in one": "'[\"raises\",\"KeyError\",' + ','.join(['[]'] * 2_000_000) + ']'",
    "half a surrogate pair as a reason": '\'["lost","\\\\ud800"]\'',
    "a pass as its reason": '\'["lost","passes all tests"]\'',
}
PROGRAMS |= {
    f"sends {name} at load": f"{SENDING}\nsend({text})\ndef f(x): return 1"
    for name, text in LARGE.items()
}
PROGRAMS |= {f"sends {name}": f"{SENDING}\ndef f(x): send({text})" for name, text in LARGE.items()}
PROGRAMS["limits its own processor time"] = body("""
    import resource
    for soft in (0, 1):
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (soft, soft))
        except (OSError, ValueError):
            pass
    while True:
        pass
""")


def boxes(limits: Limits) -> list[psutil.Process]:
    """Processes of boxes with these limits, which stand on their command line."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if json.dumps(limits) in process.cmdline():
                found.append(process)
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_hostile_program_does_not_pass_and_leaves_nothing(name: str) -> None:
    limits = Limits(wall_s=1 + [*PROGRAMS].index(name) / 1000, cpu_s=2)  # its own, to be told by
    start = time.monotonic()
    outcome = run(PROGRAMS[name], limits)
    assert outcome.kind == "wrong", outcome
    assert time.monotonic() - start < limits.wall_s + 5
    assert boxes(limits) == []


def test_a_right_program_passes() -> None:
    assert run("def f(x): return {20: 'right-77', 22: 'right-99'}[x]").kind == "right"


def test_a_reason_that_the_program_gives_is_shown_as_its_own_words() -> None:
    outcome = run(PROGRAMS["sends a pass as its reason"])
    assert outcome.why == "returns no plain data: the program says 'passes all tests'"
    assert run("def f(x): return object()").why.endswith("says 'a value of type object'")


def test_an_error_of_thousands_of_digits_is_named() -> None:
    outcome = run("def f(x): return {}[10**5000]")
    assert outcome.why == "raises KeyError: a message that cannot be shown"


def test_a_program_that_waits_for_its_limit_is_told_from_one_that_the_machine_killed() -> None:
    outcome = run(PROGRAMS["limits its own processor time"], Limits(wall_s=30, cpu_s=2))
    assert outcome.why == "time-out after 2 s of processor time"


BOMB = """
import threading, time
threading.stack_size(65536)
try:
    for _ in range(40):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
except RuntimeError:
    pass
time.sleep(60)

def f(x):
    pass
"""
THREADED = body("""
    from concurrent.futures import ThreadPoolExecutor
    import time
    time.sleep(0.5)
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map({20: 'right-77', 22: 'right-99'}.get, [x] * 8))[0]
""")


def test_threads_of_one_program_are_not_counted_for_another() -> None:
    if COUNTED not in protection().active:
        pytest.skip("here boxes run one at a time")
    with ThreadPoolExecutor(2) as pool:
        bomb = pool.submit(run, BOMB, Limits(wall_s=8))
        beside = []
        while not bomb.done():  # some start before it has its threads, the others beside them
            beside.append(pool.submit(run, THREADED).result().why)
        assert len(beside) > 1
        assert set(beside) == {"passes all tests"}
        assert bomb.result().kind == "wrong"


def test_the_limit_on_threads_holds_for_one_program() -> None:
    outcome = run(PROGRAMS["starts threads"])
    assert outcome.why == "raises RuntimeError: can't start new thread"


def test_a_program_sees_no_packages_and_nothing_of_the_host() -> None:
    outcome = run(SEES)
    assert outcome.why.endswith("(got [])"), outcome.why


SEES = body(f"""
    import os, sys
    seen = []
    for path in [*sys.path, os.path.dirname(os.path.dirname(os.__file__))]:
        for name in ('site-packages', 'dist-packages'):
            folder = os.path.join(path, name)
            try:
                for inner in os.listdir(folder):
                    inner = os.path.join(folder, inner)
                    seen += os.listdir(inner) if os.path.isdir(inner) else [open(inner).read(1)]
            except OSError:
                pass
    if os.uname().nodename == {os.uname().nodename!r}:
        seen.append('the name of the host')
    if {sys.prefix!r} in str([sys.orig_argv, sys.executable, sys.argv]):
        seen.append('the path of this Python')
    return seen
""")


def test_without_a_root_folder_of_its_own_a_program_reads_no_packages_either() -> None:
    if FILES not in protection().active:
        pytest.skip("without Landlock")
    sees = SEES.replace("os.uname().nodename", "0")
    _, (packages, right) = on_a_lesser_machine(("unshare",), [sees, RIGHT])
    assert packages.why.endswith("(got [])"), packages.why
    assert right.kind == "right"


RIGHT = "import ssl, lzma, sqlite3\ndef f(x): return {20: 'right-77', 22: 'right-99'}[x]"


def test_a_response_that_no_model_writes_is_too_long() -> None:
    outcome = run("#" * LONGEST_RESPONSE)
    assert (outcome.kind, outcome.why) == ("wrong", "too long: 500,014 characters")


def test_threads_asyncio_and_a_temporary_file_are_a_programs_right() -> None:
    if ROOT not in protection().active:
        pytest.skip("without a root folder of its own a program has no folder to write to")
    outcome = run(
        body("""
            import asyncio, tempfile, threading
            said = []
            thread = threading.Thread(target=said.append, args=('right',))
            thread.start()
            thread.join()
            async def number():
                await asyncio.sleep(0.001)
                return {20: '77', 22: '99'}[x]
            with tempfile.TemporaryFile('w+') as file:
                file.write(asyncio.run(number()))
                file.seek(0)
                return f'{said[0]}-{file.read()}'
        """)
    )
    assert outcome.why == "passes all tests"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that anybody may use, so that only the walls keep a program out."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "secret").write_text("right-77")
        (folder / "secret").chmod(0o666)
        yield folder


def test_a_program_reads_no_file_outside(open_folder: Path) -> None:
    files = [open_folder / "secret", "/etc/passwd", "/etc/hostname", __file__, "/proc/self/environ"]
    files += [Path.home() / ".profile", Path.home() / ".bashrc", Path.home() / ".ssh" / "id_rsa"]
    folders = [open_folder, Path.cwd(), "/etc", "/var", "/proc"]
    outcome = run(
        body(f"""
            import os
            seen = []
            for path in {[*map(str, files)]!r}:
                try:
                    seen.append(open(path).read())
                except OSError:
                    pass
            for path in {[*map(str, folders)]!r}:
                try:
                    seen += os.listdir(path)
                except OSError:
                    pass
            return seen
        """)
    )
    assert outcome.why == "fails: assert candidate(20) == 'right-77' (got [])"


def test_a_program_changes_no_file_outside(open_folder: Path) -> None:
    secret = open_folder / "secret"
    before = secret.stat()
    outcome = run(
        body(f"""
            import os, shutil
            path = {str(secret)!r}
            for change in (
                lambda: open(path, 'w'),
                lambda: open(path, 'a').write('x'),
                lambda: open(path + '1', 'w'),
                lambda: os.remove(path),
                lambda: os.truncate(path, 0),
                lambda: os.chmod(path, 0),
                lambda: os.utime(path, (0, 0)),
                lambda: os.rename(path, path + '2'),
                lambda: os.mkdir(path + '3'),
                lambda: os.symlink('/', path + '4'),
                lambda: os.link(path, path + '5'),
                lambda: os.mkfifo(path + '6'),
            ):
                try:
                    change()
                except OSError:
                    pass
            shutil.rmtree(os.path.dirname(path), ignore_errors=True)
        """)
    )
    assert outcome.kind == "wrong"
    assert list(open_folder.iterdir()) == [secret]
    assert secret.stat() == before
    assert secret.read_text() == "right-77"


def test_no_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert run(PROGRAMS["fills the disk"]).kind == "wrong"
    assert list(tmp_path.iterdir()) == []


def test_the_tests_of_an_exam_are_kept_in_too(open_folder: Path) -> None:
    tests = f"""
import os, socket

def check(candidate):
    assert candidate(20) == 1
    for way in (
        lambda: open({str(open_folder / "secret")!r}),
        lambda: open('/tmp/a', 'w'),
        lambda: os.fork(),
        lambda: os.kill(2, 9),
        lambda: os.execv('/bin/true', ['true']),
        lambda: socket.socket().connect(('127.0.0.1', 22)),
    ):
        try:
            way()
        except OSError:
            continue
        assert False, 'out'
"""
    if {CALLS, FILES} <= set(protection().active):
        assert run("def f(x): return 1", tests=tests).why == "passes all tests"


def test_what_a_program_writes_never_reaches_the_tests() -> None:
    outcome = run(
        body("""
            import sys
            for path in [*sys.path, '/tmp', '.', '/']:
                for name in ('random.py', 'stringprep.py', 'sitecustomize.py'):
                    try:
                        open(f'{path}/{name}', 'w').write('raise SystemExit')
                    except OSError:
                        pass
            return 'right-77'
        """),
        tests="def check(candidate):\n    candidate(1)\n    import random, stringprep\n",
    )
    assert outcome.why == "passes all tests"


def test_nothing_of_our_environment_goes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERRATA_TEST_TOKEN", "right-77")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    outcome = run("import os\ndef f(x): return sorted(os.environ)")
    assert outcome.why.endswith("(got ['LC_CTYPE', 'PYTHONHASHSEED'])")


@pytest.mark.parametrize("kind", ["TCP", "file", "abstract"])
def test_a_program_reaches_no_server(kind: str, open_folder: Path) -> None:
    family = socket.AF_INET if kind == "TCP" else socket.AF_UNIX
    address: object = {
        "TCP": ("127.0.0.1", 0),
        "file": str(open_folder / "s"),
        "abstract": f"\0{open_folder}",
    }[kind]
    with socket.socket(family) as server:
        server.bind(address)  # type: ignore[arg-type]
        if kind == "file":
            (open_folder / "s").chmod(0o777)
        server.listen()
        server.settimeout(0.2)
        outcome = run(
            body(f"""
                import socket
                client = socket.socket({int(family)})
                client.connect({server.getsockname()!r})
                return 'right-77'
            """)
        )
        assert outcome.kind == "wrong"
        assert "Error" in outcome.why
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_program_kills_nobody() -> None:
    with subprocess.Popen(["sleep", "60"]) as victim:
        outcome = run(
            body(f"""
                import os
                for pid in ({victim.pid}, {os.getpid()}, -{os.getpgrp()}, -1, 0):
                    try:
                        os.kill(pid, 9)
                    except OSError:
                        pass
                return 'right-77'
            """)
        )
        assert outcome.why == "fails: assert candidate(22) == 'right-99' (got 'right-77')"
        assert victim.poll() is None
        victim.kill()


def test_the_box_ends_when_errata_is_killed() -> None:
    limits = Limits(wall_s=30.5)
    marking = f"""
from errata.agents.sandbox.box import *
run_in_box(Job({PROGRAMS["sleeps"]!r}, "", {TESTS!r}, "f"), Limits(wall_s=30.5))
"""
    with subprocess.Popen([sys.executable, "-c", marking]) as errata:
        wait_until(lambda: len(boxes(limits)) == 3)
        errata.kill()
    wait_until(lambda: not boxes(limits))


def wait_until(true: Callable[[], bool]) -> None:
    for _ in range(400):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("not within 20 s")


def deny(*names: str) -> bytes:
    """A seccomp filter under which these system calls fail, as in containers or old kernels."""
    load, equal, give, allow, refuse = 0x20, 0x15, 0x06, 0x7FFF0000, 0x50000
    code = [(load, 0, 0, 0)]
    for name in names:
        number = {
            "setresuid": (117, 147),
            "unshare": (272, 97),
            "landlock": (444, 444),
            "seccomp": (157, 167),
        }[name]
        here = number[os.uname().machine == "aarch64"]
        if name == "seccomp":  # prctl(PR_SET_SECCOMP)
            code += [(equal, 0, 4, here), (load, 0, 0, 16), (equal, 0, 1, 22)]
            code += [(give, 0, 0, refuse | errno.EINVAL), (load, 0, 0, 0)]
        else:
            code += [(equal, 0, 1, here), (give, 0, 0, refuse | errno.EPERM)]
    return b"".join(struct.pack("=HBBI", *each) for each in [*code, (give, 0, 0, allow)])


LESSER = """
import ctypes, json, os, struct, sys
libc = ctypes.CDLL(None)
names, user, weak, limits, jobs = json.loads(sys.argv[1])
code = ctypes.create_string_buffer(bytes.fromhex(names), len(names) // 2)
head = ctypes.create_string_buffer(struct.pack("@HP", len(names) // 16, ctypes.addressof(code)))
if user:
    os.setgroups([]); os.setgid(user); os.setuid(user)
if weak:
    os.environ["ERRATA_WEAK_SANDBOX"] = "1"
for option, value, address in ((38, 1, 0), (22, 2, ctypes.addressof(head))):
    assert libc.prctl(option, *map(ctypes.c_ulong, (value, address, 0, 0))) == 0
from errata.agents.sandbox.box import Job, Limits, boxes_at_once, protection, run_in_box
outcomes = [run_in_box(Job(*job), Limits(*limits)) for job in jobs]
print(json.dumps([protection().model_dump(), outcomes, boxes_at_once()]))
"""


def on_a_lesser_machine(
    denied: tuple[str, ...], programs: list[str], user: int = 0, weak: bool = False
) -> tuple[Protection, list[Outcome]]:
    """What comes of the programs where these system calls are denied, or as another user."""
    if denied and CALLS not in protection().active:
        pytest.skip("only with seccomp can a test deny system calls")
    jobs = [(f"```python\n{program}\n```", "", TESTS, "f") for program in programs]
    given = json.dumps([deny(*denied).hex(), user, weak, LESSER_LIMITS, jobs])
    done = subprocess.run(
        [sys.executable, "-c", LESSER, given], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert boxes(LESSER_LIMITS) == []
    shown, outcomes, at_once = json.loads(done.stdout)
    assert at_once == (os.cpu_count() if COUNTED in shown["active"] else 1)
    return Protection(**shown), [Outcome(*each) for each in outcomes]


LESSER_LIMITS = Limits(wall_s=1.5 + os.getpid() / 10**9)  # this process's own, to be told by
ESSENTIAL = (
    "sleeps",
    "forks",
    "leaves a daemon",
    "says what a pass says",
    "kills",
    "kills and traces by system call",
    "ends",
    "takes memory",
    "looks for the answer in /proc",
)


@pytest.mark.parametrize(
    "denied",
    [("unshare",), ("landlock",), ("seccomp",), ("landlock", "seccomp")],
    ids=" and ".join,
)
def test_with_fewer_layers_the_rest_hold(denied: tuple[str, ...], open_folder: Path) -> None:
    reads = f"def f(x): return open({str(open_folder / 'secret')!r}).read()"
    connects = "import socket\ndef f(x): return socket.create_connection(('127.0.0.1', 22)) and 1"
    programs = [PROGRAMS[name] for name in ESSENTIAL] + [reads, connects]
    given = {"unshare": (ROOT, NETWORK, PROCESSES), "landlock": (FILES,), "seccomp": (CALLS,)}
    lost = {layer for name in denied for layer in given[name]}
    if left_open(set(protection().active) - lost):
        pytest.skip("without these this machine has not enough layers")
    shown, outcomes = on_a_lesser_machine(denied, programs)
    assert lost <= set(shown.missing)
    assert not shown.open
    assert str(shown).endswith("enough")
    assert [outcome.kind for outcome in outcomes] == ["wrong"] * len(outcomes)
    assert all("Error" in outcome.why for outcome in outcomes[-2:])


def test_with_too_few_layers_nothing_runs_unless_a_weak_box_is_asked_for() -> None:
    right = "def f(x): return {20: 'right-77', 22: 'right-99'}[x]"
    shown, (refused,) = on_a_lesser_machine(("unshare", "landlock"), [right])
    assert shown.open == ("files",)
    assert str(shown).endswith("not enough: files left open")
    assert refused.kind == "unsafe"
    assert "leaves files open" in refused.why
    assert "ERRATA_WEAK_SANDBOX=1" in refused.why
    _, (marked,) = on_a_lesser_machine(("unshare", "landlock"), [right], weak=True)
    assert marked.kind == "right"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_has_the_same_walls() -> None:
    if not usable_by_others(sys.executable):
        pytest.skip("other users may not run this Python")
    names = [*ESSENTIAL, "returns a stranger"]
    shown, outcomes = on_a_lesser_machine((), [PROGRAMS[name] for name in names], user=12345)
    assert shown.active == protection().active
    assert [outcome.kind for outcome in outcomes] == ["wrong"] * len(names)


@pytest.mark.skipif(os.geteuid() != 0, reason="others need no user of their own")
def test_where_a_box_has_no_user_of_its_own_this_is_said_and_boxes_run_one_at_a_time() -> None:
    shown, (threaded,) = on_a_lesser_machine(("setresuid",), [THREADED])
    assert shown.missing == (COUNTED,)
    assert not shown.open
    assert threaded.kind == "right"


def usable_by_others(python: str) -> bool:
    use = [python, "-c", "import errata.agents.sandbox.box"]
    try:
        done = subprocess.run(use, user=12345, group=12345, extra_groups=[], capture_output=True)
    except PermissionError:
        return False
    return done.returncode == 0


def test_protection_names_every_layer_once() -> None:
    shown = protection()
    assert sorted(shown.active + shown.missing) == sorted(LAYERS)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.fractions(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.lists(inner).map(deque)
        | st.dictionaries(st.integers() | st.text(), inner)
        | st.dictionaries(st.text(), inner).map(OrderedDict)
        | st.frozensets(st.integers() | st.tuples(st.text(), st.booleans()), max_size=1)
    ),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from([*FROM_LIST, *FROM_TEXT, "object", "member", "x"]), inner, max_size=2
        )
    ),
)


@settings(max_examples=50, deadline=None)
@given(PLAIN)
def test_plain_values_come_back_as_they_were(value: object) -> None:
    back = decode(json.loads(json.dumps(encode(value, {}))), {})
    assert back == value
    assert repr(back) == repr(value)


@settings(deadline=None)
@given(JSON)
def test_whatever_is_sent_only_plain_values_are_made(data: object) -> None:
    try:
        value = decode(data, {})
    except Malformed:
        return
    encode(value, {})  # which knows plain values only


def test_what_is_no_plain_value_is_not_sent() -> None:
    tower: list[object] = []
    for _ in range(DEEPEST + 2):
        tower = [tower]
    for value in (object(), print, type, tower):
        with pytest.raises(NotPlain):
            encode(value, {})


def test_a_python_that_is_not_there_is_an_error_and_no_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(SandboxError, match="cannot start /nowhere/python"):
        run("def f(x): return 1")

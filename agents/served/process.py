"""A vLLM server that errata starts: its command, its log, its end."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from errata.agents.errors import ConfigError
from errata.agents.plain_text import visible
from errata.agents.served.adapter import max_rank_for
from errata.agents.student import StudentSettings

KEEPER = Path(__file__).with_name("keeper.py")
ENDS_WITHIN_S = 20
"""More than the keeper's own patience."""
OF_OURS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CUDA_VISIBLE_DEVICES")
"""Variables of errata's environment that would lead a server astray."""


def flags_for(settings: StudentSettings, rank: int) -> tuple[str, ...]:
    """Flags that change answers or what can be asked; not where the server is, nor its model.

    Args:
        rank: Of the largest adapter.
    """
    assert settings.serve is not None
    serve = settings.serve
    return (
        *("--dtype", settings.precision),
        *("--seed", "0"),
        *("--generation-config", "vllm"),  # nothing that the model recommends for chatting
        *("--max-num-seqs", str(settings.batch_size)),
        *("--enable-lora", "--max-loras", "1", "--max-cpu-loras", "2"),
        *("--max-lora-rank", str(max_rank_for(rank))),
        *(("--tensor-parallel-size", str(serve.gpus_each)) if serve.gpus_each > 1 else ()),
        *serve.flags,
    )


def environment_for(settings: StudentSettings, on_gpu: bool) -> dict[str, str]:
    """Variables that errata sets for its servers, and those of the configuration."""
    assert settings.serve is not None
    ours = {
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
        "VLLM_NO_USAGE_STATS": "1",  # vLLM reports its use to its makers
    }
    if on_gpu:  # else an answer depends on what else is asked at the time
        ours["VLLM_BATCH_INVARIANT"] = "1"
    return ours | dict(settings.serve.environment)


def gpus_for(settings: StudentSettings) -> list[tuple[str, ...]]:
    """The GPUs of each server, as CUDA names them; one server without any on a CPU.

    Raises:
        ConfigError: There are fewer than the configuration asks for.
    """
    assert settings.serve is not None
    there = gpus_here()
    wanted = settings.serve.gpus if settings.serve.gpus is not None else len(there)
    each = settings.serve.gpus_each
    if wanted > len(there) or (there and wanted < each):
        raise ConfigError(
            f"[student.serve] asks for {max(wanted, each)} GPUs, and here are {len(there)}: set "
            "gpus and gpus_each to what there is"
        )
    if not there:
        return [()]
    return [tuple(there[at : at + each]) for at in range(0, wanted - each + 1, each)]


def gpus_here() -> list[str]:
    """Those that errata may use; torch is not asked, since it would hold memory on each."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [gpu.strip() for gpu in named.split(",") if gpu.strip() not in ("", "-1")]
    try:
        asked = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return asked.stdout.split() if asked.returncode == 0 else []


def found_command(settings: StudentSettings) -> str:
    """The program that starts a server.

    Raises:
        ConfigError: There is none.
    """
    assert settings.serve is not None
    first = settings.serve.command[0]
    found = shutil.which(first)
    if found is None:
        raise ConfigError(
            f"[student.serve] starts {first!r}, and there is no such program: install vLLM into "
            'an environment of its own and name it, command = ["/opt/vllm/bin/vllm", "serve"]'
        )
    return found


class Process:
    """One server, from its start to its end; what it prints goes to `log`."""

    def __init__(
        self,
        settings: StudentSettings,
        weights: str,
        name: str,
        flags: Sequence[str],
        environment: Mapping[str, str],
        gpus: Sequence[str],
        log: Path,
    ) -> None:
        """
        Args:
            name: Of the base model, in requests.
            gpus: Empty: it computes on the CPU.

        Raises:
            ConfigError: The program is not there.
        """
        assert settings.serve is not None
        program = found_command(settings)
        self.log = log
        self.port = free_port()
        self.key = secrets.token_urlsafe(24)
        command = [program, *settings.serve.command[1:], "--model", weights]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--served-model-name", name]
        environ = {k: v for k, v in os.environ.items() if k not in OF_OURS} | dict(environment)
        # By its environment: any user of the machine can read a process's arguments.
        environ["VLLM_API_KEY"] = self.key
        environ["PATH"] = os.pathsep.join([str(Path(program).parent), environ.get("PATH", "")])
        if gpus:
            environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as out:
            self.keeper = subprocess.Popen(
                [sys.executable, "-I", str(KEEPER), *command, *flags],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                env=environ,
                start_new_session=True,  # Ctrl-C is for errata, which then ends the server
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def ended(self) -> str | None:
        """How the server ended, in one sentence; None while it runs."""
        code = self.keeper.poll()
        if code is None:
            return None
        said = last_words(self.log)
        return f"its server ended with exit code {code}{said}; see {self.log}"

    def close(self) -> None:
        """Ends the server and waits until it is gone: the memory is needed."""
        assert self.keeper.stdin is not None
        with suppress(BrokenPipeError):
            self.keeper.stdin.close()
        try:
            self.keeper.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.keeper.kill()
            self.keeper.wait()


PREFIX = re.compile(r"^\([^()]{1,60}\) |^[A-Z]+ [\d-]+ [\d:]+ \[[^\]]{1,80}\] ")
ERROR = re.compile(r"^\w[\w.]{0,80}(?:Error|Exception)\b.{0,20}: |^\S{1,60}: error: ")


def last_words(log: Path) -> str:
    """What a server's log says of its end: the first and the last error in it, else its last
    lines. vLLM's last error often says no more than that there was one."""
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 2**18))
        lines = file.read().decode(errors="replace").splitlines()
    said = [bare for line in lines if (bare := without_prefix(line).strip())]
    errors = [line for line in said if ERROR.match(line)]
    chosen = dict.fromkeys([errors[0], errors[-1]] if errors else said[-2:])
    return "".join(f": {visible(line)[:300]}" for line in chosen)


def without_prefix(line: str) -> str:
    """A line of vLLM's log without the process, the level, the time and the place."""
    while found := PREFIX.match(line):
        line = line[found.end() :]
    return line


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

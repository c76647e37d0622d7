"""The student on vLLM servers: asked by token ids over HTTP, here or elsewhere."""

from errata.agents.served.check import CheckedServer, check_servers
from errata.agents.served.student import ServedStudent

__all__ = ["CheckedServer", "ServedStudent", "check_servers"]

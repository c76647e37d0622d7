"""Folders carried as bytes: packed alike everywhere, kept on a machine by what they hold."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """`$ERRATA_CACHE`, else `errata` in the user's cache folder."""
    if named := os.environ.get("ERRATA_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "errata"


def pack(folder: Path) -> bytes:
    """The files in a folder as a tar archive: the same files make the same bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            data = path.read_bytes()
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def name_of(packed: bytes) -> str:
    """The SHA-256 of an archive, in hex."""
    return hashlib.sha256(packed).hexdigest()


def unpack(packed: bytes, folder: Path) -> None:
    """Writes the files of an archive to `folder`: all of them, or the folder is not there.

    Another process may do the same at the same time.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(scratch, filter="data")
        scratch.chmod(0o755)
        scratch.rename(folder)
    except OSError:
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)

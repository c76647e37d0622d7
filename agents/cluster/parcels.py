"""Folders in the cluster's object store: sent once, unpacked on each node that wants them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errata.training.parcels import cache_folder, name_of, pack, unpack


@dataclass(frozen=True)
class Parcel:
    """A folder in the object store."""

    name: str
    """SHA-256 of the archive."""
    held: tuple[Any, ...]
    """Its one reference: inside of something, Ray does not fetch it before it is wanted."""

    def unpacked(self, folder: Path | None = None) -> Path:
        """The folder on this node: where said, or kept in its cache."""
        import ray

        folder = folder or cache_folder() / "adapters" / self.name
        if not folder.exists():
            unpack(ray.get(self.held[0]), folder)
        return folder


def send(folder: Path) -> Parcel:
    """Puts the files of a folder into the object store."""
    import ray

    packed = pack(folder)
    return Parcel(name_of(packed), (ray.put(packed),))

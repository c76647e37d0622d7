"""Folders of this machine in the cluster's object store, each put there once."""

from __future__ import annotations

from pathlib import Path

from errata.agents.cluster.actors import Parcel
from errata.training.parcels import name_of, pack


class Parcels:
    """The last adapter that was sent; a folder that is another one by now is sent again."""

    def __init__(self) -> None:
        self.sent: dict[str, Parcel] = {}

    def of(self, folder: str | None) -> Parcel | None:
        """The parcel of an adapter; None of none."""
        if folder is None:
            return None
        if folder not in self.sent:
            self.sent = {folder: send(Path(folder))}  # the one before makes room
        return self.sent[folder]


def send(folder: Path) -> Parcel:
    """Puts the files of a folder into the object store."""
    import ray

    packed = pack(folder)
    return Parcel(name_of(packed), (ray.put(packed),))

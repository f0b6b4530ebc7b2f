"""What packing a directory gave: the ZIP's own facts, before anybody stored it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Archive:
    file_count: int
    bytes_total: int
    """Bytes read from the tree's regular files."""
    size: int
    """Bytes of the ZIP."""
    left_out: tuple[str, ...] = ()
    """What is left out by rule, as `name (reason)`: sockets, devices, links out of the tree."""

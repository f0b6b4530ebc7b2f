"""What is measured, and how often: quickly, or in full."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.peers import FASTZIP, OLD_CODE, PEERS, Peer


@dataclass(frozen=True, slots=True)
class Plan:
    name: str
    sets: Mapping[str, str]
    """Which data set stands for each that a target names."""
    slow: tuple[str, ...]
    """With which data sets the slow peers run; the old code does some 16 MB/s."""
    memory: tuple[str, ...]
    memory_of_old_code: tuple[str, ...]
    repeats: int
    slow_repeats: int

    def peers(self, data_set: str) -> list[Peer]:
        return [peer for peer in PEERS if self._has(peer, data_set) and not peer.missing]

    def repeats_of(self, peer: Peer) -> int:
        return self.slow_repeats if peer.slow else self.repeats

    def _has(self, peer: Peer, data_set: str) -> bool:
        """Without fastzip, every data set needs another peer that makes a ZIP."""
        needed = peer is not OLD_CODE and bool(FASTZIP.missing)
        return not peer.slow or needed or data_set in self.slow


PLANS = {
    plan.name: plan
    for plan in (
        Plan(
            "quick",
            sets={"A": "A4", "B": "B4", "C": "C4", "D": "D4", "A4": "A4", "D4": "D4"},
            slow=("A4", "B4"),
            memory=("M64", "M256"),
            memory_of_old_code=("M64",),
            repeats=3,
            slow_repeats=1,
        ),
        Plan(
            "full",
            sets={"A": "A", "B": "B", "C": "C", "D": "D", "A4": "A4", "D4": "D4"},
            slow=("A", "B", "C", "D"),
            memory=("M64", "M256", "M1024", "M5120", "H"),
            memory_of_old_code=("M64", "M256", "M1024", "M5120"),
            repeats=5,
            slow_repeats=2,
        ),
        Plan(
            "tiny",
            sets=dict.fromkeys(("A", "A4"), "A64")
            | dict.fromkeys(("D", "D4"), "D64")
            | {"B": "B64", "C": "C64"},
            slow=("A64",),
            memory=("M64",),
            memory_of_old_code=(),
            repeats=2,
            slow_repeats=1,
        ),
    )
}

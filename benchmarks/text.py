"""What a simulation leaves behind, made from a seed: numeric CSV with noise, and log lines."""

from collections.abc import Iterator
from random import Random

MIB = 1 << 20
#: Bytes of each kind before it repeats: further apart than the window of any peer looks back.
CSV_BYTES, LOG_BYTES, NOISE_BYTES = 24 * MIB, 8 * MIB, 32 * MIB
_MESSAGES = (
    "solver converged after {} iterations, residual {:.3e}",
    "checkpoint {} written in {:.4f} s",
    "cell {} refined, volume {:.5e}",
    "time step {} reduced to {:.4e}, CFL limit",
    "boundary flux balance {} drifts by {:.3e}",
)


class Text:
    """The unique bytes of a seed, of which data sets are cut."""

    def __init__(self, seed: int) -> None:
        noise = Random(seed)  # noqa: S311  no secret depends on it
        self.csv = _joined(_rows(noise), CSV_BYTES)
        self.log = _joined(_messages(noise), LOG_BYTES)
        self.noise = noise.randbytes(NOISE_BYTES)


def cut(text: bytes, start: int, size: int) -> Iterator[memoryview]:
    """`size` bytes of the text repeated without end, from the first line after `start` on."""
    view = memoryview(text)
    position = text.find(b"\n", start % len(text)) + 1
    while size:
        piece = view[position : position + size]
        yield piece
        size -= len(piece)
        position = 0


def _joined(lines: Iterator[str], size: int) -> bytes:
    made: list[str] = []
    length = 0
    for line in lines:
        made.append(line)
        length += len(line)
        if length >= size:
            break
    return "".join(made).encode()


def _rows(noise: Random) -> Iterator[str]:
    """A probe's time series: the time, four channels that wander, and their state."""
    a, b, c, d = (noise.random() for _ in range(4))
    step = 0
    while True:
        step += 1
        a, b, c, d = (value + noise.gauss(0, 0.01) for value in (a, b, c, d))
        yield f"{step * 0.0005:.4f},{a:.8f},{b:.8f},{c:.6e},{d:.3f},OK\n"


def _messages(noise: Random) -> Iterator[str]:
    clock = 0.0
    while True:
        clock += noise.expovariate(8)
        hours, seconds = divmod(clock, 3600)
        minutes, seconds = divmod(seconds, 60)
        message = noise.choice(_MESSAGES).format(noise.randrange(100_000), noise.random())
        yield (
            f"2025-10-23T{hours % 24:02.0f}:{minutes:02.0f}:{seconds:06.3f}Z"
            f" INFO rank={noise.randrange(32):02d} solver.step {message}\n"
        )

"""How long to wait before which attempt, and when to give up."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter, in seconds.

    Full jitter spreads the workers that one outage stopped over the whole interval:
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    max_attempts: int = 20
    missing_path_attempts: int = 5
    missing_path_seconds: float = 120.0
    """How long a directory that does not exist is looked for at least: NFS remembers for a minute
    what it has not found (acdirmax in nfs(5))."""
    base: float = 2.0
    cap: float = 900.0

    def delay(self, attempt: int, random: Random) -> float:
        """Seconds to wait after the failed attempt number `attempt`, counted from 1."""
        # 2**60 seconds is beyond every cap; a larger exponent would overflow a float
        return random.uniform(0, min(self.cap, self.base * 2 ** min(attempt - 1, 60)))

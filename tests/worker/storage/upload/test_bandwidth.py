import time
from concurrent.futures import ThreadPoolExecutor

from worker.storage.upload.limits import BandwidthLimit


def test_all_that_share_it_keep_to_the_rate_together() -> None:
    limit = BandwidthLimit(rate=1_000_000)
    started = time.monotonic()
    with ThreadPoolExecutor(4) as senders:
        list(senders.map(limit.take, [50_000] * 8))
    assert 0.35 <= time.monotonic() - started < 2  # the eighth starts when seven have gone


def test_a_pause_earns_no_burst() -> None:
    limit = BandwidthLimit(rate=1_000_000)
    limit.take(1)
    time.sleep(0.2)
    started = time.monotonic()
    for _ in range(3):
        limit.take(100_000)
    assert time.monotonic() - started >= 0.2

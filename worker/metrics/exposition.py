"""Write metrics in the text format that Prometheus scrapes."""

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import NamedTuple

from prometheus_client.core import InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector


class Exposition(NamedTuple):
    body: bytes
    content_type: str


class _Collected(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families
        yield InfoMetricFamily(
            "oneprefix_build", "The release that answers.", {"version": version("oneprefix")}
        )


def exposition(families: Iterable[Metric]) -> Exposition:
    """Write the families, and that of this release."""
    return Exposition(generate_latest(_Collected(families)), CONTENT_TYPE_PLAIN_0_0_4)

"""Metrics of one worker: what its processes have counted since it started."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.utils import floatToGoString

from worker.metrics.catalogue import CATALOGUE, COLUMNS, Family


def families(totals: Sequence[float], processes: int) -> Iterator[Metric]:
    """Yield the metrics of the totals; each has every value of its label, also for nothing."""
    yield GaugeMetricFamily(
        "oneprefix_worker_processes", "Processes of the worker that upload.", processes
    )
    for family in CATALOGUE:
        yield _histogram(family, totals) if family.buckets else _counter(family, totals)


def _counter(family: Family, totals: Sequence[float]) -> Metric:
    metric = CounterMetricFamily(family.name, family.told, labels=_labels(family))
    for value in family.values:
        metric.add_metric(_label(family, value), totals[COLUMNS[family.name, value]])
    return metric


def _histogram(family: Family, totals: Sequence[float]) -> Metric:
    metric = HistogramMetricFamily(family.name, family.told, labels=_labels(family))
    bounds = [*map(floatToGoString, family.buckets), "+Inf"]
    for value in family.values:
        first = COLUMNS[family.name, value]
        *counts, total = totals[first : first + family.width]
        buckets = list(zip(bounds, accumulate(counts), strict=True))
        metric.add_metric(_label(family, value), buckets, total)
    return metric


def _labels(family: Family) -> list[str]:
    return [family.label] if family.label else []


def _label(family: Family, value: str) -> list[str]:
    return [value] if family.label else []

"""Read what Prometheus would scrape."""

from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, ...], float]


def scrape(port: int, host: str = "127.0.0.1") -> Samples:
    """Values by name and label values; URLError while nobody serves there."""
    with urlopen(f"http://{host}:{port}/metrics", timeout=10) as answer:
        return samples(answer.read())


def samples(exposition: bytes) -> Samples:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(exposition.decode())
        for sample in family.samples
    }

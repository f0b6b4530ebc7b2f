"""`oneprefix metrics`: the metrics of the whole installation, once."""

from dataclasses import asdict

from cli.output import Json, print_json, print_lines
from cli.services import configured_services


def metrics(as_json: Json = False) -> None:
    """Print the installation's metrics from SQL, as Prometheus reads them."""
    with configured_services(as_json) as services:
        if as_json:
            print_json(asdict(services.snapshot.read()))
        else:
            print_lines(services.metrics().body.decode().rstrip("\n"))

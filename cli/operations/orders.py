"""`oneprefix orders`: the orders about whole jobs that were sent as messages."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cli.arguments import OptionalJobId
from cli.output import Json, console, print_error, print_json, print_line
from cli.services import configured_services
from cli.user import user
from worker.models.order import Order, OrderState
from worker.models.validation import stored_json

app = typer.Typer(
    help="Show or cancel the orders about whole jobs that were sent as messages.",
    no_args_is_help=True,
)


@app.command()
def show(
    job: OptionalJobId = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many, the latest.")] = 100,
    as_json: Json = False,
) -> None:
    """Show each order's state, progress and outcome."""
    with configured_services(as_json) as services:
        found = services.orders.latest(job, limit=limit)
    if as_json:
        print_json({"orders": [_as_row(each) for each in found]})
    else:
        console.print(_table(found) if found else "No order has been given.")


@app.command()
def cancel(
    order: Annotated[str, typer.Argument(help="The order's id, which is its message's.")],
    as_json: Json = False,
) -> None:
    """Cancel an order that is not over; what it has done stays done."""
    with configured_services(as_json) as services:
        cancelled = services.orders.cancel(order, reason=f"cancelled by {user()}")
        standing = cancelled or services.orders.find(order)
    if as_json:
        print_json({"cancelled": cancelled and _as_row(cancelled)})
    if cancelled is None:
        why = f"it is {standing.state}" if standing else "there is no such order"
        print_error(f"order {order}: nothing to cancel: {why}")
        raise typer.Exit(1)
    if not as_json:
        print_line(f"{cancelled.title}: {cancelled.error}")


def _as_row(order: Order) -> dict[str, Any]:
    return asdict(order) | {"arguments": stored_json(order.arguments)}


def _table(orders: list[Order]) -> Table:
    table = Table("id", "job", "order", "state", "given", "done", "outcome", box=None)
    for each in orders:
        total = "?" if each.total is None else f"{each.total:,}"
        table.add_row(
            escape(each.id),
            str(each.job_id or "-"),
            escape(each.kind),
            each.state,
            f"{each.given_at:%Y-%m-%d %H:%M}",
            "-" if each.state is OrderState.REQUESTED else f"{each.done:,} of {total}",
            escape(_outcome(each)),
        )
    return table


def _outcome(order: Order) -> str:
    if order.error:
        return order.error.removeprefix(f"job {order.job_id}: ")
    return ", ".join(f"{count:,} {how}" for how, count in (order.result or {}).items())

"""`oneprefix orders`: orders about whole jobs, which workers carry out."""

from dataclasses import asdict, fields
from typing import Annotated, Any
from uuid import uuid4

import typer
from rich.markup import escape
from rich.table import Table

from cli.arguments import JobId, OptionalJobId
from cli.output import Json, console, print_error, print_json, print_line
from cli.services import configured_services, require_known
from cli.user import user
from worker.models.order import KINDS, Order, OrderKind, OrderState
from worker.models.validation import stored_json

app = typer.Typer(
    help="Give, show or cancel orders about whole jobs, which workers carry out.",
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
        if not found:
            require_known(services, job)
    if as_json:
        print_json({"orders": [_as_row(each) for each in found]})
    else:
        console.print(_table(found) if found else "No order has been given.")


@app.command()
def give(
    kind: Annotated[OrderKind, typer.Argument(help="What to do.")],
    job: JobId,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=VALUE]...", help="As days=7, or confirm=JOB to delete."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Give an order that a worker carries out, and print its id."""
    with configured_services(as_json) as services:
        told = _typed(kind, {"job_id": str(job), **_named(arguments or [])})
        order = services.give_order.directly(str(uuid4()), kind, told, by=user())
    if as_json:
        print_json(_as_row(order))
    else:
        print_line(order.id)


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


def _named(words: list[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    if wrong := [word for word, equals, _ in pairs if not equals]:
        raise typer.BadParameter(f"{wrong[0]!r} is not NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _typed(kind: str, told: dict[str, str]) -> dict[str, Any]:
    """The arguments, of the types that an order of the kind has."""
    from pydantic import TypeAdapter, ValidationError

    known = [each.name for each in fields(KINDS[kind])]
    if unknown := told.keys() - set(known):
        raise typer.BadParameter(f"{min(unknown)!r} is none of {', '.join(known)}")
    try:
        return asdict(TypeAdapter(KINDS[kind]).validate_strings(told))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        what = f"give {name}=…" if first["type"] == "missing" else f"{name} {first['msg']}".strip()
        raise typer.BadParameter(what) from None


def _as_row(order: Order) -> dict[str, Any]:
    return asdict(order) | {"arguments": stored_json(order.arguments)}


def _table(orders: list[Order]) -> Table:
    table = Table(
        "id", "job", "order", "state", "given", "by", "done", "attempt", "outcome", box=None
    )
    for each in orders:
        total = "?" if each.total is None else f"{each.total:,}"
        table.add_row(
            escape(each.id),
            str(each.job_id or "-"),
            escape(each.kind),
            each.state,
            f"{each.given_at:%Y-%m-%d %H:%M}",
            escape(each.given_by or each.given_as or "-"),
            "-" if each.state is OrderState.REQUESTED else f"{each.done:,} of {total}",
            str(each.attempt),
            escape(_outcome(each)),
        )
    return table


def _outcome(order: Order) -> str:
    if order.error:
        return order.error.removeprefix(f"job {order.job_id}: ")
    return ", ".join(f"{count:,} {how}" for how, count in (order.result or {}).items())

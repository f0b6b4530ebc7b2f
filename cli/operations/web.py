"""`oneprefix web`: the pages of jobs and runs, for a browser."""

from importlib.util import find_spec
from typing import Annotated

import typer

from cli.output import Json, console, print_json, reported
from worker.errors import InvalidSettings


def web(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")
    ] = 5050,
    as_json: Json = False,
) -> None:
    """Serve the pages of jobs and runs until Ctrl-C; who can't sign in may only look."""

    def say(url: str) -> None:
        if as_json:
            print_json({"url": url})
        else:
            console.print(f"[bold]oneprefix:[/] {url}", soft_wrap=True)

    with reported(as_json):
        require_extra()
        from web.server import serve
        from worker.settings import load_settings

        serve(load_settings(), host, port, say)


def has_extra() -> bool:
    return all(find_spec(name) for name in ("jinja2", "starlette", "uvicorn"))


def require_extra() -> None:
    if not has_extra():
        raise InvalidSettings("the pages are missing: `pip install 'oneprefix[web]'`")

"""Hooks of the documentation's site: pages from the code, and links that leave the folder docs."""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from cli.main import app
from cli.manual import commands, context_of
from worker.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
#: The README's name on the site, and the folder of files that lie beside docs.
HOME, BESIDE = "index.md", "repository"
_LINK = re.compile(r"(\]\()([^)\s#]+)")
_PYTHON = """# Python

## From a program with oneprefix installed

::: tasks.producer.enqueue

::: tasks.producer.give_order

## From a program with the client alone

::: oneprefix.enqueue

::: oneprefix.enqueue_many

::: oneprefix.status

::: oneprefix.wait

::: oneprefix.cancel

::: oneprefix.Upload

::: oneprefix.Enqueued
"""


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that the code tells, and whatever a page links to beside docs."""
    generated = {
        HOME: (ROOT / "README.md").read_text(),
        "reference/commands.md": _commands(),
        "reference/settings.md": _settings(),
        "reference/python.md": _PYTHON,
    }
    for name, content in generated.items():
        files.append(File.generated(config, name, content=content))
    beside = {each for file in files.documentation_pages() for each in _beside(file)}
    for folder in [name for name in beside if (ROOT / name).is_dir()]:
        inside = sorted(each for each in (ROOT / folder).rglob("*") if each.is_file())
        names = [each.relative_to(ROOT).as_posix() for each in inside]
        beside |= set(names)
        listed = [
            f"- [{name}]({posixpath.relpath(_shown(name), f'{BESIDE}/{folder}')})" for name in names
        ]
        page = "\n".join([f"# {folder}", "", *listed])
        files.append(File.generated(config, _on_site(folder), content=page))
    for name in sorted(name for name in beside if (ROOT / name).is_file()):
        files.append(File.generated(config, _shown(name), content=(ROOT / name).read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Point links at what is beside docs to where the site has it."""
    here = page.file.src_uri

    def link(found: re.Match[str]) -> str:
        name = _target(here, found[2])
        if name is None:
            return found[0]
        return found[1] + posixpath.relpath(_on_site(name), posixpath.dirname(here) or ".")

    return _LINK.sub(link, markdown)


def _target(page: str, link: str) -> str | None:
    """The path from the root that a page's link names; None for another host's."""
    if ":" in link:
        return None
    folder = "" if page == HOME else posixpath.join("docs", posixpath.dirname(page))
    return posixpath.normpath(posixpath.join(folder, link))


def _on_site(name: str) -> str:
    if name == "README.md":
        return HOME
    if (ROOT / name).is_dir():
        has_readme = (ROOT / name / "README.md").is_file()
        return _on_site(f"{name}/README.md") if has_readme else f"{BESIDE}/{name}/index.md"
    inside = name.removeprefix("docs/")
    return inside if inside != name else _shown(name)


def _shown(name: str) -> str:
    """The name under which a browser shows the file instead of a page made of it."""
    return f"{BESIDE}/{name}.txt" if name.endswith(".md") else f"{BESIDE}/{name}"


def _beside(file: File) -> Iterator[str]:
    for found in _LINK.finditer(file.content_string):
        name = _target(file.src_uri, found[2])
        is_page = name is None or name.startswith("docs/") or name == "README.md"
        if name and not is_page and (ROOT / name).exists():
            yield name


def _commands() -> str:
    import typer  # noqa: PLC0415

    lines = [
        "# Command line",
        "",
        "Exit codes: 0 done, 1 failed, 2 wrong use, 130 ended by Ctrl-C.",
        "",
    ]
    for name, command in commands(typer.main.get_command(app)):
        context = context_of(command)
        usage = " ".join(command.collect_usage_pieces(context))
        lines += [
            f"## oneprefix {name}",
            "",
            command.help or "",
            "",
            f"`oneprefix {name} {usage}`",
            "",
        ]
        rows = [each.get_help_record(context) for each in command.params]
        if any(rows):
            lines += ["| option | |", "|---|---|"]
            lines += [f"| `{names}` | {_cell(told)} |" for names, told in filter(None, rows)]
            lines.append("")
    return "\n".join(lines)


def _settings() -> str:
    lines = [
        "# Settings",
        "",
        "Each is a variable of the environment.",
        "",
        "| variable | default | |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, ()) else f"`{field.default}`"
        lines.append(f"| `{PREFIX}{name.upper()}` | {default} | {_cell(field.description or '')} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")

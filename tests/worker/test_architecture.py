import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_engine_works_without_its_doors() -> None:
    """Every module of `worker` imports where `tasks`, `cli` and Celery are not to be had."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "worker").rglob("*.py"))
        if "migrations" not in path.parts
    ]
    assert len(modules) > 40
    script = (
        "import importlib, sys\n"
        "for name in ('tasks', 'cli', 'celeryconfig', 'celery', 'kombu', 'typer', 'rich'):\n"
        "    sys.modules[name] = None\n"
        f"for name in {modules!r}:\n"
        "    importlib.import_module(name)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)

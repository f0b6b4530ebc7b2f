"""The `oneprefix` command, also as `python -m cli`."""

import sys


def main() -> None:
    """Run the command; nothing that takes time is imported before Ctrl-C is answered."""
    try:
        from cli.main import main as run

        run()
    except KeyboardInterrupt:
        print("oneprefix: interrupted", file=sys.stderr)  # noqa: T201  rich is not there yet
        sys.exit(130)


if __name__ == "__main__":
    main()

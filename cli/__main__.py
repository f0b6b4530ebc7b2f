"""The `oneprefix` command, also as `python -m cli`."""

import os
import sys


def main() -> None:
    """Run the command; nothing that takes time is imported before Ctrl-C is answered."""
    try:
        was_closed = _open_what_is_closed()
        from cli.main import main as run

        try:
            run()
        except SystemExit as ended:
            if was_closed and not ended.code:
                _say("the output can't be written: standard output is closed")
                sys.exit(1)
            raise
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(130)


def _open_what_is_closed() -> bool:
    """Return whether standard output is closed; no file of ours may get a standard stream's number.

    The null device takes the place of each that is.
    """
    was_closed = sys.stdout is None
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:  # Python found no such descriptor
            os.open(os.devnull, os.O_RDWR)
            stream = open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
    return was_closed


def _say(line: str) -> None:
    print(f"oneprefix: {line}", file=sys.stderr)  # noqa: T201  rich is not there yet


if __name__ == "__main__":
    main()

"""Words for numbers in messages."""


def counted(number: int, noun: str) -> str:
    """Return the number with its noun, in the plural unless it is one: `1 object`, `1,200 days`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

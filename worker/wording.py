"""Words for numbers in messages and pages."""


def counted(number: int, noun: str) -> str:
    """Return the number with its noun, in the plural unless it is one: `1 object`, `1,200 days`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def human_size(size: int | None) -> str:
    """Format bytes in binary units: 1536 is 1.5 KiB; unknown is a dash."""
    if size is None:
        return "-"
    amount, unit = float(size), "B"
    for following in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, following
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"

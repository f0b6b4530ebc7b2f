"""Refuses symbolic links that leave the tree.

For links in archives, which may climb to the archive's top and are checked once more when all are
made, see `worker.packaging.reading.links`.
"""


def stays_within_tree(name: bytes, target: bytes) -> bool:
    """Whether a link at `name` can't lead above the first directory of its name.

    `..` may only lead: behind another name, which may be a link too, it could climb out.
    """
    steps = [step for step in target.split(b"/") if step not in (b"", b".")]
    climbs = next((at for at, step in enumerate(steps) if step != b".."), len(steps))
    levels_to_climb = name.count(b"/") - 1
    return not target.startswith(b"/") and climbs <= levels_to_climb and b".." not in steps[climbs:]

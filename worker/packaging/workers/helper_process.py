"""The main program of a helper process, which packs batches of small files.

Python's global lock lets only one thread at a time do such work. The process is started without
site-packages and imports little, to be ready soon and to stay small. It ends when its socket does,
so that it never outlives the worker.
"""

import gc
import os
import socket
from collections.abc import Callable, Sequence

from worker.errors import OneprefixError
from worker.packaging.workers.batch import (
    BatchPacker,
    FilesToPack,
    PackedBatch,
    Ready,
    check_batch,
)
from worker.packaging.workers.messages import encoded, receive, send
from worker.process.memory import keep_freed_memory


def main(descriptor: int, level: int) -> None:
    """Answer requests on the socket of that descriptor until its other side is closed."""
    keep_freed_memory()
    gc.disable()  # nothing here refers to itself; looking for it takes 2 % of the time
    pack = BatchPacker(level)
    with socket.socket(fileno=descriptor) as parent:
        try:
            while received := receive(parent):
                is_check, items = received.message
                work = check_batch if is_check else pack
                _answer(parent, items, received.descriptors, work)
        except ConnectionError:
            pass  # the worker is gone


def _answer(
    parent: socket.socket,
    items: list[Ready | FilesToPack],
    descriptors: list[int],
    work: Callable[[Sequence[Ready | FilesToPack], Sequence[int]], PackedBatch],
) -> None:
    """Send the packed batch, or the name and message of the error, and close the descriptors."""
    try:
        data, *index = work(items, descriptors)
        send(parent, encoded(tuple(index)), body=data)
    except OneprefixError as error:
        send(parent, encoded((type(error).__name__, error.message)))
    finally:
        for each in descriptors:
            os.close(each)

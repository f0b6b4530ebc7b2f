"""A server that ends TLS in front of one without: the wheels of Valkey and PostgreSQL have none."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from ssl import SSLContext

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
#: PostgreSQL's request for TLS, and for encryption by GSSAPI, which is refused.
# https://www.postgresql.org/docs/18/protocol-message-formats.html
SSL_REQUEST, GSS_REQUEST = ((8).to_bytes(4) + code.to_bytes(4) for code in (80_877_103, 80_877_104))


@contextmanager
def tls_front(
    connect: Callable[[], Awaitable[Streams]], context: SSLContext, *, postgres: bool = False
) -> Iterator[int]:
    """The port of the server in front of the one that `connect` reaches."""
    loop = asyncio.new_event_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if postgres:
                await _until_tls_is_asked_for(reader, writer)
                await writer.start_tls(context)
            theirs, to_them = await connect()
            await asyncio.gather(_pass_on(reader, to_them), _pass_on(theirs, writer))
        writer.close()

    async def listen() -> asyncio.Server:
        return await asyncio.start_server(serve, "127.0.0.1", 0, ssl=None if postgres else context)

    # a client that trusts another authority is none of the log's
    loop.set_exception_handler(lambda *_: None)
    server = loop.run_until_complete(listen())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _until_tls_is_asked_for(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while (asked := await reader.readexactly(8)) == GSS_REQUEST:
        writer.write(b"N")
        await writer.drain()
    if asked != SSL_REQUEST:
        raise OSError("a client without TLS")
    writer.write(b"S")
    await writer.drain()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)

"""Refuse compressed messages: kombu unpacks them before anybody can look at their size."""

from typing import Any, NoReturn

from kombu import compression


class CompressionRefused(ValueError):
    """Messages must not be compressed."""


def refuse_compression() -> None:
    """Have kombu refuse, in this process, to unpack any message."""
    for content_type in compression.encoders():
        encoder: Any = compression.get_encoder(content_type)  # a pair, which its stub lacks
        compression.register(encoder[0], _refuse, content_type)


def _refuse(_: object) -> NoReturn:
    raise CompressionRefused("it is compressed")

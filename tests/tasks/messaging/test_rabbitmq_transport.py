from amqp.serialization import dumps, loads
from hypothesis import given
from hypothesis import strategies as some

from tasks.messaging.rabbitmq_transport import readable

#: Class and method, which `loads` skips.
DELIVER = b"\x00\x3c\x00\x3c"
TYPES = "sLbss"
names = some.binary(max_size=255)


@given(some.text("abc.0123", max_size=20), some.integers(0, 2**63), some.booleans(), names, names)
def test_a_delivery_with_any_names_can_be_read(
    consumer: str, tag: int, again: bool, exchange: bytes, key: bytes
) -> None:
    sent = DELIVER + dumps(TYPES, (consumer, tag, again, exchange, key))
    read, _ = loads(TYPES, readable(sent), 4)
    assert read[:3] == [consumer, tag, again]
    assert [len(name) for name in read[3:]] == [len(exchange), len(key)]
    if exchange.isascii():
        assert read[3].encode() == exchange

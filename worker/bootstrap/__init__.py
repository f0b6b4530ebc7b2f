"""Makes the adapters and wires them to the use cases; nothing else constructs them."""

"""Parsers of what strangers wrote, with generated input: more of it by `make fuzz`.

What was found once stays as an `@example`.
"""

"""SQL: the engine, the tables, and the repositories on them."""

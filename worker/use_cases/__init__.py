"""One package per kind of use, one module per thing the product does."""

"""One module for each thing the product does."""

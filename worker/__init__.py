"""The engine: from a finished run's directory to one archive under its job's prefix."""

"""Land one run's results directory as an archive under its job's prefix."""

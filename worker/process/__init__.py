"""What concerns processes and threads themselves: helpers, identity, limits, shutdown."""

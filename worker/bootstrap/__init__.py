"""The only place that constructs adapters and hands them to use cases."""

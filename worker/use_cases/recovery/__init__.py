"""Take up what dead workers and lost messages have left behind."""

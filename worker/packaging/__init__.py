"""A results directory becomes a stream of ZIP bytes, never held whole, never staged on disk."""

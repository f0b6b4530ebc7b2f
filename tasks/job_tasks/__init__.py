"""The tasks on all artifacts of one simulation job."""

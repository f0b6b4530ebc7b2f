"""The rows of `uploads`: requests, leases, messages that are due, multipart uploads."""

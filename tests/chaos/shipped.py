"""The settings as shipped, where the clusters of other tests have quicker ones."""

SHIPPED = {
    "ONEPREFIX_LEASE_SECONDS": "7",
    "ONEPREFIX_RECOVERY_SECONDS": "1",
    "ONEPREFIX_PUBLISH_GRACE_SECONDS": "5",
    "ONEPREFIX_BACKOFF_SECONDS": "2",
    "ONEPREFIX_MISSING_PATH_ATTEMPTS": "5",
    # not a default: it keeps uploads under way, and leaves processors to the servers
    "ONEPREFIX_BANDWIDTH_MIB": "3",
}

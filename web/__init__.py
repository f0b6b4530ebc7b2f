"""The door for people with a browser: pages over SQL and S3, served by `oneprefix web`."""

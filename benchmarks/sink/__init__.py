"""An S3 that keeps nothing but sizes and checksums, so that what sends to it is the slow part."""

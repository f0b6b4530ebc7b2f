"""Send archives and files to S3."""

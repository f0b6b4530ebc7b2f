"""S3: the client, multipart uploads, and the results under a job's prefix."""

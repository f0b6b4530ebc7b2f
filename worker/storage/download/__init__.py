"""Download objects to files, and presign URLs to download them from."""

"""Servers that come with extras of the install: a broker, and an S3 server for the demo."""

"""The ZIP format: headers, central directory, deflate."""

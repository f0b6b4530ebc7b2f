"""Importing it first hides the AWS CRT from botocore, which would sign through it, and slower.

It is among the tests' requirements, and the sink's; with us alone it is not installed.
"""

import sys

sys.modules["awscrt"] = None  # type: ignore[assignment]

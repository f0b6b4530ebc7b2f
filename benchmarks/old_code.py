"""What the worker did before: the whole archive in memory, then one PUT."""

import io
import sys
import zipfile
from pathlib import Path

import boto3


def main() -> None:
    directory, bucket, key = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in sorted(directory.rglob("*")):
            zipped.write(path, path.relative_to(directory.parent))
    archive.seek(0)
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=archive)


if __name__ == "__main__":
    main()

"""Run Flower as `celery -A tasks flower` does, whatever lies in the current directory."""

import sys

from tasks.worker import run

if __name__ == "__main__":
    run("flower", sys.argv[1:])

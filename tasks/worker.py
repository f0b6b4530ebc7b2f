"""Run a worker as `celery -A tasks worker` does, whatever lies in the current directory."""

import sys

from tasks.app import app

if __name__ == "__main__":
    app.worker_main(["worker", *sys.argv[1:]])

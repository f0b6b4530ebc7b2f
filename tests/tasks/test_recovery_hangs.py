"""A recovery process in which a step hangs ends, so that its worker starts another."""

import os
import signal
import subprocess
import sys
from pathlib import Path

#: As `tasks.recovery` is started, with a step that hangs and less patience.
SCRIPT = """
import os, time
import tasks.recovery
from worker.bootstrap.upload_services import UploadServices

tasks.recovery.HANGS_AFTER = 0.5
UploadServices.cancel_uploads = property(lambda services: time.sleep(600))
tasks.recovery.main(os.getppid(), with_orders=False)
"""


def test_a_step_that_hangs_ends_the_process(tmp_path: Path) -> None:
    environment = {
        "ONEPREFIX_DATABASE_URL": f"sqlite:///{tmp_path}/jobs.db",
        "ONEPREFIX_BROKER_URL": "redis://127.0.0.1:1/0",
        "ONEPREFIX_DATA_DIR": str(tmp_path),
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert "recovery hangs" in done.stderr

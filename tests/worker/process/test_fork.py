"""A fork that runs a module, in a process of the test's own that has one thread."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[3]
#: Forks a module that tells of itself and waits, looks at it, and ends it.
SCRIPT = """
import subprocess, sys, time
from pathlib import Path
from worker.process.fork import Fork

waits = Fork("waits", "with", "arguments")
while not (told := Path("told")).exists() or not told.read_text():
    time.sleep(0.02)
print(told.read_text())
print(Path(f"/proc/{waits.pid}/cmdline").read_bytes().replace(b"\\0", b" ").decode().strip())
print(waits.poll())
try:
    waits.wait(timeout=0.1)
except subprocess.TimeoutExpired:
    print("waits")
waits.terminate()
print(waits.wait(timeout=10), waits.returncode)
waits.kill()  # of one that has ended
print(Fork("ends").wait(timeout=10), Fork("fails").wait(timeout=10))
"""
WAITS = """
import os, sys, time
from pathlib import Path

told = f"{__name__} {sys.argv} {os.getsid(0) == os.getpid()} {len(sys.stdin.read())}"
Path("told").write_text(told)
time.sleep(60)
"""


def test_a_module_runs_in_a_fork_and_tells_how_it_ended(tmp_path: Path) -> None:
    (tmp_path / "waits.py").write_text(WAITS)
    (tmp_path / "ends.py").write_text("import os, sys\nsys.exit(os.EX_CONFIG)\n")
    (tmp_path / "fails.py").write_text("raise RuntimeError('no use')\n")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{PROJECT}:{tmp_path}"},
        input="what the fork must not read",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == [
        "__main__ ['waits', 'with', 'arguments'] True 0",
        "waits with arguments",
        "None",
        "waits",
        "-15 -15",
        "78 1",
    ]
    assert "no use" in done.stderr

"""The producers' client is a distribution of its own."""

import subprocess
import sys
from pathlib import Path
from shutil import copytree
from zipfile import ZipFile

CLIENT = Path(__file__).parents[2] / "client"


def test_its_wheel_has_its_modules_its_license_and_sqlalchemy_alone(tmp_path: Path) -> None:
    copytree(CLIENT, tmp_path / "client")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index"]
    build += ["--no-build-isolation", "--wheel-dir", str(tmp_path), str(tmp_path / "client")]
    subprocess.run(build, check=True, capture_output=True)
    (built,) = tmp_path.glob("*.whl")
    with ZipFile(built) as wheel:
        packed = set(wheel.namelist())
        [metadata] = [name for name in packed if name.endswith(".dist-info/METADATA")]
        lines = wheel.read(metadata).decode().splitlines()
    modules = {f"oneprefix/{path.name}" for path in (CLIENT / "oneprefix").glob("*.py")}
    assert modules | {"oneprefix/py.typed"} <= packed
    assert {name.partition("/")[0] for name in packed if ".dist-info" not in name} == {"oneprefix"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in packed)
    needed = [line for line in lines if line.startswith("Requires-Dist") and "extra ==" not in line]
    assert needed == ["Requires-Dist: sqlalchemy<3,>=1.4.36"]

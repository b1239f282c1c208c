"""Try each way of docs/install.md: `python -m tests.support.install_ways [WAY ...]`.

Each way has a home of its own in a temporary folder, and nothing outside of it changes: pipx comes from
Debian's own packages, unpacked there, or from the package index; Debian's Python is the system's. What the
machine does not have is named and left out. The wheel is built from this tree, and a second one, of a higher
version, is what is upgraded to. All of it takes some minutes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
SYSTEM_PYTHON = "/usr/bin/python3"
PIPX_PACKAGES = (
    *("pipx", "python3-userpath", "python3-argcomplete", "python3-click", "python3-packaging"),
    *("python3-colorama", "python3-platformdirs"),
)
NEWER = "0.2.0"


class NotHere(Exception):
    """The machine lacks what a way needs."""


@dataclass
class Home:
    """A home of its own, and the wheels in its Downloads."""

    folder: Path
    wheel: Path
    newer: Path
    path: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)

    def run(self, *words: str | Path, fails: bool = False) -> str:
        """Run a command at home; it must end well, or badly where that is what docs say."""
        kept = {name: text for name, text in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_"))}
        folders = [str(self.folder / ".local" / "bin"), *self.path, "/usr/local/bin", "/usr/bin", "/bin"]
        env = {**kept, "HOME": str(self.folder), "PATH": ":".join(folders), "LANG": "C.UTF-8", **self.env}
        done = subprocess.run(list(map(str, words)), env=env, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        if (done.returncode != 0) is not fails:
            raise AssertionError(f"{' '.join(map(str, words))} ended with {done.returncode}:\n{said}")
        return said

    def works(self, version: str = "0.1.0") -> None:
        """See that the command is there, is the version, and reads a sheet."""
        assert version in self.run("ordersheet", "--version")
        sheet = self.folder / "calls.csv"
        sheet.write_text("Order ID,Internal comment\n83600,hello\n", encoding="utf-8")
        assert "1 row of 1 to send" in self.run("ordersheet", "check", sheet)

    def move_the_wheel(self) -> None:
        """Let the wheel that was installed be gone from where it was."""
        self.wheel = self.wheel.rename(self.folder / self.wheel.name)


def plain_pip(home: Home) -> None:
    """A system's own Python refuses, and says why: what the page warns of."""
    if not list(Path("/usr/lib").glob("python3*/EXTERNALLY-MANAGED")):
        raise NotHere("the system's Python is not externally managed")
    said = home.run(SYSTEM_PYTHON, "-m", "pip", "install", "--user", home.wheel, fails=True)
    assert "externally-managed-environment" in said


def pipx_of_debian(home: Home) -> None:
    """apt's pipx, from its packages, unpacked at home."""
    if shutil.which("apt-get") is None:
        raise NotHere("there is no apt-get")
    packages = home.folder / "packages"
    packages.mkdir()
    got = subprocess.run(
        ["apt-get", "download", *PIPX_PACKAGES], cwd=packages, capture_output=True, text=True, check=False
    )
    if got.returncode:
        raise NotHere(f"apt-get has no packages: {got.stderr.strip().splitlines()[-1:]}")
    root = home.folder / "root"
    for package in packages.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, root], check=True)
    home.env["PYTHONPATH"] = str(root / "usr/lib/python3/dist-packages")
    _pipx(home, (SYSTEM_PYTHON, "-m", "pipx"))


def pipx_of_the_index(home: Home) -> None:
    """The newest pipx, as Homebrew has it."""
    subprocess.run([SYSTEM_PYTHON, "-m", "venv", home.folder / "pipx"], check=True)
    home.run(home.folder / "pipx/bin/python", "-m", "pip", "install", "--quiet", "pipx")
    _pipx(home, (str(home.folder / "pipx/bin/pipx"),))


def _pipx(home: Home, pipx: tuple[str, ...]) -> None:
    home.run(*pipx, "install", home.wheel)
    home.run(*pipx, "ensurepath")
    home.works()
    home.move_the_wheel()
    home.run(*pipx, "upgrade", "ordersheet", fails=True)
    home.run(*pipx, "install", "--force", home.newer)
    home.works(NEWER)
    home.run(*pipx, "uninstall", "ordersheet")
    assert shutil.which("ordersheet", path=str(home.folder / ".local/bin")) is None


def uv(home: Home) -> None:
    """uv's tools."""
    found = shutil.which("uv")
    if found is None:
        raise NotHere("there is no uv")
    home.env |= {"UV_TOOL_BIN_DIR": str(home.folder / ".local/bin"), "UV_PYTHON": sys.executable}
    home.run(found, "tool", "install", home.wheel)
    home.works()
    home.move_the_wheel()
    home.run(found, "tool", "install", "--force", home.newer)
    home.works(NEWER)
    home.run(found, "tool", "uninstall", "ordersheet")


def own_environment(home: Home) -> None:
    """An environment of one's own and a link, with the system's Python."""
    where = home.folder / ".local/share/ordersheet-env"
    try:
        home.run(SYSTEM_PYTHON, "-m", "venv", where)
        pip: tuple[str | Path, ...] = (where / "bin/python", "-m", "pip")
    except AssertionError:  # Debian without python3-venv: pip comes from elsewhere
        shutil.rmtree(where, ignore_errors=True)
        home.run(SYSTEM_PYTHON, "-m", "venv", "--without-pip", where)
        pip = (sys.executable, "-m", "pip", "--python", where / "bin/python")
    home.run(*pip, "install", "--quiet", home.wheel)
    (home.folder / ".local/bin").mkdir(parents=True)
    home.run("ln", "-sf", where / "bin/ordersheet", home.folder / ".local/bin/ordersheet")
    home.works()


WAYS: dict[str, Callable[[Home], None]] = {
    way.__name__: way for way in (plain_pip, pipx_of_debian, pipx_of_the_index, uv, own_environment)
}


def wheels(folder: Path) -> tuple[Path, Path]:
    """Build the wheel, and one of a higher version from a copy of the tree."""
    tree = folder / "tree"
    shutil.copytree(
        ROOT, tree, ignore=shutil.ignore_patterns(".git", ".venv*", ".*_cache", "__pycache__", "benchmarks")
    )
    for version in ("", NEWER):
        if version:
            project = tree / "pyproject.toml"
            text = re.sub(
                r'^version = ".*"', f'version = "{version}"', project.read_text("utf-8"), flags=re.MULTILINE
            )
            project.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder / "dist"), str(tree)]
        subprocess.run(command, check=True, capture_output=True)
    older, newer = sorted((folder / "dist").glob("*.whl"))
    return older, newer


def main(names: list[str]) -> int:
    """Try the ways, and say of each how it went."""
    failed = 0
    with tempfile.TemporaryDirectory(prefix="ordersheet-ways-") as temporary:
        built = wheels(Path(temporary))
        for name in names or WAYS:
            folder = Path(temporary) / name
            downloads = folder / "Downloads"
            downloads.mkdir(parents=True)
            wheel, newer = (Path(shutil.copy(one, downloads)) for one in built)
            home = Home(folder, wheel, newer)
            try:
                WAYS[name](home)
            except NotHere as missing:
                print(f"{name}: left out, {missing}")  # noqa: T201 - it is a script
            except (AssertionError, subprocess.CalledProcessError) as error:
                failed += 1
                print(f"{name}: FAILED\n{error}")  # noqa: T201
            else:
                print(f"{name}: works")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

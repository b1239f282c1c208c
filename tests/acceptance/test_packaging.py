"""What people install: a wheel and a source archive, built from a copy of the tree without its history."""

from __future__ import annotations

import email
import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from tests.support.licences import closure, direct, licence

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", ".*_cache", "__pycache__", ".hypothesis", ".coverage*", "dist"
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A private copy: what other tests and programs leave in this one meanwhile is not looked at."""
    copy = tmp_path_factory.mktemp("tree") / "ordersheet"
    shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
    return Path(copy)


@pytest.fixture(scope="module")
def built(tree) -> Path:
    """A folder with the wheel and the source archive; the wheel is made from the source archive."""
    for name in ("build", "twine"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    command = [sys.executable, "-m", "build", "--outdir", str(tree.parent / "dist"), str(tree)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode and re.search(r"No matching distribution|ConnectionError|NewConnectionError", said):
        pytest.skip("the package index is out of reach: the build needs hatchling")
    assert done.returncode == 0, said
    return Path(tree.parent / "dist")


@pytest.fixture(scope="module")
def wheel(built) -> Path:
    (found,) = built.glob("*.whl")
    return Path(found)


def test_both_pass_the_index_s_own_check(built):
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, built.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 2


def test_the_wheel_holds_the_package_and_nothing_else(wheel, tree):
    names = set(zipfile.ZipFile(wheel).namelist())
    info = f"ordersheet-{PROJECT['version']}.dist-info"
    assert {name.partition("/")[0] for name in names} == {"ordersheet", info}
    modules = {
        path.relative_to(tree / "src").as_posix() for path in (tree / "src").rglob("*") if path.is_file()
    }
    samples = {f"ordersheet/samples/{path.name}" for path in (tree / "samples").iterdir()}
    assert names - {name for name in names if name.startswith(info)} == modules | samples
    assert "ordersheet/py.typed" in names
    assert f"{info}/licenses/LICENSE" in names
    unwanted = re.compile(r"(^|/)(tests?/|test_|conftest)|_test\.py$|\.(pyc|env|db)$")
    assert not [name for name in names if unwanted.search(name)]


def test_the_wheel_says_what_it_is(wheel):
    with zipfile.ZipFile(wheel) as archive:
        folder = f"ordersheet-{PROJECT['version']}.dist-info"
        said = email.message_from_bytes(archive.read(f"{folder}/METADATA"))
        entry = archive.read(f"{folder}/entry_points.txt").decode()
    assert said["Name"] == "ordersheet"
    assert said["Version"] == PROJECT["version"]
    assert said["License-Expression"] == "MIT"
    assert said["Requires-Python"] == ">=3.11"
    assert said["Description-Content-Type"] == "text/markdown"
    assert "ordersheet = ordersheet.__main__:main" in entry


def test_the_source_archive_can_be_worked_on(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for needed in ("Makefile", "LICENSE", "CHANGELOG.md", "README.md", "pyproject.toml", "samples/README.md"):
        assert needed in names
    for folder in ("src/ordersheet/cli", "tests/unit", "tests/acceptance", "tests/support", "docs/recipes"):
        assert any(name.startswith(folder) for name in names), folder
    assert not [name for name in names if re.search(r"\.pyc$|\.env$|ledger\.db|\.git/|\.venv", name)]
    assert not [name for name in names if name.startswith("reports/") and name != "reports/README.md"]


def test_the_wheel_runs_where_the_source_is_not(wheel, tmp_path):
    """The package as the wheel holds it runs the demo, with the samples in it."""
    place = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    code = (
        f"import sys; sys.path.insert(0, {str(place)!r}); import ordersheet; "
        f"assert ordersheet.__file__.startswith({str(place)!r}), ordersheet.__file__; "
        "sys.argv = ['ordersheet', 'demo']; from ordersheet.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "reports") in done.stdout.strip().splitlines()[-1]


def test_the_version_stands_in_one_place_alone():
    version = PROJECT["version"]
    assert importlib.metadata.version("ordersheet") == version
    assert re.search(
        rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    for path in (ROOT / "src").rglob("*.py"):
        assert not re.search(rf"""["']{re.escape(version)}["']""", path.read_text(encoding="utf-8")), path


PERMISSIVE = re.compile(
    r"MIT|BSD|Apache|PSF|Python Software Foundation|ISC|MPL|Mozilla|0BSD|Unlicense", re.IGNORECASE
)


def test_what_comes_along_is_listed_and_asks_for_no_more_than_to_be_named():
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| ([a-z0-9-]+) \| (?:yes)? ?\| (.+) \|$", page, re.MULTILINE))
    assert direct() <= set(listed), "make it anew with: python -m tests.support.licences"
    for name, said in [*listed.items(), *((name, licence(name)) for name in closure())]:
        assert PERMISSIVE.search(said), (name, said)


def test_no_package_has_a_known_fault(tmp_path):
    if importlib.util.find_spec("pip_audit") is None:
        pytest.skip("pip-audit is not installed; docs/dependencies.md lists what comes along")
    names = sorted(closure())
    wanted = "".join(f"{name}=={importlib.metadata.version(name)}\n" for name in names)
    (tmp_path / "wanted.txt").write_text(wanted, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--no-deps",
        "--disable-pip",
        "-r",
        str(tmp_path / "wanted.txt"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if re.search(r"ConnectionError|Could not reach|NewConnectionError|ServiceError|HTTPError", done.stderr):
        pytest.skip("pip-audit cannot reach its data from here")
    assert done.returncode == 0, done.stdout + done.stderr

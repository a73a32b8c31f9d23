"""Packages that trials need: how they are read, and what is installed already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay.cluster.environment import Environment, Site
from assay.cluster.requirements import requirements, unmet
from assay.search.section_cluster import ClusterSection
from assay.spaces import SweepError


def section(pip: Any) -> ClusterSection:
    return ClusterSection.model_validate({"pip": pip})


def mistakes(site: Site, directory: Path, pip: Any) -> list[str]:
    with pytest.raises(SweepError) as caught:
        Environment.of(section(pip), directory, site)
    return [str(problem) for problem in caught.value.problems]


def test_a_requirements_file(tmp_path: Path) -> None:
    (tmp_path / "needs.txt").write_text(
        "# what we need\n\n--index-url https://pypi.example/simple  # ours\ntimm == 1.0.9 # models\n"
        "torch>=2 \\\n    --hash=sha256:00\ngit+https://github.com/a/b#egg=b\n"
        "-e ${RAY_RUNTIME_ENV_CREATE_WORKING_DIR}/lib\nscipy; python_version < '3'"
    )
    assert requirements("needs.txt", tmp_path) == (
        "--index-url https://pypi.example/simple",
        "timm == 1.0.9",
        "torch>=2     --hash=sha256:00",
        "git+https://github.com/a/b#egg=b",
        "-e ${RAY_RUNTIME_ENV_CREATE_WORKING_DIR}/lib",
        "scipy; python_version < '3'",
    )


def test_lines_that_nodes_cannot_install_are_named(tmp_path: Path) -> None:
    (tmp_path / "needs.txt").write_text("timm\n-r base.txt\n\ntorch=2 \\\n\n./lib\n")
    with pytest.raises(SweepError) as caught:
        requirements("needs.txt", tmp_path)
    path, package = "which nodes do not have: write the packages themselves", "write timm, timm==1.0.9 or name @ https"
    assert str(caught.value).splitlines() == [
        f"cluster.pip: needs.txt:2: '-r base.txt' names a path, {path}",
        f"cluster.pip: needs.txt:4: 'torch=2' is not a package: {package}://...",
        f"cluster.pip: needs.txt:6: './lib' is not a package: {package}://...",
    ]
    (mistake,) = mistakes(Site.RUNNING, tmp_path, pip=["timm", "torch = 2"])
    assert mistake == f"cluster.pip.1: 'torch = 2' is not a package: {package}://..."
    (tmp_path / "needs.txt").write_bytes(b"\xff\xfe")
    assert mistakes(Site.PRIVATE, tmp_path, pip="needs.txt") == [
        f"cluster.pip: {tmp_path}/needs.txt is not UTF-8 text: save it as UTF-8"
    ]
    assert "cannot be read: Is a directory" in mistakes(Site.PRIVATE, tmp_path, pip=".")[0]


def test_what_is_installed() -> None:
    there = ["pytest", "Pytest>=1", "ray[tune]", "no-such; python_version < '3'", "--pre", "numpy>1 --hash=sha256:00"]
    assert unmet(there) == []
    away = ["no-such", "pytest<1", "pytest @ https://example.org/x.whl", "-e git+https://example.org/x", "no-such[a]"]
    assert unmet(away) == away


def test_what_is_here_already_is_not_installed_for_trials_of_this_machine(tmp_path: Path) -> None:
    content = section(pip=["pytest>=1"])
    for site in Site:
        packages = Environment.of(content, tmp_path, site).packages
        assert packages == (() if site in (Site.PRIVATE, Site.INLINE) else ("pytest>=1",))


def test_where_nothing_can_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (mistake,) = mistakes(Site.INLINE, tmp_path, pip=["pytest", "no-such==1"])
    assert mistake == (
        "cluster.pip: inline installs nothing, and this Python lacks no-such==1: install it, or run without inline"
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (mistake,) = mistakes(Site.PRIVATE, tmp_path, pip=["no-such==1"])
    assert "takes virtualenv: install one or the other" in mistake

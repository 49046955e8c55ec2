"""Who imports whom, read from the syntax trees: the four folders form a diamond, and a heavy library has one home."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "features": set(),
    "models": {"features"},
    "training": {"features", "models"},
    "serving": {"features", "models"},
}
HOMES = {
    "mlflow": {"training/registry.py"},
    "bentoml": {"serving/service.py"},
    "deltalake": {"features/delta.py"},
}


def modules(folder):
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path):
    """Top-level names of all absolute imports of a file, wherever they stand in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_folders_import_only_what_lies_below_them(folder):
    ours = {*MAY_IMPORT, "intently"}
    wrong = {
        str(path.relative_to(ROOT)): sorted(set(imported(path)) & ours - MAY_IMPORT[folder])
        for path in modules(folder)
        if set(imported(path)) & ours - MAY_IMPORT[folder]
    }
    assert not wrong, f"{folder} may import {sorted(MAY_IMPORT[folder]) or 'nothing of ours'} absolutely"


@pytest.mark.parametrize("library", HOMES)
def test_heavy_libraries_have_one_home(library):
    users = {
        str(path.relative_to(ROOT))
        for folder in MAY_IMPORT
        for path in modules(folder)
        if library in set(imported(path))
    }
    assert users == HOMES[library]


def test_features_and_models_import_lightly():
    heavy = ["mlflow", "bentoml", "deltalake", "lightgbm", "sklearn", "pandas", "matplotlib", "duckdb"]
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for folder in ("features", "models")
        for path in modules(folder)
        if path.stem not in {"__init__", "__main__"}
    ]
    code = f"import importlib, sys\nfor n in {names}: importlib.import_module(n)\nprint([h for h in {heavy} if h in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

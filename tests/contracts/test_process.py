"""Importing a library room changes nothing in the process; stages and commands prepare theirs."""

import json
import os
import subprocess
import sys

import pytest

from tests.contracts.modules import MODULES, ROOT, imported_names, room

OWN_PROCESS = {"stages", "commands", "__main__"}
LIBRARY = [module for module in MODULES if room(module) not in OWN_PROCESS]

# What others do when they are imported is theirs: they are loaded first.
LOOK = """
import importlib, json, os, sys, warnings
before, rooms = json.loads(sys.argv[1])
def look():
    from PIL import Image
    return repr((dict(os.environ), warnings.filters, Image.MAX_IMAGE_PIXELS))
for name in before:
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        try:
            importlib.import_module(".".join(parts[:length]))
        except ImportError:  # a name in a module, or an extra that is not installed
            break
first = look()
for name in rooms:
    importlib.import_module(name)
print(json.dumps([first, look(), "torch" in sys.modules]))
"""


def dotted(module: str) -> str:
    return module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def others() -> list[str]:
    """What library modules import of others, as dotted names."""
    names = {name for module in LIBRARY for name in imported_names(module)}
    return sorted(name for name in names if name.split(".")[0] != "pipeline")


def looked(before: list[str], modules: list[str], environment: dict[str, str]) -> tuple[str, str, bool]:
    """The process before and after `modules` are imported, and whether torch is loaded then."""
    command = (sys.executable, "-c", LOOK, json.dumps([before, modules]))
    done = subprocess.run(
        command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    first, last, torch = json.loads(done.stdout)
    return first, last, torch


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Of a program that has set nothing of ours."""
    for name in ("OMP_WAIT_POLICY", "ONEDNN_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)
    return dict(os.environ)


def test_library_rooms_leave_the_process_as_it_is(environment: dict[str, str]) -> None:
    first, last, torch = looked(others(), [dotted(module) for module in LIBRARY], environment)
    assert torch
    assert first == last


@pytest.mark.parametrize("package", ["pipeline.stages", "pipeline.commands", "benchmarks"])
def test_stages_and_commands_prepare_theirs_before_torch_is_loaded(
    package: str, environment: dict[str, str]
) -> None:
    first, last, torch = looked([], [package], environment)
    assert not torch
    assert "ONEDNN_MAX_CPU_ISA" not in first
    for part in (
        "'OMP_WAIT_POLICY': 'PASSIVE'",
        "'ONEDNN_MAX_CPU_ISA': 'AVX512_CORE_BF16'",
        "A worker stopped",
    ):
        assert part in last


def test_library_rooms_do_not_prepare_a_process() -> None:
    # `parallel` does in the workers that it starts, if its caller has.
    callers = {m for m in LIBRARY if "pipeline.base.process.prepare_process" in imported_names(m)}
    assert callers == {"pipeline/base/parallel.py"}

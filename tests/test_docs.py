"""The examples of the documents run and give what they say, and their commands are understood."""

import doctest
import re
import shlex
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

from benchmarks.variants import assignment, named
from pipeline.__main__ import parse_arguments
from pipeline.commands.params_file import with_values
from pipeline.params import load_params

ROOT = Path(__file__).parents[1]
TEXTS = [file.read_text(encoding="utf-8") for file in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))]
LINES = [
    line
    for text in TEXTS
    for block in re.findall(r"```\w*\n(.*?)```", text, re.S)
    for line in block.splitlines()
]
CAMSEG = re.compile(r"(?:\.venv/bin/)?camseg (?!export FORMAT)(.*)")
BENCHMARK = re.compile(
    r"(?:OMP_NUM_THREADS=1 )?(?:\.venv/bin/)?python -m benchmarks\.(accuracy|corrections|league) (.*)"
)


def test_examples_of_the_hooks_document() -> None:
    with torch.random.fork_rng(devices=[]):  # its layers start at random before they get their weights
        hooks = ROOT / "docs" / "hooks.md"
        result = doctest.testfile(str(hooks), module_relative=False, encoding="utf-8")
    assert result.failed == 0, "see the output above"
    assert result.attempted >= 6


def test_camseg_knows_the_commands_of_the_documents() -> None:
    commands = [match[1] for line in LINES if (match := CAMSEG.match(line))]
    assert len(commands) >= 25
    for command in commands:
        parse_arguments(shlex.split(command, comments=True))  # ends the test where it does not know an option


def test_params_have_the_keys_that_the_documents_give_the_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = [match for line in LINES if (match := BENCHMARK.match(line))]
    assert len(commands) >= 8
    for bench, options in (command.groups() for command in commands):
        monkeypatch.setattr(sys, "argv", [bench, *shlex.split(options)])
        arguments = import_module(f"benchmarks.{bench}").parse()
        shared = dict(map(assignment, arguments.set))
        for values in [{}, *(named(text).values for text in getattr(arguments, "variant", []))]:
            with_values(load_params(ROOT / "params.yaml"), {**shared, **values})

"""The examples of the documents run and give what they say."""

import doctest
from pathlib import Path

import torch

HOOKS = Path(__file__).parents[1] / "docs" / "hooks.md"


def test_examples_of_the_hooks_document() -> None:
    with torch.random.fork_rng(devices=[]):  # its layers start at random before they get their weights
        result = doctest.testfile(str(HOOKS), module_relative=False, encoding="utf-8")
    assert result.failed == 0, "see the output above"
    assert result.attempted >= 6

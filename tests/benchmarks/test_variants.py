"""Variants on the command line of a bench."""

import pytest

from benchmarks.variants import Variant, assignment, named, with_shipped


def test_variants_are_a_name_and_values() -> None:
    variant = named("short: classifier.training.steps=20 segmentation.supervision=[cam,full] a.b=null")
    assert variant.name == "short"
    assert variant.values == {
        "classifier.training.steps": 20,
        "segmentation.supervision": ["cam", "full"],
        "a.b": None,
    }
    for text in ("steps=20", "a b: c=1", "a: b"):
        with pytest.raises(SystemExit):
            named(text)
    assert assignment("a=1e-3") == ("a", 0.001)


def test_shipped_comes_first_and_names_differ() -> None:
    assert with_shipped([]) == [Variant("shipped", {})]
    assert with_shipped(["b: x=1"]) == [Variant("shipped", {}), Variant("b", {"x": 1})]
    for texts in (["shipped: x=1"], ["b: x=1", "b: x=2"]):
        with pytest.raises(SystemExit, match="names that differ"):
            with_shipped(texts)

"""Variants of params.yaml, as benches take them from the command line."""

import re
from dataclasses import dataclass

from ruamel.yaml import YAML

Values = dict[str, object]


@dataclass(frozen=True)
class Variant:
    """A name and what it changes in params.yaml, by dotted key."""

    name: str
    values: Values


def with_shipped(texts: list[str]) -> list[Variant]:
    """`shipped`, which changes nothing, and then the variants of `--variant`."""
    variants = [Variant("shipped", {}), *map(named, texts)]
    names = [variant.name for variant in variants]
    if len(set(names)) < len(names):
        raise SystemExit(f"--variant: expected names that differ, got {', '.join(names)}")
    return variants


def named(text: str) -> Variant:
    """`NAME: key=value key=value` as a variant."""
    name, _, values = text.partition(":")
    if not re.fullmatch(r"[\w.+-]+", name):
        raise SystemExit(f"--variant: expected 'NAME: key=value ...', got {text!r}")
    return Variant(name, dict(assignment(part) for part in values.split()))


def assignment(text: str) -> tuple[str, object]:
    """`key=value`, the value read as YAML."""
    key, equals, value = text.partition("=")
    if not equals:
        raise SystemExit(f"expected key=value, got {text!r}")
    return key, YAML(typ="safe").load(value)

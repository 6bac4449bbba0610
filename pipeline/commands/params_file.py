"""Changes values of params.yaml and keeps its comments and its formatting."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from pipeline.base.files import write_text
from pipeline.errors import UserError
from pipeline.params import Params, check_params, parse_params, unknown_key


def update_params(file: Path, values: Mapping[str, object]) -> dict[str, tuple[object, object]]:
    """The old and the new value of each key that changed; the file then has the new values.

    Args:
        values: new values by `section.key`, at any depth.

    Raises:
        ParamsError: the new values are not valid; the file stays as it was.
    """
    yaml = _yaml()
    document = yaml.load(file.read_text(encoding="utf-8"))
    changes = {}
    for path, value in values.items():
        section, key = _find(document, path)
        if section[key] != value:
            changes[path] = (section[key], value)
            section[key] = _flow(value)
    if changes:
        text = io.StringIO()
        yaml.dump(document, text)
        parse_params(text.getvalue(), file)
        write_text(file, text.getvalue())
    return changes


def with_values(params: Params, values: Mapping[str, object]) -> Params:
    """`params` with new values by `section.key`, at any depth.

    Raises:
        ParamsError: the new values are not valid.
    """
    document = params.model_dump()
    for path, value in values.items():
        section, key = _find(document, path)
        section[key] = value
    return check_params(document, Path("params.yaml"))


def read_preset(file: Path, params: Params) -> dict[str, object]:
    """The values of a YAML file by `section.key`; a key that params.yaml does not have is refused."""
    try:
        document = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, YAMLError) as error:
        raise UserError(f"{file}: expected a YAML file: {error}") from error
    if not isinstance(document, dict):
        raise UserError(f"{file}: expected keys of params.yaml with their values")
    return dict(_leaves(file, document, params, ""))


def _find(document: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """The mapping that holds the value of `section.key`, and the last key."""
    *parents, key = path.split(".")
    section = document
    for parent in parents:
        section = section[parent]
    return section, key


def _leaves(
    file: Path, values: Mapping[object, object], section: BaseModel, prefix: str
) -> Iterator[tuple[str, object]]:
    """`section.key` and value of every value; a mapping that is itself a value stays whole."""
    for key, value in values.items():
        if key not in type(section).model_fields:
            dotted = f"{prefix}{key}"
            raise UserError(f"{file}: {dotted}: {unknown_key(dotted)}")
        inner = getattr(section, str(key))
        if isinstance(inner, BaseModel) and isinstance(value, dict):
            yield from _leaves(file, value, inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _flow(value: object) -> object:
    """A list or a mapping on one line, [a, b] or {a: b}; any other value as it is."""
    if not isinstance(value, (list, dict)):
        return value
    collection = CommentedSeq(value) if isinstance(value, list) else CommentedMap(value)
    collection.fa.set_flow_style()
    return collection


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 2**20  # never wrap a line
    # Otherwise a null that was written out becomes an empty value.
    yaml.representer.add_representer(
        type(None), lambda r, _: r.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return yaml

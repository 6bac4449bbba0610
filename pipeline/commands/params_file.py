"""Changes values of params.yaml and keeps its comments and its formatting."""

import io
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

import pipeline
from pipeline.base.files import write_text
from pipeline.errors import UserError
from pipeline.params import Params, check_params, load_params, parse_params, unknown_key

PRESETS = Path(pipeline.__path__[0]) / "presets"
SHIPPED = Path(pipeline.__path__[0]) / "project" / "params.yaml"
PARAMS_FILE = Path("params.yaml")


def params_anywhere(model: Path = Path()) -> Params:
    """The params of this folder; else of the project that `model` lies in, else those of a new project.

    The last two are said.
    """
    if PARAMS_FILE.exists():
        return load_params()
    around = (folder / PARAMS_FILE for folder in model.resolve().parents)
    file = next((file for file in around if file.is_file()), SHIPPED)
    values = "those of a new project" if file == SHIPPED else str(file)
    print(f"camseg: no params.yaml in this folder; the values are {values}", file=sys.stderr)
    return load_params(file)


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
    return check_params(document, PARAMS_FILE)


def shipped_presets() -> list[str]:
    """The names of the presets that camseg brings."""
    return sorted(file.stem for file in PRESETS.glob("*.yaml"))


def preset_file(preset: str) -> Path:
    """The file of a shipped preset, or the file that `preset` names.

    Raises:
        UserError: there is neither.
    """
    shipped, file = PRESETS / f"{preset}.yaml", Path(preset)
    if preset in shipped_presets():
        return shipped
    if not file.is_file():
        names = ", ".join(shipped_presets())
        raise UserError(f"{preset}: expected {names}, or a YAML file, got no such file. Check --preset")
    return file


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

"""Changes to params.yaml that keep its comments and its formatting."""

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from pipeline.data.files import write_text
from pipeline.params import load_params


def update_params(file: Path, values: Mapping[str, object]) -> dict[str, tuple[object, object]]:
    """Set `section.key`, at any depth, for each of `values`; returns old and new where they differ.

    Raises:
        ParamsError: the file would not be valid any more; it is left as it was.
    """
    yaml = _yaml()
    document = yaml.load(file.read_text(encoding="utf-8"))
    changes = {}
    for path, value in values.items():
        *parents, key = path.split(".")
        section = document
        for parent in parents:
            section = section[parent]
        if section[key] != value:
            changes[path] = (section[key], value)
            section[key] = _flow(value)
    if changes:
        text = io.StringIO()
        yaml.dump(document, text)
        _check(text.getvalue())
        write_text(file, text.getvalue())
    return changes


def _check(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "params.yaml"
        trial.write_text(text, encoding="utf-8")
        load_params(trial)


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

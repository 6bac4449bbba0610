"""`params.yaml`, read and checked: all problems at once, each with its dotted path."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from pipeline.errors import UserError
from pipeline.params.whole import Params

# Names in older versions -> names now: dotted keys, and values of any key.
RENAMED_KEYS = {"relabel": "self_training"}
RENAMED_VALUES = {
    "cam-relabelled": "cam-round1",
    "cam-relabelled-relabelled": "cam-round2",
    "imagenet": "pretrained",
}
NEAR = 0.7  # likeness, from which on a name may be a slip of another


class ParamsError(UserError):
    """`params.yaml` cannot be used; the message lists every problem."""


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and validate `path`.

    Raises:
        ParamsError: the file is missing, is not YAML, or has problems, all of which are listed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ParamsError(f"{path}: no such file. Run this in the folder of the project") from error
    except (OSError, ValueError) as error:
        raise ParamsError(f"{path}: cannot be read: {error}") from error
    return parse_params(text, path)


@lru_cache(maxsize=8)
def parse_params(text: str, path: Path) -> Params:
    """Validate `text`, which messages call `path`; raises as `load_params` does.

    A command reads the same text several times, and to parse it takes 40 ms.
    """
    try:
        # DVC reads YAML 1.2 with ruamel; PyYAML would read 1e-3 as a string.
        document = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise ParamsError(f"{path}: cannot be read: {error}") from error
    return check_params(document, path, text)


def check_params(document: object, path: Path, text: str = "") -> Params:
    """Validate what a YAML file holds; raises as `load_params` does, with the lines of `text`."""
    try:
        return Params.model_validate(document)
    except ValidationError as error:
        problems = _problems(error, YAML().load(text))
        raise ParamsError(f"{path}: {len(problems)} problem(s):\n  " + "\n  ".join(problems)) from error


def unknown_key(key: str) -> str:
    """The message for a dotted key that `params.yaml` does not have; of a renamed key, its new name."""
    if renamed := RENAMED_KEYS.get(key):
        return f"unknown key; it is called {renamed} now"
    near = get_close_matches(key, _keys(Params), 1, NEAR)
    return f"unknown key. Correct or remove it{_question(near)}"


def _keys(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """All dotted keys of a section, those of sections inside it too."""
    for name, field in section.model_fields.items():
        yield prefix + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _keys(field.annotation, f"{prefix}{name}.")


def _problems(error: ValidationError, written: object) -> list[str]:
    """A line for each problem; a key under its old name is not also missing under its new name."""
    details = {".".join(map(str, detail["loc"])) or "params": detail for detail in error.errors()}
    renamed = {RENAMED_KEYS.get(key) for key in details if details[key]["type"] == "extra_forbidden"}
    return [
        f"{key}: {_message(key, detail)}{_line(written, detail['loc'])}"
        for key, detail in details.items()
        if key not in renamed
    ]


def _message(key: str, problem: ErrorDetails) -> str:
    """What is wrong, and with which value."""
    value = problem["input"]
    if problem["type"] == "extra_forbidden":
        return unknown_key(key)
    if isinstance(value, str) and value in RENAMED_VALUES:
        return f"{value} is called {RENAMED_VALUES[value]} now"
    message = problem["msg"].replace("a valid tuple", "a list").replace("Tuple", "List")  # as in YAML
    choices = re.findall(r"'([^']+)'", str(problem.get("ctx", {}).get("expected", "")))
    near = get_close_matches(value, choices, 1, NEAR) if isinstance(value, str) else []
    return message if isinstance(value, dict) else f"{message}, got {value!r}{_question(near)}"


def _question(near: list[str]) -> str:
    return f". Did you mean {near[0]}?" if near else ""


def _line(written: Any, keys: Sequence[int | str]) -> str:
    """` (line N)`, of the innermost of `keys` that a round-trip document holds."""
    line = None
    for key in keys:
        if not isinstance(written, CommentedMap | CommentedSeq):
            break
        known = key in written if isinstance(written, CommentedMap) else key in range(len(written))
        if not known:
            break
        line = written.lc.data[key][0] + 1
        written = written[key]
    return "" if line is None else f" (line {line})"

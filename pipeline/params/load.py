"""`params.yaml` read and checked: all problems at once, each with its dotted path."""

from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.errors import UserError
from pipeline.params.whole import Params

# What older versions called it: dotted keys, and values of any key.
RENAMED_KEYS = {"relabel": "self_training"}
RENAMED_VALUES = {"cam-relabelled": "cam-round1", "cam-relabelled-relabelled": "cam-round2"}


class ParamsError(UserError):
    """`params.yaml` cannot be used; the message lists every problem."""


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and validate `path`.

    Raises:
        ParamsError: the file is missing, is not YAML, or has invalid or unknown keys (all are listed).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ParamsError(f"{path}: no such file. Run this in the folder of the project") from error
    except (OSError, ValueError) as error:
        raise ParamsError(f"{path}: cannot be read: {error}") from error
    return parse_params(text, path)


def parse_params(text: str, path: Path) -> Params:
    """Validate `text`, which messages call `path`.

    Raises:
        ParamsError: it is not YAML, or has invalid or unknown keys (all are listed).
    """
    try:
        # DVC reads YAML 1.2 with ruamel; PyYAML would read 1e-3 as a string.
        raw = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise ParamsError(f"{path}: cannot be read: {error}") from error
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        problems = _problems(error)
        raise ParamsError(f"{path}: {len(problems)} problem(s):\n  " + "\n  ".join(problems)) from error


def unknown_key(key: str) -> str:
    """What to say of a dotted key that `params.yaml` does not have: its new name, where it has one."""
    renamed = RENAMED_KEYS.get(key)
    return f"unknown key; it is called {renamed} now" if renamed else "unknown key. Correct or remove it"


def _problems(error: ValidationError) -> list[str]:
    """A line for each problem; a key under its old name is not missing under the new one as well."""
    found = {".".join(map(str, one["loc"])) or "params": one for one in error.errors()}
    renamed = {RENAMED_KEYS.get(key) for key, one in found.items() if one["type"] == "extra_forbidden"}
    return [f"{key}: {_said(key, one)}" for key, one in found.items() if key not in renamed]


def _said(key: str, problem: ErrorDetails) -> str:
    """What is wrong, and with which value."""
    value = problem["input"]
    if problem["type"] == "extra_forbidden":
        return unknown_key(key)
    if isinstance(value, str) and value in RENAMED_VALUES:
        return f"{value} is called {RENAMED_VALUES[value]} now"
    said = problem["msg"].replace("a valid tuple", "a list").replace("Tuple", "List")  # as YAML calls it
    return said if isinstance(value, dict) else f"{said}, got {value!r}"

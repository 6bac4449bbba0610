"""The code that a module's results depend on: read from the imports in the text."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pipeline

ROOT = Path(pipeline.__path__[0]).resolve()

# They hold names, checks and messages, no mathematics: a change in them changes no result.
PARAMS = ("__init__", "load", "section", "sections", "supervision", "training", "whole")
OTHERS = ("errors.py", "paths.py", "stages/__init__.py", "stages/launching.py", "stages/running.py")
OF_NO_CONSEQUENCE = frozenset([*OTHERS, *(f"params/{name}.py" for name in PARAMS)])
TEMPLATE = ".html"  # of the templates that a module fills: `page.html`, `page_cards.html` beside `page.py`


def imported_files(module: Path) -> dict[str, bytes]:
    """Path in the package and content of `module` and all that it imports, directly or not.

    Imports inside functions count, and so do templates. `OF_NO_CONSEQUENCE` are left out.
    """
    contents: dict[str, bytes] = {}
    todo = {module.resolve()}
    while todo:
        path = todo.pop()
        name = path.relative_to(ROOT).as_posix()
        if name not in contents:
            contents[name] = path.read_bytes()
            if path.suffix != TEMPLATE:
                todo |= {*_imports(contents[name]), *path.parent.glob(f"{path.stem}*{TEMPLATE}")}
    return {name: contents[name] for name in sorted(contents.keys() - OF_NO_CONSEQUENCE)}


def _imports(content: bytes) -> Iterator[Path]:
    """Files of the package that a module imports, with the `__init__` of each folder on the way."""
    for name in _imported_names(content):
        yield from _files_of(ROOT, name)


@cache
def _files_of(root: Path, name: str) -> tuple[Path, ...]:
    """The files that `import NAME` runs."""
    package, *parts = name.split(".")
    folders = [root.joinpath(*parts[:n]) for n in range(len(parts) + 1) if package == pipeline.__name__]
    return tuple(
        f for path in folders for f in (path.with_suffix(".py"), path / "__init__.py") if f.is_file()
    )


@cache
def _imported_names(content: bytes) -> tuple[str, ...]:
    """What a module imports, with dots."""
    names: list[str] = []
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(names)

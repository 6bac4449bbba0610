"""The modules of the package as syntax trees, and what they import."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "pipeline").rglob("*.py"))
FILES = frozenset(MODULES)


@cache
def tree(module: str) -> ast.Module:
    """Syntax tree of a module, given as path from the root: `pipeline/paths.py`."""
    return ast.parse((ROOT / module).read_text(encoding="utf-8"), module)


@cache
def imported_names(module: str) -> frozenset[str]:
    """Dotted names that a module imports anywhere, `from a import b` as `a.b`."""
    names: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: expected an absolute import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


@cache
def imported_modules(module: str) -> frozenset[str]:
    """Modules of the package that a module imports, with the `__init__` of each package on the way."""
    result: set[str] = set()
    for name in imported_names(module):
        parts = name.split(".")
        for length in range(1, len(parts) + 1) if parts[0] == "pipeline" else ():
            path = "/".join(parts[:length])
            result |= {f"{path}.py", f"{path}/__init__.py"} & FILES
    return frozenset(result)


def closure(module: str) -> set[str]:
    """`module` and all modules of the package that it imports, directly or not."""
    result, todo = set(), {module}
    while todo:
        result |= todo
        todo = {other for one in todo for other in imported_modules(one)} - result
    return result


def room(module: str) -> str:
    """Name of the folder or the module right below `pipeline`: `data`, `params`, `__main__`."""
    return Path(module).parts[1].removesuffix(".py")

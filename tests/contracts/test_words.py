"""One word for one thing: a public name stands in one module, and rooms stay small enough to read."""

import ast
from collections import defaultdict
from statistics import median

from tests.contracts.modules import MODULES, ROOT, tree

MOST_LINES = 250  # of a file
MEDIAN_LINES = 12  # of a function, its docstring included
# Of each kind of module: stages and commands are started by these names, and sources are read by one.
OF_EVERY_KIND = {"main", "add_parser", "run", "read_folder"}
MOST_FILES = 2  # of one name: a stage or an export may be called as what it starts or reads


def public_names(module: str) -> set[str]:
    """Functions, classes and types that a module defines at its top; constants are read where they stand."""
    names: set[str] = set()
    for node in tree(module).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_") and not name.isupper()}


def test_a_public_name_means_one_thing() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for module in MODULES:
        for name in public_names(module) - OF_EVERY_KIND:
            homes[name].append(module)
    assert {name: modules for name, modules in homes.items() if len(modules) > 1} == {}


def test_a_file_name_means_one_thing() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for module in MODULES:
        homes[module.rpartition("/")[2]].append(module)
    alike = {name: modules for name, modules in homes.items() if len(modules) > MOST_FILES}
    assert alike.keys() <= {"__init__.py"}, alike


def test_files_are_small() -> None:
    lines = {module: (ROOT / module).read_text(encoding="utf-8").count("\n") for module in MODULES}
    assert {module: count for module, count in lines.items() if count > MOST_LINES} == {}


def test_functions_are_small() -> None:
    functions = [n for module in MODULES for n in ast.walk(tree(module)) if isinstance(n, ast.FunctionDef)]
    assert median((f.end_lineno or 0) - f.lineno + 1 for f in functions) <= MEDIAN_LINES

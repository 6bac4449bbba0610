"""Adds a subcommand and its help to the parser of `camseg`."""

import argparse
from collections.abc import Callable
from typing import Any


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int] | None,
    *,
    help: str,
    description: str | None = None,
    examples: str | None = None,
) -> argparse.ArgumentParser:
    """The parser of a new subcommand, with `--debug` and, below the options, with its examples.

    Args:
        commands: what `add_subparsers` returned.
        run: does the work and returns the exit status; None for a command with actions of its own.
        help: the line in the list of commands.
        description: the lines above the options; by default `help`.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=description or help,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # Suppressed, so that `camseg corrections --debug list` is not undone by the parser of `list`.
    parser.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help="show where an error comes from"
    )
    parser.set_defaults(run=run)
    return parser

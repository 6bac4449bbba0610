"""Adds a subcommand and its help to the parser of `camseg`."""

import argparse
from collections.abc import Callable
from typing import Any


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int] | None,
    help: str,
    examples: str | None = None,
) -> argparse.ArgumentParser:
    """The parser of a new subcommand, with `--debug`.

    Args:
        commands: what `add_subparsers` returned.
        run: does the work and returns the exit status; None for a command with actions of its own.
        help: what the command does, for the list of commands and the top of its own help.
        examples: details and examples, for the end of its own help.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=f"{help[0].upper()}{help[1:]}.",
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # Suppressed, so that the parser of `list` does not undo `camseg corrections --debug list`.
    parser.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help="show where an error comes from"
    )
    parser.set_defaults(run=run)
    return parser

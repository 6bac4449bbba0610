"""The `camseg` command."""

import argparse
import sys
from collections.abc import Sequence

from pipeline.commands import check, diagnose, explain, export, predict, use


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns the exit status: 0, or 1 for what it says is wrong."""
    parser = argparse.ArgumentParser("camseg", description="Segmentation from image-level labels.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (check, use, explain, diagnose, predict, export):
        command.add_parser(commands)
    given = parser.parse_args(arguments)
    try:
        status: int = given.run(given)
    except (ValueError, OSError) as error:
        print(f"camseg: {error}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())

"""The `camseg` command."""

import argparse
import os
import sys
from collections.abc import Sequence

from pipeline.commands import check, corrections, diagnose, download, explain, export, predict, use
from pipeline.errors import UserError
from pipeline.stages.running import ADVICE, is_out_of_memory

REFUSED = 2  # what is given cannot be used; argparse ends with it too
INTERRUPTED = 130  # by Ctrl-C, as a shell has it
UNREAD = 141  # the reader of the output has gone, as a shell has it

EXAMPLES = """
from images to a model, and from corrected masks to a better one:
  camseg check ../photos
  camseg use ../photos
  make repro
  camseg export labelstudio to-correct
  camseg corrections add project-1.json
  make repro
  camseg predict ../new-photos --out predicted

camseg COMMAND --help has more of each.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns the exit status.

    0; 1 if it did its work and something is wrong with what it looked at; 2 if it refuses what it was given;
    130 if the user stopped it.
    """
    parser = argparse.ArgumentParser(
        "camseg",
        description="Segmentation from image-level labels.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (check, use, download, explain, diagnose, predict, export, corrections):
        command.add_parser(commands)
    for each in commands.choices.values():
        each.add_argument("--debug", action="store_true", help="show where an error comes from")
    given = parser.parse_args(arguments)
    try:
        status: int = given.run(given)
        sys.stdout.flush()
    except BrokenPipeError:  # of `camseg check ... | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end of Python
        return UNREAD
    except (UserError, OSError) as error:
        if given.debug:
            raise
        print(f"camseg: {error}", file=sys.stderr)
        return REFUSED
    except RuntimeError as error:
        if given.debug or not is_out_of_memory(error):
            raise
        print(f"camseg: {error}\n  {ADVICE}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        if given.debug:
            raise
        print("camseg: interrupted", file=sys.stderr)
        return INTERRUPTED
    return status


if __name__ == "__main__":
    sys.exit(main())

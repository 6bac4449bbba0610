"""The `camseg` command: reads its arguments, runs a subcommand, and prints expected errors plainly."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from pipeline.commands import (
    check,
    corrections,
    diagnose,
    download,
    explain,
    export,
    ground_truth,
    init,
    label_tiles,
    plan,
    predict,
    review,
    run,
    use,
    weights,
)
from pipeline.errors import INTERRUPTED, UserError
from pipeline.stages.running import ADVICE, is_out_of_memory

REFUSED = 2  # the input cannot be used; argparse has the same status
UNREAD = 141  # the reader of the output has gone, as a shell has it

EXAMPLES = """
from images to a model, and from corrected masks to a better one:
  camseg check images
  camseg init my-project --data images
  cd my-project
  camseg run
  camseg export labelstudio to-correct
  camseg corrections add project-1.json
  camseg run
  camseg predict ../new-images --out predicted

`camseg COMMAND --help` shows the options and more examples.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status of a subcommand.

    0; 1 if it did its work and something is wrong with the data; 2 if it refuses its input; 130 if the user
    stopped it.
    """
    parsed = parse_arguments(arguments)
    try:
        status: int = parsed.run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:  # of `camseg check ... | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end of Python
        return UNREAD
    except (UserError, OSError, RuntimeError, KeyboardInterrupt) as error:
        if parsed.debug or (isinstance(error, RuntimeError) and not is_out_of_memory(error)):
            raise
        return report_error(error)
    return status


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The arguments of one subcommand, with its function as `run`."""
    parser = argparse.ArgumentParser(
        "camseg",
        description="Segmentation from image-level labels.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(debug=False)
    parser.add_argument("--version", action="version", version=f"camseg {version('camseg')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    work = (explain, diagnose, predict, export, review, corrections, ground_truth)
    for command in (check, init, use, plan, run, download, weights, label_tiles, *work):
        command.add_parser(commands)
    return parser.parse_args(arguments)


def report_error(error: BaseException) -> int:
    """The exit status that stands for `error`, which is printed without a traceback."""
    message = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
    print(f"camseg: {message}", file=sys.stderr)
    if isinstance(error, RuntimeError):
        print(f"  {ADVICE}", file=sys.stderr)
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else REFUSED


if __name__ == "__main__":
    sys.exit(main())

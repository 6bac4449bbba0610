"""The errors that a user can mend, and the exit status of one who stopped the work."""

import errno

INTERRUPTED = 130  # by Ctrl-C, as a shell has it


class UserError(ValueError):
    """Data, params, files or options that cannot be used; the message, shown alone, says what to do."""


def is_disk_full(error: Exception) -> bool:
    """Whether the disk, or what the user may take of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)

"""The errors that a user can mend, and the exit status of one who stopped the work."""

INTERRUPTED = 130  # by Ctrl-C, as a shell has it


class UserError(ValueError):
    """Data, params, files or options that cannot be used; the message, shown alone, says what to do."""

"""The errors that a user can mend."""


class UserError(ValueError):
    """Data, params, files or options that cannot be used; the message, shown alone, says what to do."""

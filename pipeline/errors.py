"""The errors that a user can mend."""


class UserError(ValueError):
    """What was given cannot be used: data, params, files, options.

    The message says what, where, what was expected and what to do. Stages and commands show it alone; any
    other exception but an `OSError` is a bug, and keeps its traceback.
    """

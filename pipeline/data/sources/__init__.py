"""The kinds of folders that labels come in: each module turns one kind into records."""

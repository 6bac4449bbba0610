"""The kinds of folders that labels come in: each module reads one kind; parse.py picks it."""

"""What every subpackage uses and nothing knows of the field: files, processes, problems, unfinished work."""

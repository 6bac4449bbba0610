"""One module per subcommand of `camseg`."""

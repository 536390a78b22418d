"""Groups of the command's subcommands."""

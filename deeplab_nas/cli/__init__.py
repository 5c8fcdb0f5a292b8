"""The commands: their flags, help pages and exit codes, one module for each."""

"""The command line: each command parses its arguments, calls one public function, and prints what came of it."""

from digitsmith.cli.app import main

__all__ = ["main"]

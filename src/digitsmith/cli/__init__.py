"""The command line: parse, call one function, print."""

from digitsmith.cli.app import main

__all__ = ["main"]

"""`python -m digitsmith.cli`."""

from digitsmith.cli.app import main

main()

"""`python -m digitsmith`, and `torchrun -m digitsmith`."""

from digitsmith.cli import main

main()

"""Generators: the adversarial step, the loop around it, what goes before, and what a run keeps."""

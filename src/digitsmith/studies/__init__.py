"""Experiments on what generated images are good for."""

"""Experiments on what generated digits are good for."""

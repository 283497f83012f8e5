"""Handwritten numbers on paper, with the box of each character."""

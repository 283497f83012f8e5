"""Digitsmith."""

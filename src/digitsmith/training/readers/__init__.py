"""Readers: classifiers of single digits, from labelled images and others, and a CRNN that reads numbers."""

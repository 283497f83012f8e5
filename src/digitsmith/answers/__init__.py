"""What a reader says of files: label, probability and verdict of each, as tables and pictures."""

"""From names and files to data sets, and back."""

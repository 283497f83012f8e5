"""Tables that name images and their labels: their text, their columns, and the files that they name."""

"""The named data sets: where they are, how they are fetched, and where they are kept."""

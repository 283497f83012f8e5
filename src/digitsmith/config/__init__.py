"""Everything that decides what a training computes, typed."""

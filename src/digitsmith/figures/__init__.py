"""Pictures of a run, drawn from what it left on disk."""

"""Pictures of a run, made from what it left on disk. Nothing is computed anew."""

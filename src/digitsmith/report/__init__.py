"""Pictures, pages and tables of runs and results, made from what they left on disk. Nothing is computed anew."""

"""From a request to a plan of shards, and from the plan to a folder: here, in processes, or by ranks of a launcher."""

"""From a request to a plan of shards, and from the plan to a folder: here, in processes, by ranks, or on Ray."""

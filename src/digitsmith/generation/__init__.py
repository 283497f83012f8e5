"""From a model to a data set of any size."""

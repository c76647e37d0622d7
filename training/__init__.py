"""Where the weights are: the child processes that load a model."""

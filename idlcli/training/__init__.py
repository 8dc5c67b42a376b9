"""One fit for every model."""

"""One file a trainable thing."""

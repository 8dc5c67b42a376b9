"""What runs many experiments."""

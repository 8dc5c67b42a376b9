"""Run directories to pages."""

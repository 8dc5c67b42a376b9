"""The report's tables, figures and claims beside ours."""

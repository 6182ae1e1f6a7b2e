"""Networks at work."""

"""Looking at networks: what they cost, how they are built, what they look like."""

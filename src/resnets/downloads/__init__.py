"""Files that others publish: fetched once, verified, kept."""

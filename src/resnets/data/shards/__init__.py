"""Shards: tar archives of samples in the form of WebDataset, read by place without extracting them."""

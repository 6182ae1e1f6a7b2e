"""The papers' experiments, as named things that can be run, with the parts that only they need."""

"""The shapes in which data sets come, one file for each."""

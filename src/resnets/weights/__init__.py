"""Weights in files: ours and everybody's, told apart, checked, downloaded, converted."""

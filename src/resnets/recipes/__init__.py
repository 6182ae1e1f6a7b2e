"""Recipes: how networks are trained, as settings."""

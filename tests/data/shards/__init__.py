"""Tests of resnets.data.shards."""

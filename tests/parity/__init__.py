"""Our networks compute what other libraries' networks compute from the same weights."""

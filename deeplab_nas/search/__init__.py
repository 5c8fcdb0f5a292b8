"""Who decides: search strategies and the search run."""

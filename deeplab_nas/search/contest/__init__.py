"""Whether what a search found is better than chance: fair comparisons."""

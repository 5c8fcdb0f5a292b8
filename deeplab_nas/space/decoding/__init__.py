"""How decoding finds its architectures: k-best lists, search in a budget."""

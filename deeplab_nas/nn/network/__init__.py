"""The network that one genotype describes."""

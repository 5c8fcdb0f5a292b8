"""Parts of pictures: page, lattice, cell, alpha; matplotlib comes in late."""

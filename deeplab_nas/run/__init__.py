"""One run, whatever it learns: folder, loop, checkpoints, devices."""

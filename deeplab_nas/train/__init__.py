"""Training one network: losses, optimizers, schedules and the training run."""

"""Whether scores without a training rank architectures as trainings do."""

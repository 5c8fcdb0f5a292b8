"""Operations on tensors that layers are made of, and their gradients."""

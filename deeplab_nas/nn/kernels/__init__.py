"""Operations on tensors that supernet and network are made of."""

"""The paper's strategy: gradient descent on alpha and beta, first order.

First order: the gradient does not pass through a step of the weights.

Reference:
  Auto-DeepLab, Sec. 4.2, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

from deeplab_nas.search.relaxed import by_logits


class FirstOrder(by_logits.ByLogits):
  """Adam on alpha and beta under the loss of half B.

  Every step computes with the softmax of both, `mode`.
  """

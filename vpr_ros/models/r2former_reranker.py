# SPDX-License-Identifier: Apache-2.0
"""R2Former's reranker: a transformer that looks at pairs of local features of two images.

See ``r2former`` for the paper, of which this is section 3.3.

Each of the N features of the query picks its K = 5 best partners in the candidate, and each of the
M features of the candidate picks five in the query: N + M groups of five pairs. A small transformer
sums up every group, a second one reads all groups and judges whether both images show one place.

Shapes: B pairs of images, G = B (N + M) groups of pairs, 32 features of a token.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vpr_ros.models.layers import blocks, layer_norm, update_first, update_groups

WIDTH = 32
HEADS = 4
PARTNERS = 5
DEPTH = 6
POINT = 3  # u, v and attention stand before the descriptor
_TUPLE = 2 * POINT + 1  # both points and the correlation


class _Side(NamedTuple):
    """What is known of the features of one side before they meet the other's."""

    descriptors: Tensor  # [B, N, 128] unit norm
    tokens: Tensor  # [B, N, 32] this side's share of the token of a pair
    positions: Tensor  # [B, N, 32]


class RerankerNetwork(nn.Module):
    """Scores pairs of images by their local features, with the keys of the published weights."""

    frequencies: Tensor

    def __init__(self, depth: int = DEPTH) -> None:
        """Make a network that is not trained, with this number of blocks that read all groups."""
        super().__init__()
        self.cls_token = nn.Parameter(torch.empty(1, 1, WIDTH))
        self.cls_token_2 = nn.Parameter(torch.empty(1, 1, WIDTH))
        # The authors' files hold these two. Nothing reads the first; the second mixes the score
        # with the similarity of global descriptors, to an output that nothing reads, either.
        self.decoder_pos_embed = nn.Parameter(torch.empty(1, 1001, WIDTH))
        self.ratio = nn.Parameter(torch.tensor([0.5]))
        self.blocks = blocks(depth, WIDTH, HEADS)
        self.blocks_2 = blocks(2, WIDTH, HEADS)
        self.decoder_norm = layer_norm(WIDTH)
        self.pair_head = nn.Linear(_TUPLE, WIDTH)
        self.pair_head_2 = nn.Linear(WIDTH, WIDTH)
        self.decoder_pred = nn.Linear(WIDTH, 2)
        self.register_buffer("frequencies", _frequencies(), persistent=False)
        self._initialize()

    def forward(self, query: Tensor, candidates: Tensor) -> dict[str, Tensor]:
        """Score candidates for one query, or pairs; the query comes first, in training, too.

        Args:
            query: u, v, attention and descriptor of each feature, [1 or B, N, 131].
            candidates: the same of the other images, [B, M, 131].

        Returns:
            ``scores`` [B]: probability that both images show one place; not symmetric.
        """
        return {"scores": self.logits(query, candidates).float().softmax(dim=1)[:, 1]}

    def logits(self, query: Tensor, candidates: Tensor) -> Tensor:
        """Class 0 (another place) and class 1 (one place), [B, 2]; see ``forward``."""
        query = query.expand(candidates.shape[0], -1, -1)
        weight, bias = self.pair_head.weight, self.pair_head.bias
        left = self._side(query, weight[:, :POINT])
        right = self._side(candidates, weight[:, POINT : 2 * POINT])
        # Of the pair's two positions only the candidate's goes into its token (level 1), and
        # only the query's into the group (level 2).
        right = right._replace(tokens=right.tokens + right.positions + bias)
        tokens, positions = _pair_up(left, right, weight[:, 2 * POINT])
        return self._judge(self._summaries(tokens).reshape(positions.shape) + positions)

    def _side(self, features: Tensor, weight: Tensor) -> _Side:
        # Where features lie, and how much attention they got, is not to be learned from scores.
        points = features[..., :POINT].detach().clamp(0.0, 1.0)
        descriptors = functional.normalize(features[..., POINT:], dim=-1)
        # The projection of a pair is a sum of the projections of its parts: made here once for
        # each feature instead of once for each of the ten pairs or more that it is in.
        tokens = functional.linear(points, weight)
        return _Side(descriptors, tokens, self._positions(points))

    def _positions(self, points: Tensor) -> Tensor:
        """Sines and cosines of (u, v), [..., 32]."""
        u, v = (points[..., i : i + 1] * self.frequencies for i in (0, 1))
        return torch.cat([u.sin(), u.cos(), v.sin(), v.cos()], dim=-1)

    def _summaries(self, pairs: Tensor) -> Tensor:
        """Level 1: each group of pairs [K, G, 32] on its own becomes one token, [G, 32]."""
        start = self.cls_token_2.expand(-1, pairs.shape[1], -1)
        tokens = torch.cat([start, pairs], dim=0)
        tokens = update_groups(self.blocks_2[0], tokens, len(tokens))
        tokens = update_groups(self.blocks_2[1], tokens, 1)
        summary: Tensor = self.pair_head_2(self.decoder_norm(tokens[0]))
        return summary

    def _judge(self, groups: Tensor) -> Tensor:
        """Level 2: all groups of a pair of images, [B, N + M, 32], become two logits, [B, 2]."""
        tokens = torch.cat([self.cls_token.expand(groups.shape[0], -1, -1), groups], dim=1)
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        first, _ = update_first(self.blocks[-1], tokens, 1)
        judgement: Tensor = self.decoder_pred(self.decoder_norm(first[:, 0]))
        return judgement

    def _initialize(self) -> None:
        """As the authors start training."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        for token in (self.cls_token, self.cls_token_2):
            nn.init.trunc_normal_(token, std=0.02)
        nn.init.normal_(self.decoder_pos_embed, std=0.01)
        nn.init.zeros_(self.decoder_pos_embed[:, :1].data)


def _frequencies() -> Tensor:
    return 1.0 / 10000 ** (torch.arange(WIDTH // 4, dtype=torch.float32) / (WIDTH // 4))


def _pair_up(left: _Side, right: _Side, weight: Tensor) -> tuple[Tensor, Tensor]:
    """The pairs of every group, and where the query's half of its best pair lies.

    A pair is (query's point, candidate's point, correlation) in this order in either kind of
    group. Where correlations tie at the fifth place, another sort may pick another partner.

    Returns:
        Tokens [K, G, 32] and positions [B, N + M, 32]; the query's groups come first.
    """
    correlation = left.descriptors @ right.descriptors.transpose(1, 2)  # [B, N, M]
    to_right, partners = _best(correlation)
    of_query = left.tokens + _picked(right.tokens, partners) + to_right.unsqueeze(-1) * weight
    to_left, rivals = _best(correlation.transpose(1, 2))
    of_candidate = right.tokens + _picked(left.tokens, rivals) + to_left.unsqueeze(-1) * weight
    positions = torch.cat([left.positions, _picked(left.positions, rivals[:1])[0]], dim=1)
    return torch.cat([of_query, of_candidate], dim=2).flatten(1, 2), positions


def _best(correlation: Tensor) -> tuple[Tensor, Tensor]:
    """The five largest values of each row [B, N, M] and their columns, [K, B, N] each."""
    values, columns = correlation.topk(PARTNERS, dim=2)
    return values.permute(2, 0, 1), columns.permute(2, 0, 1)


def _picked(features: Tensor, columns: Tensor) -> Tensor:
    """Rows of [B, M, 32] by their numbers [K, B, N], as [K, B, N, 32]."""
    batch, count, _ = features.shape
    first = torch.arange(batch, device=features.device).reshape(-1, 1) * count
    return features.flatten(0, 1)[columns + first]

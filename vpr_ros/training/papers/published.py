# SPDX-License-Identifier: Apache-2.0
"""Published losses on data with known places.

R2Former's three stages: Zhu et al., CVPR 2023, section 3.4, and the authors' code
(github.com/bytedance/R2Former): the global descriptor by triplets (as TransVPR, Wang et al., CVPR
2022, learns, too); then the reranker behind a backbone that stays as it is; then both. APPSVR's
tuples: Peng et al., ICCV 2021, supplement, equation 2. SUP-VPR's InfoNCE: see ``models.sup_vpr``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vpr_ros.training.losses import info_nce, r2former_total, rerank_cross_entropy, triplet_sum
from vpr_ros.training.recipe import Stage
from vpr_ros.training.run_files import Figures, figures_of
from vpr_ros.training.trainee import Trainee
from vpr_ros.training.triplets import Triplets


def retrieval(trainee: Trainee, batch: Triplets, stage: Stage) -> tuple[Tensor, Figures]:
    """First stage: the global descriptor alone."""
    slots = _triplet_sums(trainee.describe(_together(batch)), batch, stage)
    loss = slots.sum() / (len(batch.queries) * len(slots))
    return loss, figures_of({"triplet": loss})


def tuples(trainee: Trainee, batch: Triplets, stage: Stage) -> tuple[Tensor, Figures]:
    """APPSVR's: a query's negatives add up, queries are averaged."""
    loss = _triplet_sums(trainee.describe(_together(batch)), batch, stage).sum() / len(
        batch.queries
    )
    return loss, figures_of({"tuple": loss})


def places(trainee: Trainee, batch: Triplets, stage: Stage) -> tuple[Tensor, Figures]:
    """SUP-VPR's place stage: InfoNCE among other places of the map."""
    query, positive, *negatives = _parts(trainee.describe(_together(batch)), batch)
    loss = info_nce(query, positive, torch.stack(negatives, dim=1), stage.temperature)
    return loss, figures_of({"info_nce": loss})


def reranking(
    trainee: Trainee, batch: Triplets, stage: Stage, with_triplets: bool = False
) -> tuple[Tensor, Figures]:
    """Second stage: the reranker and the projection of local features; third stage: everything."""
    count, size = len(batch.queries), batch.queries.shape[-2:]
    with torch.set_grad_enabled(with_triplets):
        dense = trainee.extractor.describe(_together(batch))
    query, positive, *negatives = _parts(trainee.select(dense, size, stage.finetune), batch)
    right = trainee.reranker.logits(query, positive)
    wrong = [trainee.reranker.logits(query, each) for each in negatives]
    entropies = torch.stack([rerank_cross_entropy(right, each) for each in wrong])
    figures, triplets = {"entropy": entropies.mean()}, None
    if with_triplets:
        triplets = _triplet_sums(dense.global_descriptor, batch, stage)
        figures["triplet"] = triplets.sum() / (count * len(triplets))
    return r2former_total(triplets, entropies, count), figures_of(figures)


def _together(batch: Triplets) -> Tensor:
    """All images of a batch, described in one run: queries, positives, each slot's negatives."""
    return torch.cat([batch.queries, batch.positives, batch.negatives.flatten(0, 1)])


def _triplet_sums(described: Tensor, batch: Triplets, stage: Stage) -> Tensor:
    """Of each negative's slot, [k]."""
    query, positive, *negatives = _parts(described, batch)
    return torch.stack([triplet_sum(query, positive, each, stage.margin) for each in negatives])


def _parts(rows: Tensor, batch: Triplets) -> tuple[Tensor, ...]:
    """What ``_together`` joined."""
    return torch.split(rows, len(batch.queries))

# SPDX-License-Identifier: Apache-2.0
"""All images that a run learns from and is judged by: photos without labels, or known places."""

from __future__ import annotations

from dataclasses import dataclass

from vpr_ros.evaluation.retrieval_set import RetrievalSet
from vpr_ros.training.papers.labels import LabeledSet, LabelRecipe, label
from vpr_ros.training.photos import Photos


@dataclass(frozen=True)
class TrainingData:
    """What is given: of each kind to train with, and to validate by."""

    photos: tuple[Photos, Photos] | None = None
    places: RetrievalSet | None = None
    validation: RetrievalSet | None = None

    @property
    def photos_to_train(self) -> Photos:
        """Photos without labels."""
        assert self.photos is not None  # checked
        return self.photos[0]

    @property
    def photos_to_validate(self) -> Photos:
        """Photos that are not trained on; may be none."""
        assert self.photos is not None  # checked
        return self.photos[1]

    def places_to_train(self, recipe: LabelRecipe) -> LabeledSet:
        """Images with known places.

        Raises:
            DatasetError: the rule cannot be applied to them.
        """
        assert self.places is not None  # checked
        return label(self.places, recipe)

    def places_to_validate(self, recipe: LabelRecipe) -> LabeledSet | None:
        """Images with known places that are not trained on, or None.

        Raises:
            DatasetError: the rule cannot be applied to them.
        """
        return label(self.validation, recipe) if self.validation is not None else None

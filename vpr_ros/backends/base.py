# SPDX-License-Identifier: Apache-2.0
"""What runs a network, whichever library and device that is.

Every network that describes images has one input and two outputs under these names, so that one
extractor serves them all. B = images, K = local features, D and C = descriptor sizes:

- ``image``: float32 [B, 3, H, W], RGB, normalized by the spec's mean and standard deviation;
- ``global_descriptor``: float32 [B, D], unit norm;
- ``local_features``: float32 [B, K, 3 + C], each row u, v, score and descriptor, where u and v are
  the position in pixels of the network's input divided by the longer side of that input.

Learned rerankers share these names, N and M being the numbers of local features:

- ``query``: float32 [1, N, 3 + C], rows as above;
- ``candidates``: float32 [B, M, 3 + C];
- ``scores``: float32 [B], larger is better.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import BackendError

IMAGE = "image"
GLOBAL_DESCRIPTOR = "global_descriptor"
LOCAL_FEATURES = "local_features"
QUERY = "query"
CANDIDATES = "candidates"
SCORES = "scores"

Arrays = dict[str, NDArray[Any]]


class Backend(Protocol):
    """One network with its weights, ready on one device."""

    spec: ModelSpec
    device: str  # cpu, or a GPU, such as cuda or cuda:0
    description: str  # the library, device and precision in use, for people

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Compute the network's outputs.

        Args:
            inputs: arrays by the names of the network's inputs.

        Returns:
            Arrays by the names of its outputs.

        Raises:
            BackendError: the device failed, or inputs are missing or of the wrong shape.
        """
        ...


def first_line(error: Exception) -> str:
    """What an error says first; what is behind are mostly traces of somebody else's code."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def run_failed(
    method: str, device: str, inputs: Mapping[str, NDArray[Any]], cause: str
) -> BackendError:
    """The error for a network that could not compute its outputs, with what it was given."""
    shapes = ", ".join(f"{name} {list(each.shape)}" for name, each in inputs.items())
    return BackendError(f"{method} on {device} failed for {shapes}: {cause}")

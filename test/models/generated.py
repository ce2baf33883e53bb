# SPDX-License-Identifier: Apache-2.0
"""Files of generated weights, laid out like those that the methods' authors publish."""

from pathlib import Path

import numpy as np
import r2former_samples
import torch
import transvpr_samples

_SHAPES = {"transvpr": transvpr_samples.SHAPES, "r2former": r2former_samples.SHAPES["r2former"]}
_MAKE = {"transvpr": transvpr_samples.weight, "r2former": r2former_samples.weight}


def write_weights(method: str, path: Path) -> None:
    """Write the file, which anyone can make again bit for bit."""
    if method in _SHAPES:
        items = _SHAPES[method].items()
        state = {key: _tensor(method, key, shape) for key, shape in items}
    else:
        state = _state(method)
    torch.save(state, path)


def _tensor(method, key, shape):
    made = _MAKE[method](key, tuple(shape))
    return torch.ones(shape) if made is None else torch.from_numpy(np.array(made))


def _state(method):
    """Of methods without published weights, or with DINOv2's."""
    import appsvr_samples
    import dinov2_samples

    if method == "appsvr":
        return appsvr_samples.filled().state_dict()
    return dinov2_samples.official_state(registers=method == "sup_vpr_small_reg")

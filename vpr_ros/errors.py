# SPDX-License-Identifier: Apache-2.0
"""The one tree of errors: every message names the offending value and the remedy.

The command line turns a ``VprError`` into one line and exit code 2; a node counts it, reports it in
its diagnostics and goes on.
"""


class VprError(Exception):
    """Anything that vpr_ros refuses to do, said in one sentence."""


class ConfigError(VprError):
    """A setting has a value that cannot work."""


class ImageError(VprError):
    """An image is empty, truncated, or in an encoding that is not understood."""


class NothingShownError(ImageError):
    """An image shows nothing that tells a place: a covered lens, noise, a test picture."""


class WeightsError(VprError):
    """Network weights are missing or do not fit the network."""


class BackendError(VprError):
    """The library or device that should run a model is missing or failed."""


class UnavailableError(BackendError):
    """A library or device is not there at all; another might do."""


class MapError(VprError):
    """A map file cannot be read, written or trusted."""


class DatasetError(VprError):
    """A bag or an image folder does not hold what was asked of it."""


class TrainingError(VprError):
    """A training run cannot begin, be continued or go on."""

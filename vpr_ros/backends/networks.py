# SPDX-License-Identifier: Apache-2.0
"""The networks of one method, out of the file that the configuration names."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

from vpr_ros.backends import Backend, open_backend
from vpr_ros.backends.choice import choose
from vpr_ros.backends.exported import is_exported, reranker_path
from vpr_ros.backends.options import BackendOptions, Hooks
from vpr_ros.config import NetworkConfig
from vpr_ros.errors import ConfigError, WeightsError
from vpr_ros.models import NETWORKS, network_of, variant_of
from vpr_ros.models.known_weights import shipped_file


class Networks:
    """Opens the networks of one file, all by the same runtime."""

    def __init__(self, family: str, config: NetworkConfig, hooks: Hooks) -> None:
        """Decide which file is run, and by what.

        Args:
            family: what they are called in ``vpr_ros.models``, but for the variant; empty for
                whatever the file says that it holds.
            config: the file and how to run it.
            hooks: for what may take minutes: building a TensorRT engine.

        Raises:
            BackendError: nothing here runs such a file.
            ConfigError: settings do not go together, or there is no such variant.
            WeightsError: no file is named, and none comes with the package.
        """
        if config.variant and not family:
            raise ConfigError(f"network.variant = {config.variant!r}: a file says what it holds")
        self._name = variant_of(family, config.variant) if family else ""
        weights = _weights(config.weights, self._name)
        if bool(config.width) != bool(config.height):
            raise ConfigError("network.width and network.height: give both, or none")
        # As many as this process may run at the same time, unless told.
        self.cores = config.threads or len(os.sched_getaffinity(0))
        self._config = config
        options = BackendOptions(
            config.runtime,
            config.device,
            config.precision,
            self.cores,
            cuda_graph=config.cuda_graph,
            hooks=hooks,
        )
        # Who did not name a file need not hear how the package's own is run.
        choice = choose(weights, options, logging.INFO if config.weights else logging.DEBUG)
        self._path = choice.path
        self._options = replace(options, runtime=choice.runtime)

    def describing(self) -> Backend:
        """The network that describes images; errors as ``open_backend`` raises them."""
        config = self._config
        size = (config.width, config.height) if config.width else None
        settings = {"num_local": float(config.num_local)} if config.num_local else {}
        options = replace(self._options, input_size=size, settings=settings)
        return open_backend(self._path, self._name, options)

    def reranking(self, described_by: Backend, threads: int = 0) -> Backend:
        """The network that compares local features: in the same file, or exported beside it.

        Args:
            described_by: what made the features.
            threads: CPU threads of one run; 0 for as many as the describing network has.

        Raises:
            ConfigError: the method has none.
        """
        spec = described_by.spec
        name = network_of(spec.method).reranker if spec.method in NETWORKS else ""
        if not name:
            raise ConfigError(
                f"rerank = 'learned': {spec.method} has no network for that: choose homography"
            )
        path = reranker_path(self._path) if is_exported(self._path) else self._path
        size = (spec.input_width, spec.input_height)
        options = replace(self._options, input_size=size, threads=threads or self.cores)
        return open_backend(path, name, options)


def _weights(named: str, network: str) -> Path:
    """The file that is named, or the one that comes with the package."""
    if named:
        return Path(named).expanduser()
    path = shipped_file(network)
    if path is None:
        raise WeightsError(
            f"{network or 'method file'} needs network.weights: a file that 'vpr weights list' "
            "names, or one that 'vpr export' made of it"
        )
    return path

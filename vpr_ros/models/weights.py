# SPDX-License-Identifier: Apache-2.0
"""Weights into networks, strictly: every key and shape fits, or the file is refused by name.

Loading what happens to fit and keeping random values elsewhere is how a robot runs, and is wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save
from torch import Tensor

from vpr_ros.atomic_file import write_files
from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import BackendError, ConfigError, WeightsError
from vpr_ros.models import NETWORKS, Network, Settings, network_of
from vpr_ros.models.weights_file import SAFETENSORS, WeightsFile, read_weights

_NAMED = 3  # keys that a message lists before it only counts


@dataclass(frozen=True)
class LoadedNetwork:
    """A network with its weights, in evaluation mode."""

    module: Any  # torch.nn.Module
    spec: ModelSpec


def load(path: Path, name: str = "", settings: Settings | None = None) -> LoadedNetwork:
    """Make a network and give it the weights of a file.

    Without a name, it is the only network that the file fits; settings are those that differ from
    the network's own.

    Raises:
        WeightsError: the file cannot be read, or does not fit.
        ConfigError: the network or a setting is unknown.
        BackendError: a library that the network is made with is not installed.
    """
    file = read_weights(path)
    name = name or _only_fitting(file)
    network = network_of(name)
    own = fitting(file, name)
    spec = network.measured(_merged(network.spec, settings or {}), own)
    return _filled(network, own, spec)


def fitting(file: WeightsFile, name: str) -> dict[str, Tensor]:
    """The tensors of a file by the keys of a network's module.

    Raises:
        WeightsError: keys are missing or unexpected, or shapes differ.
    """
    network = network_of(name)
    problems = _problems(network, file.tensors)
    if problems:
        fits = [other for other in identified(file.tensors) if other != name]
        hint = f"; it fits {', '.join(fits)}" if fits else ""
        raise WeightsError(f"{file.path} does not fit {name}: {'; '.join(problems)}{hint}")
    return _own(network, file.tensors)


def identified(tensors: Mapping[str, Tensor]) -> list[str]:
    """The networks of the table that these tensors fit."""
    return [name for name in _marked(tensors) if not _problems(NETWORKS[name], tensors)]


def contents(file: WeightsFile, name: str = "") -> dict[str, str]:
    """The networks that a file holds, or the one of this name, each with its weights' SHA-256.

    Raises:
        WeightsError: there are none, or not this one.
    """
    names = [name] if name else identified(file.tensors) or [_nearest(file)]
    return {each: weights_sha256(fitting(file, each)) for each in names}


def weights_sha256(tensors: Mapping[str, Tensor]) -> str:
    """A hash of names, types, shapes and values: the same whichever file they came from.

    So a map made with published weights stays usable when they are converted.
    """
    digest = hashlib.sha256()
    for key in sorted(tensors):
        value = tensors[key].contiguous()
        digest.update(f"{key} {value.dtype} {list(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def convert(path: Path, output: Path, name: str = "", half: bool = False) -> tuple[str, ...]:
    """Write the weights of a file as safetensors, which cannot hold code.

    Args:
        path: weights as published, or of a training run.
        output: the new file.
        name: the network that they must fit; empty for all that they do.
        half: whether to keep values in half precision, in a file of half the size.

    Returns:
        The networks that the weights fit.

    Raises:
        WeightsError: the file cannot be read or fits no network, or the output cannot be made.
    """
    _check_new(output)
    file = read_weights(path)
    names = tuple(contents(file, name))
    about = {"method": ",".join(names), "source_sha256": file.sha256, "source_file": path.name}
    tensors = {
        k: v.half() if half and v.is_floating_point() else v for k, v in file.tensors.items()
    }
    write_new(output, tensors, about)
    return names


def write_new(output: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write weights as safetensors.

    Raises:
        WeightsError: something is there already, it is called otherwise, or cannot be written.
    """
    _check_new(output)
    # Tensors that share memory, or are slices of more, may not go into such a file.
    whole = {key: value.clone().contiguous() for key, value in tensors.items()}
    try:
        write_files({output: save(whole, metadata)})
    except (OSError, RuntimeError, SafetensorError) as error:
        raise WeightsError(f"{output} cannot be written: {error}") from error


def _check_new(output: Path) -> None:
    if output.suffix != SAFETENSORS:
        raise WeightsError(f"{output}: name it *{SAFETENSORS}")
    if output.exists():
        raise WeightsError(f"{output} exists already: remove it, or choose another name")


def _only_fitting(file: WeightsFile) -> str:
    names = identified(file.tensors) or [_nearest(file)]
    if len(names) > 1:
        raise WeightsError(f"{file.path} fits {', '.join(names)}: say which is meant")
    return names[0]


def _marked(tensors: Mapping[str, Tensor]) -> list[str]:
    """The networks that tensors may fit at all; making the others would need their libraries."""
    return [
        name for name, network in NETWORKS.items() if network.marker in network.renamed(tensors)
    ]


def _nearest(file: WeightsFile) -> str:
    """The network that most of a file's tensors fit, to say what is wrong with the rest."""
    marked = _marked(file.tensors)
    if not marked:
        found = _listed("holds", list(file.tensors))
        raise WeightsError(f"{file.path} fits none of {', '.join(NETWORKS)}; {found}")
    return max(marked, key=lambda name: _agreement(NETWORKS[name], file.tensors))


def _agreement(network: Network, tensors: Mapping[str, Tensor]) -> float:
    """The share of a network's tensors that are there, of the right shape."""
    own = _own(network, tensors)
    expected = _expected(network, own)
    there = [key in own and own[key].shape == value.shape for key, value in expected.items()]
    return sum(there) / len(there)


def _own(network: Network, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A network's tensors out of all in the file, by the keys of its module."""
    start = len(network.prefix)
    return {
        key[start:]: value
        for key, value in network.renamed(tensors).items()
        if key.startswith(network.prefix) and not key.startswith(network.others)
    }


def _problems(network: Network, tensors: Mapping[str, Tensor]) -> list[str]:
    """Everything that keeps tensors from fitting a network, in words."""
    own = _own(network, tensors)
    expected = _expected(network, own)
    places = (network.prefix, *network.others)
    unexpected = [key for key in own if key not in expected]
    unexpected += [key for key in network.renamed(tensors) if not key.startswith(places)]
    pairs = [(key, own[key], value) for key, value in expected.items() if key in own]
    found = {
        "missing": [key for key in expected if key not in own and key not in network.optional],
        "unexpected": unexpected,
        "wrong shape": [
            f"{key} {list(a.shape)} instead of {list(b.shape)}"
            for key, a, b in pairs
            if a.shape != b.shape
        ],
        "wrong type": [
            f"{key} {a.dtype}"
            for key, a, b in pairs
            if a.is_floating_point() != b.is_floating_point()
        ],
    }
    return [_listed(what, keys) for what, keys in found.items() if keys]


def _listed(what: str, keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return f"{what}: {', '.join(keys[:_NAMED])}{more}"


def _expected(network: Network, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names, types and shapes of a network's weights, without memory for their values."""
    settings = network.measured(network.spec, own).settings
    with torch.device("meta"):
        state: dict[str, Tensor] = _made(network, settings).state_dict()
    return state


def _made(network: Network, settings: Settings) -> Any:
    try:
        return network.make(settings)
    except ImportError as error:
        raise BackendError(
            f"{network.spec.method} needs {error.name}: pip install {error.name}"
        ) from error


def _filled(network: Network, own: dict[str, Tensor], spec: ModelSpec) -> LoadedNetwork:
    if network.optional:
        module = _made(network, spec.settings)
        # What the file may lack keeps the value that the network was made with.
        made = {key: value for key, value in module.state_dict().items() if key in network.optional}
        module.load_state_dict({**made, **own}, strict=True)
    else:
        # Drawing random weights for the file to replace would take longer than all the rest.
        with torch.device("meta"):
            module = _made(network, spec.settings)
        given = {key: own[key].to(value.dtype) for key, value in module.state_dict().items()}
        module.load_state_dict(given, strict=True, assign=True)
    return LoadedNetwork(module.eval(), replace(spec, weights_sha256=weights_sha256(own)))


def _merged(spec: ModelSpec, settings: Settings) -> ModelSpec:
    unknown = sorted(set(settings) - set(spec.settings))
    if unknown:
        known = ", ".join(sorted(spec.settings))
        raise ConfigError(f"{spec.method} has no setting {unknown[0]!r}; known: {known}")
    if settings.get("num_local", 1.0) < 1.0:
        raise ConfigError(f"num_local = {settings['num_local']:g}: must be at least 1")
    return replace(spec, settings={**spec.settings, **settings})

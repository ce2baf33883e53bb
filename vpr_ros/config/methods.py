# SPDX-License-Identifier: Apache-2.0
"""How images are described and compared: the methods, and the networks that they run.

A method is a row of three choices, each of which can be made apart:

- ``describe``: what gives the global descriptor;
- ``local``: which local features are kept: the describer's own, SIFT's or none;
- ``rerank``: what compares them.
"""

from __future__ import annotations

from dataclasses import dataclass

from vpr_ros.config.renamed import RENAMED_RUNTIMES
from vpr_ros.config.setting import setting
from vpr_ros.errors import ConfigError

AUTO = "auto"
OWN, SIFT, NONE = "own", "sift", "none"
HOMOGRAPHY, LEARNED = "homography", "learned"
FILE = "file"  # describes by whatever network a file holds
LOCALS = (AUTO, OWN, SIFT, NONE)
RERANKERS = (AUTO, HOMOGRAPHY, LEARNED, NONE)
PRECISIONS = ("fp32", "fp16", "bf16")
RUNTIMES = (AUTO, "tensorrt", "onnxruntime", "pytorch")


@dataclass(frozen=True)
class CalibrationConfig:
    """What a rerank score is worth in maps that are too small to tell by themselves."""

    half_score: float = setting(
        0.0,
        "Rerank score from which as many matches are right as wrong, in maps too small to tell; "
        "0: as the method has it",
        minimum=0.0,
    )
    score_slope: float = setting(
        0.0,
        "Growth of the log odds of a right match per unit of rerank score, likewise",
        minimum=0.0,
    )


@dataclass(frozen=True)
class Method:
    """A combination of parts, and what its scores are worth before a map has told."""

    describe: str  # a name in ``DESCRIBERS``
    local: str  # OWN, SIFT or NONE
    rerank: str  # HOMOGRAPHY, LEARNED or NONE
    prior: CalibrationConfig
    measured: bool = False  # whether ``prior`` is what answers from other places score


# Those of networks without weights here are guesses. Scores of a learned reranker and of none are
# logarithms, so that halves and slopes are about 1.
_KEYPOINTS = CalibrationConfig(20.0, 0.3)
_PATCHES = CalibrationConfig(40.0, 0.15)
_MANY_PATCHES = CalibrationConfig(55.0, 0.3)
# Of 20,462 answers to images from other streets, walks and buildings, a tenth had 22 inliers and
# more, a hundredth 31, a thousandth 38. Floors of one tower reach 107: their maps ask for more.
_TINY_PATCHES = CalibrationConfig(22.0, 0.28)
_EVIDENCE = CalibrationConfig(0.7, 1.0)
_LIKENESS = CalibrationConfig(1.2, 4.0)

METHODS = {
    "appsvr": Method("appsvr", OWN, HOMOGRAPHY, _PATCHES),
    FILE: Method(FILE, OWN, HOMOGRAPHY, _PATCHES),
    "hog_sift": Method("hog", SIFT, HOMOGRAPHY, _KEYPOINTS),
    "r2former": Method("r2former", OWN, LEARNED, _EVIDENCE),
    # Its learned reranker saw some ten thousand pairs: a homography of the same features is better.
    "r2former_tiny": Method("r2former_tiny", OWN, HOMOGRAPHY, _TINY_PATCHES, measured=True),
    "sup_vpr": Method("sup_vpr", OWN, HOMOGRAPHY, _PATCHES),
    "transvpr": Method("transvpr", OWN, HOMOGRAPHY, _PATCHES),
}
DESCRIBERS = tuple(sorted(method.describe for method in METHODS.values()))
_PRIORS = {  # of combinations that no method is named after
    (SIFT, HOMOGRAPHY): _KEYPOINTS,
    (OWN, HOMOGRAPHY): _MANY_PATCHES,
    (OWN, LEARNED): _EVIDENCE,
}


def combined(method: str, describe: str = AUTO, local: str = AUTO, rerank: str = AUTO) -> Method:
    """A published combination with some of its parts exchanged.

    Args:
        method: a name in ``METHODS``.
        describe: a name in ``DESCRIBERS``, or AUTO for the method's.
        local: one of ``LOCALS``; AUTO for the method's, or what another describer has.
        rerank: one of ``RERANKERS``; AUTO for the method's, or what suits other local features.

    Raises:
        ConfigError: the parts do not go together.
    """
    named = METHODS[method]
    describe = named.describe if describe == AUTO else describe
    if local == AUTO:
        local = named.local if describe == named.describe else _usual(describe).local
    if rerank == AUTO:
        usual = _usual(describe).rerank if local == OWN else HOMOGRAPHY
        is_named = (describe, local) == (named.describe, named.local)
        rerank = NONE if local == NONE else named.rerank if is_named else usual
    _check_parts(describe, local, rerank)
    parts = (describe, local, rerank)
    if parts == (named.describe, named.local, named.rerank):
        return named
    return Method(*parts, _PRIORS.get((local, rerank), _LIKENESS))


def prior_of(method: Method, calibration: CalibrationConfig) -> CalibrationConfig:
    """What scores are worth by hand: as the configuration says, or else the method."""
    return CalibrationConfig(
        calibration.half_score or method.prior.half_score,
        calibration.score_slope or method.prior.score_slope,
    )


def without_local(method: Method, local: str, rerank: str) -> Method:
    """What becomes of a method whose describer turns out to have no local features.

    Args:
        method: the combination.
        local: what the configuration asks for.
        rerank: likewise.

    Raises:
        ConfigError: they were asked for.
    """
    if local == OWN or rerank not in (AUTO, NONE):
        asked = "local = 'own'" if local == OWN else f"rerank = {rerank!r}"
        raise ConfigError(
            f"{asked}: the network has no local features: choose local sift or rerank none"
        )
    return Method(method.describe, NONE, NONE, _LIKENESS)


def _usual(describe: str) -> Method:
    return next(method for method in METHODS.values() if method.describe == describe)


def _check_parts(describe: str, local: str, rerank: str) -> None:
    if local == OWN and describe == "hog":
        raise ConfigError("local = 'own': hog has no local features: choose sift or none")
    if local == NONE and rerank != NONE:
        raise ConfigError(f"rerank = {rerank!r} compares local features: choose local own or sift")
    if rerank == LEARNED and local != OWN:
        raise ConfigError("rerank = 'learned' knows its network's own features: choose local own")


@dataclass(frozen=True)
class SiftConfig:
    """SIFT keypoints."""

    max_side: int = setting(
        480, "Longer image side in pixels that SIFT works at", within=(64, 4096)
    )
    max_keypoints: int = setting(500, "SIFT keypoints kept per image", within=(16, 8192))


@dataclass(frozen=True)
class NetworkConfig:
    """What all methods that run a network have in common."""

    weights: str = setting(
        "",
        "File of the network: .onnx or .engine from 'vpr export', .onnx of others with a .onnx.json"
        " beside it, .pth, .pt or .safetensors; without suffix: the best of those that are there; "
        "~ is the home folder; empty: what comes with the package, for r2former_tiny",
    )
    variant: str = setting(
        "",
        "Which of a method's networks the file holds, such as small or base_reg of sup_vpr; empty: "
        "the published one",
    )
    runtime: str = setting(
        AUTO,
        "What runs the network; auto: of TensorRT, ONNX Runtime and PyTorch the first that is "
        "installed and runs such files on the device",
        choices=RUNTIMES,
        renamed=RENAMED_RUNTIMES,
    )
    device: str = setting(
        AUTO, "Where the network runs: cpu, cuda or cuda:N; auto: a GPU if the runtime sees one"
    )
    precision: str = setting(
        "fp32", "Arithmetic of the network; an exported one has its own", choices=PRECISIONS
    )
    cuda_graph: bool = setting(
        False, "TensorRT: start the network by one call instead of kernel by kernel"
    )
    threads: int = setting(0, "CPU threads of the network; 0: one for each core", within=(0, 1024))
    width: int = setting(
        0, "Pixels that images are resized to; 0: as the network was trained", within=(0, 8192)
    )
    height: int = setting(
        0, "Pixels that images are resized to; 0: as the network was trained", within=(0, 8192)
    )
    antialias: bool = setting(
        False, "Average pixels where images shrink; published weights were evaluated without"
    )
    num_local: int = setting(
        0,
        "Local features kept per image, those of most attention; 0: as the network has it; an "
        "exported one has its own",
        within=(0, 4096),
    )
    min_score: float = setting(
        -1.0,
        "Local features of no higher score are dropped: TransVPR's key patches (0.02; 0.005 for "
        "RobotCar); negative: as the network has it",
        within=(-1.0, 1.0),
    )

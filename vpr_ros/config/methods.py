# SPDX-License-Identifier: Apache-2.0
"""How images are described and compared: the methods and the networks that they run."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from vpr_ros.config.setting import setting

METHODS = (
    "appsvr",
    "hog_sift",
    "r2former",
    "r2former_deit_base",
    "r2former_resnet50",
    "r2former_tiny",
    "sup_vpr",
    "sup_vpr_reg",
    "sup_vpr_base",
    "sup_vpr_base_reg",
    "sup_vpr_small",
    "sup_vpr_small_reg",
    "transvpr",
    "transvpr_ml_matt_plain",
    "transvpr_ml_satt",
    "transvpr_sl_satt",
)
PRECISIONS = ("fp32", "fp16", "bf16")
RERANKERS = ("learned", "homography")
RUNTIMES = ("auto", "tensorrt", "onnxruntime", "onnxruntime-tensorrt", "openvino", "pytorch")


@dataclass(frozen=True)
class CalibrationConfig:
    """What a rerank score is worth in maps that are too small to tell by themselves."""

    half_score: float = setting(
        0.5, "Rerank score from which as many matches are right as wrong", minimum=0.0
    )
    score_slope: float = setting(
        1.0, "Growth of the log odds of a right match per unit of rerank score", minimum=1e-6
    )


@dataclass(frozen=True)
class HogSiftConfig:
    """The method that needs no weights."""

    max_side: int = setting(
        480, "Longer image side in pixels that SIFT works at", minimum=64, maximum=4096
    )
    max_keypoints: int = setting(500, "SIFT keypoints kept per image", minimum=16, maximum=8192)
    calibration: CalibrationConfig = field(
        default_factory=partial(CalibrationConfig, half_score=20.0, score_slope=0.3)
    )


@dataclass(frozen=True)
class NetworkConfig:
    """What all methods that run a network have in common."""

    weights: str = setting(
        "",
        "File of the network: .onnx or .engine from 'vpr export', .pth, .pt or .safetensors; "
        "without suffix: the best of those that are there; ~ is the home folder; empty: what comes "
        "with the package, for r2former_tiny",
    )
    runtime: str = setting(
        "auto",
        "What runs the network; auto: of TensorRT, ONNX Runtime and PyTorch the first that is "
        "installed and runs such files on the device",
        choices=RUNTIMES,
    )
    device: str = setting(
        "auto", "Where the network runs: cpu, cuda or cuda:N; auto: a GPU if the runtime sees one"
    )
    precision: str = setting(
        "fp32", "Arithmetic of the network; an exported one has its own", choices=PRECISIONS
    )
    cuda_graph: bool = setting(
        False, "TensorRT: start the network by one call instead of kernel by kernel"
    )
    threads: int = setting(
        0, "CPU threads of the network; 0: one for each core", minimum=0, maximum=1024
    )
    width: int = setting(
        0,
        "Pixels that images are resized to; 0: as the network was trained",
        minimum=0,
        maximum=8192,
    )
    height: int = setting(
        0,
        "Pixels that images are resized to; 0: as the network was trained",
        minimum=0,
        maximum=8192,
    )
    antialias: bool = setting(
        False, "Average pixels where images shrink; published weights were evaluated without"
    )


@dataclass(frozen=True)
class AppsvrConfig:
    """APPSVR, and NetVLAD as its simplest case."""

    num_local: int = setting(
        500, "Local features kept per image, those of most attention", minimum=4, maximum=4096
    )
    calibration: CalibrationConfig = field(
        default_factory=partial(CalibrationConfig, half_score=40.0, score_slope=0.15)
    )


@dataclass(frozen=True)
class RerankedConfig:
    """What compares the local features of R2Former and its relatives."""

    reranker: str = setting(
        "learned",
        "What compares local features: the network trained for it, or a homography, which needs "
        "features of a static scene and no second network",
        choices=RERANKERS,
    )
    calibration: CalibrationConfig = field(
        default_factory=partial(CalibrationConfig, half_score=0.7, score_slope=1.0)
    )
    inliers: CalibrationConfig = field(
        default_factory=partial(CalibrationConfig, half_score=55.0, score_slope=0.3)
    )


@dataclass(frozen=True)
class R2FormerConfig(RerankedConfig):
    """R2Former and its learned reranker."""

    num_local: int = setting(
        500, "Local features kept per image, those of most attention", minimum=5, maximum=4096
    )
    own_tokens: bool = setting(
        False, "Take the descriptors of the chosen patches themselves, not of those two before"
    )
    true_grid: bool = setting(
        False, "Place the patches of images of other sizes where they are, not by the grid's width"
    )


@dataclass(frozen=True)
class R2FormerTinyConfig(RerankedConfig):
    """R2Former's small relative.

    Its learned reranker saw some ten thousand pairs: a homography of the same features is better.
    """

    reranker: str = setting("homography", "See r2former.reranker", choices=RERANKERS)
    num_local: int = setting(
        150, "Local features kept per image, those of most attention", minimum=5, maximum=4096
    )


@dataclass(frozen=True)
class SupVprConfig:
    """SUP-VPR, and DINOv2 before any training."""

    calibration: CalibrationConfig = field(
        default_factory=partial(CalibrationConfig, half_score=40.0, score_slope=0.15)
    )


@dataclass(frozen=True)
class TransVprConfig:
    """TransVPR and the variants of its ablation."""

    min_score: float = setting(
        0.02,
        "Patches whose fused attention is not above this are no key patches",
        minimum=0.0,
        maximum=1.0,
    )
    patch_level: int = setting(
        4, "Transformer block whose patches are matched; 0: the CNN's", minimum=0, maximum=6
    )
    mask_low: bool = setting(True, "Fuse the low-level attention mask into key patches")
    mask_mid: bool = setting(True, "Fuse the mid-level attention mask into key patches")
    mask_high: bool = setting(True, "Fuse the high-level attention mask into key patches")
    mask_epsilon: float = setting(
        0.0, "Added where a mask is divided by its range, against NaN", minimum=0.0, maximum=1.0
    )
    calibration: CalibrationConfig = field(
        default_factory=partial(CalibrationConfig, half_score=40.0, score_slope=0.15)
    )

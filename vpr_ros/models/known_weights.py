# SPDX-License-Identifier: Apache-2.0
"""Weights that there are: those that the methods' authors published, and those of this package.

Published ones are neither contained in this package nor downloaded by it: the table says where they
are, and what may be done with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vpr_ros.errors import WeightsError

_NO_LICENSE = "no license granted: ask the authors before any use beyond private study"
_NOT_STATED = "none stated for the weights (code: Apache-2.0); MSLS has terms of its own"
_TRANSVPR = "https://github.com/RuotongWANG/TransVPR-model-implementation"


@dataclass(frozen=True)
class Checkpoint:
    """One published file."""

    file: str
    networks: tuple[str, ...]  # names in the table of networks; empty: not enough for any
    trained_on: str
    source: str  # where its authors host it
    license: str
    git_blob: str = ""  # what `git hash-object FILE` prints, where known


CHECKPOINTS = (
    Checkpoint(
        file="TransVPR_MSLS.pth",
        networks=("transvpr",),
        trained_on="Places365, then MSLS",
        source=f"{_TRANSVPR}/raw/main/TransVPR_MSLS.pth",
        license=_NO_LICENSE,
        git_blob="761be24b0bcf8dbea49054da7bef7087b723f73a",
    ),
    Checkpoint(
        file="TransVPR_Pitts30k.pth",
        networks=("transvpr",),
        trained_on="Places365 and MSLS, then Pitts30k",
        source=f"{_TRANSVPR}/raw/main/TransVPR_Pitts30k.pth",
        license=_NO_LICENSE,
        git_blob="6c7f15e856d25ee8bfe24ebb238c8708d26edd2e",
    ),
    Checkpoint(
        file="CVPR23_DeitS_Rerank.pth",
        networks=("r2former", "r2former_reranker"),
        trained_on="ImageNet, then MSLS",
        source="https://drive.google.com/drive/folders/14dkj0o0NpAD_1MB0Kqt7NiGxR5ekOdN_",
        license=_NOT_STATED,
    ),
    Checkpoint(
        file="msls_v2_deits.pth",
        networks=(),  # the global stage, from which the file above was trained
        trained_on="ImageNet, then MSLS, global descriptor only",
        source="https://drive.google.com/file/d/1XBNjbbNUrp6NIv6REHrMLdHFw5joustx",
        license=_NOT_STATED,
    ),
    Checkpoint(
        file="mapillary_WPCA4096.pth.tar",
        networks=("appsvr",),  # as NetVLAD; 512 and 128 in place of 4096 are smaller
        trained_on="ImageNet, then MSLS",
        source="https://github.com/QVPR/Patch-NetVLAD: download_models.py",
        license="none stated for the weights (code: MIT); MSLS has terms of its own",
    ),
    Checkpoint(
        file="pittsburgh_WPCA4096.pth.tar",
        networks=("appsvr",),
        trained_on="ImageNet, then Pittsburgh",
        source="https://github.com/QVPR/Patch-NetVLAD: download_models.py",
        license="none stated for the weights (code: MIT)",
    ),
    *(
        Checkpoint(
            file=f"{name}{kind}_pretrain.pth",
            networks=(network + suffix,),
            trained_on="LVD-142M, without labels; no places yet",
            source=f"https://dl.fbaipublicfiles.com/dinov2/{name}/{name}{kind}_pretrain.pth",
            license="Apache-2.0",
        )
        for name, network in (
            ("dinov2_vits14", "sup_vpr_small"),
            ("dinov2_vitb14", "sup_vpr_base"),
            ("dinov2_vitl14", "sup_vpr"),
        )
        for kind, suffix in (("", ""), ("_reg4", "_reg"))  # without registers and with them
    ),
)
SHIPPED = {"r2former_tiny": "r2former_tiny_192x256_fp16.onnx"}  # method -> file of its extractor


def published_as(git_blob: str) -> Checkpoint | None:
    """The published file of this Git hash, or None."""
    return next((each for each in CHECKPOINTS if each.git_blob and each.git_blob == git_blob), None)


def shipped_file(method: str) -> Path | None:
    """The exported network that comes with the package; None for methods that have none.

    Raises:
        WeightsError: the package is not whole: its file is missing.
    """
    if method not in SHIPPED:
        return None
    path = _share() / "weights" / SHIPPED[method]
    if not path.is_file():
        raise WeightsError(
            f"{path} is missing, which comes with vpr_ros for the method {method}: build and "
            "install the package again, or name another file in network.weights"
        )
    return path


def _share() -> Path:
    """The folder of the package's files: the checkout, or ``share/vpr_ros`` where it is installed.

    An installed package is ``PREFIX/lib/pythonX.Y/site-packages/vpr_ros`` in a workspace, a virtual
    environment and ``/opt/ros`` alike; links of ``colcon build --symlink-install`` lead to the
    checkout.
    """
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent
    if (checkout / "setup.py").is_file():
        return checkout
    libraries = checkout.parents
    return (libraries[2] if len(libraries) > 2 else checkout) / "share" / "vpr_ros"

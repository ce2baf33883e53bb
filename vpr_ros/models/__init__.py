# SPDX-License-Identifier: Apache-2.0
"""The networks, published ones and our own, by name.

Reading this table needs no torch; making a network does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import ConfigError

Settings = Mapping[str, float]

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_RERANKER = "Reranker."
_R2FORMER_PARTS = ("backbone.", "aggregation.", "local_head.")
_TINY_PARTS = (
    *("stem.", "refine.", "down.", "position.", "cls_token", "blocks."),
    *("norm.", "pool.", "narrow.", "head.", "local_head."),
)
_UNREAD = ("decoder_pos_embed", "ratio")  # stored with the reranker, needed for no score
_TRANSVPR_MASKS = ("mask_low", "mask_mid", "mask_high")


@dataclass(frozen=True)
class Network:
    """What is known of a network before its weights are.

    Published files may hold several networks: some of the fields say which keys are whose.
    """

    spec: ModelSpec  # without weights; its settings are those that ``make`` understands
    make: Callable[[Settings], Any]  # a torch.nn.Module from all settings of the spec
    prefix: str = ""  # of this network's keys in the file, not in the module
    others: tuple[str, ...] = ()  # prefixes of keys that belong to other networks
    optional: tuple[str, ...] = ()  # keys of the module that a file may lack
    marker: str = ""  # a key that no file of other methods has: no other file is compared
    reranker: str = ""  # the network that compares its local features, in the same files
    # Tensors of a file by the keys of this package's own files, where others name them otherwise.
    renamed: Callable[[Mapping[str, Any]], dict[str, Any]] = dict
    # The spec with what only the shapes of the weights tell: sizes, as further settings.
    measured: Callable[[ModelSpec, Mapping[str, Any]], ModelSpec] = lambda spec, _: spec


def network_of(name: str) -> Network:
    """The network of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in NETWORKS:
        raise ConfigError(f"network {name!r} is unknown; known: {', '.join(NETWORKS)}")
    return NETWORKS[name]


def variant_of(family: str, variant: str = "") -> str:
    """The name of a method's network: the published one, or another of its sizes and designs.

    Raises:
        ConfigError: the method has no such variant.
    """
    known = VARIANTS.get(family, ())
    if variant and variant not in known:
        raise ConfigError(
            f"variant = {variant!r}: {family} has {', '.join(known) or 'only one network'}"
        )
    return f"{family}_{variant}" if variant else family


def _transvpr(method: str, aggregation: str) -> Network:
    """TransVPR, or one of the degenerate strategies of its ablation."""
    names = _TRANSVPR_MASKS if "mATT" in aggregation else ()  # sATT has one mask and no choice

    def make(settings: Settings) -> Any:
        from vpr_ros.models.transvpr import TransVPR, Wiring

        masks = tuple(row for row, name in enumerate(names) if settings[name]) if names else (0,)
        wiring = Wiring(int(settings["patch_level"]), masks, aggregation, settings["mask_epsilon"])
        return TransVPR(wiring)

    settings = {
        "min_score": 0.02,  # tau of the paper; 0.005 for RobotCar Seasons
        "patch_level": 4.0,
        "mask_epsilon": 0.0,
        **dict.fromkeys(names, 1.0),
    }
    spec = _spec(method, (480, 640), (256, 256), 16, settings, has_unit_local=True)
    return Network(spec, make, marker="transformer.class_emb")


def _r2former(method: str, backbone: str) -> Network:
    """R2Former's extractor; its reranker, in the same files, is a network of its own."""

    def make(settings: Settings) -> Any:
        from vpr_ros.models.r2former import R2Former, Repairs

        repairs = Repairs(bool(settings["own_tokens"]), bool(settings["true_grid"]))
        return R2Former(backbone, int(settings["num_local"]), repairs)

    settings = {"num_local": 500.0, "own_tokens": 0.0, "true_grid": 0.0}
    spec = _spec(method, (480, 640), (256, 128), 16, settings)
    marker = "backbone.cls_token" if "deit" in backbone else "backbone.0.weight"
    return Network(spec, make, others=(_RERANKER,), marker=marker, reranker="r2former_reranker")


def _r2former_tiny() -> Network:
    """The extractor of R2Former's small relative."""

    def make(settings: Settings) -> Any:
        from vpr_ros.models.r2former_tiny import R2FormerTiny

        return R2FormerTiny(int(settings["num_local"]))

    # It has never seen images shrunk without averaging, and shall not.
    settings = {"num_local": 150.0, "antialias": 1.0}
    spec = _spec("r2former_tiny", (192, 256), (256, 64), 8, settings)
    others, reranker = (_RERANKER,), "r2former_tiny_reranker"
    return Network(spec, make, others=others, marker="stem.0.0.weight", reranker=reranker)


def _reranker(spec: ModelSpec, extractor: tuple[str, ...], depth: int) -> Network:
    """What compares two images' local features, in the files of their extractor."""

    def make(_: Settings) -> Any:
        from vpr_ros.models.r2former_reranker import RerankerNetwork

        return RerankerNetwork(depth)

    return Network(spec, make, _RERANKER, extractor, _UNREAD, "Reranker.cls_token")


def _appsvr() -> Network:
    """APPSVR, whose weights may be NetVLAD's."""

    def make(settings: Settings) -> Any:
        from vpr_ros.models.appsvr import Appsvr, Sizes

        known = [each.name for each in fields(Sizes) if each.name in settings]
        sizes = Sizes(**{name: int(settings[name]) for name in known})
        return Appsvr(sizes, int(settings["num_local"]))

    def renamed(tensors: Mapping[str, Any]) -> dict[str, Any]:
        from vpr_ros.models.appsvr import from_netvlad

        return from_netvlad(tensors)

    def measured(spec: ModelSpec, tensors: Mapping[str, Any]) -> ModelSpec:
        from vpr_ros.models.appsvr import sizes_in

        sizes = sizes_in(tensors)
        settings = {name: float(value) for name, value in asdict(sizes).items()}
        return replace(spec, global_dim=sizes.global_dim, settings={**spec.settings, **settings})

    settings = {"num_local": 500.0}
    spec = _spec("appsvr", (480, 640), (4096, 512), 16, settings, has_unit_local=True)
    return Network(spec, make, marker="refinement.log_a", renamed=renamed, measured=measured)


def _sup_vpr(method: str, size: str, dim: int, registers: bool) -> Network:
    """SUP-VPR, whose weights may be DINOv2's."""

    def make(_: Settings) -> Any:
        from vpr_ros.models.sup_vpr import SupVpr

        return SupVpr(size, registers)

    def renamed(tensors: Mapping[str, Any]) -> dict[str, Any]:
        from vpr_ros.models.sup_vpr import with_fusion

        return with_fusion(tensors)

    marker = "vit.reg_token" if registers else "vit.blocks.0.ls1.gamma"
    spec = _spec(method, (224, 224), (dim, dim), 14, has_unit_local=True)
    return Network(spec, make, marker=marker, renamed=renamed)


def _spec(
    method: str,
    size: tuple[int, int],  # height and width, pixels
    dims: tuple[int, int],  # of the global descriptor and of a local one
    pitch: int,  # pixels of the input from one local feature to the next
    settings: Settings | None = None,
    has_unit_local: bool = False,
) -> ModelSpec:
    return ModelSpec(
        method=method,
        weights_sha256="",
        input_height=size[0],
        input_width=size[1],
        mean=_IMAGENET_MEAN,
        std=_IMAGENET_STD,
        global_dim=dims[0],
        local_dim=dims[1],
        precision="fp32",
        exporter_version="1",
        settings=dict(settings or {}),
        pitch=pitch,
        has_unit_local=has_unit_local,
    )


NETWORKS: dict[str, Network] = {
    "appsvr": _appsvr(),
    "r2former": _r2former("r2former", "deit_small"),
    "r2former_deit_base": _r2former("r2former_deit_base", "deit_base"),
    "r2former_resnet50": _r2former("r2former_resnet50", "resnet50"),
    "r2former_reranker": _reranker(
        _spec("r2former_reranker", (480, 640), (0, 128), 16), _R2FORMER_PARTS, depth=6
    ),
    "r2former_tiny": _r2former_tiny(),
    "r2former_tiny_reranker": _reranker(
        _spec("r2former_tiny_reranker", (192, 256), (0, 64), 8), _TINY_PARTS, depth=3
    ),
    "sup_vpr": _sup_vpr("sup_vpr", "large", 1024, False),
    "sup_vpr_reg": _sup_vpr("sup_vpr_reg", "large", 1024, True),
    "sup_vpr_base": _sup_vpr("sup_vpr_base", "base", 768, False),
    "sup_vpr_base_reg": _sup_vpr("sup_vpr_base_reg", "base", 768, True),
    "sup_vpr_small": _sup_vpr("sup_vpr_small", "small", 384, False),
    "sup_vpr_small_reg": _sup_vpr("sup_vpr_small_reg", "small", 384, True),
    "transvpr": _transvpr("transvpr", "mL-mATT"),
    "transvpr_ml_matt_plain": _transvpr("transvpr_ml_matt_plain", "mL-mATT-plain"),
    "transvpr_ml_satt": _transvpr("transvpr_ml_satt", "mL-sATT"),
    "transvpr_sl_satt": _transvpr("transvpr_sl_satt", "sL-sATT"),
}
VARIANTS = {  # the other networks of a method: sizes, and designs of its paper's ablation
    "r2former": ("deit_base", "resnet50"),
    "sup_vpr": ("reg", "base", "base_reg", "small", "small_reg"),
    "transvpr": ("ml_matt_plain", "ml_satt", "sl_satt"),
}

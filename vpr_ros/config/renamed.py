# SPDX-License-Identifier: Apache-2.0
"""What settings and values were called before: whoever still uses such a name is told the new one.

Nothing is translated: a robot shall not run on a name that its next version does not know.
"""

from __future__ import annotations

_EXPORT = "a setting of 'vpr export --set', and no longer of the robot"
_CALIBRATION = ("half_score", "score_slope")
_CALIBRATED = (
    *("appsvr.calibration", "hog_sift.calibration", "r2former.calibration", "r2former.inliers"),
    *("r2former_tiny.calibration", "r2former_tiny.inliers", "sup_vpr.calibration"),
    "transvpr.calibration",
)

RENAMED_METHODS = {
    "r2former_deit_base": "method = 'r2former' with network.variant = 'deit_base'",
    "r2former_resnet50": "method = 'r2former' with network.variant = 'resnet50'",
    **{
        f"sup_vpr_{variant}": f"method = 'sup_vpr' with network.variant = '{variant}'"
        for variant in ("reg", "base", "base_reg", "small", "small_reg")
    },
    **{
        f"transvpr_{variant}": f"method = 'transvpr' with network.variant = '{variant}'"
        for variant in ("ml_matt_plain", "ml_satt", "sl_satt")
    },
}
RENAMED_RUNTIMES = {
    "onnxruntime-tensorrt": "runtime = 'tensorrt'",
    "openvino": "runtime = 'onnxruntime'",
}
RENAMED_SETTINGS = {
    "hog_sift.max_side": "sift.max_side",
    "hog_sift.max_keypoints": "sift.max_keypoints",
    "r2former.reranker": "rerank",
    "r2former_tiny.reranker": "rerank",
    "appsvr.num_local": "network.num_local",
    "r2former.num_local": "network.num_local",
    "r2former_tiny.num_local": "network.num_local",
    "transvpr.min_score": "network.min_score",
    **{
        f"{section}.{name}": f"calibration.{name}"
        for section in _CALIBRATED
        for name in _CALIBRATION
    },
    **dict.fromkeys(
        (
            *("r2former.own_tokens", "r2former.true_grid", "transvpr.patch_level"),
            *("transvpr.mask_low", "transvpr.mask_mid", "transvpr.mask_high"),
            "transvpr.mask_epsilon",
        ),
        _EXPORT,
    ),
}

# SPDX-License-Identifier: Apache-2.0
"""What is measured of answers whose truth is known."""

from vpr_ros.evaluation.metrics.average_precision import average_precisions, mean_average_precision
from vpr_ros.evaluation.metrics.bootstrap import (
    Interval,
    bootstrap_mean,
    hit_intervals,
)
from vpr_ros.evaluation.metrics.calibration import (
    RiskCoverage,
    expected_calibration_error,
    reliability,
    risk_coverage,
)
from vpr_ros.evaluation.metrics.cost import (
    Latency,
    latencies,
    latency_percentiles,
)
from vpr_ros.evaluation.metrics.localization import (
    BUCKETS,
    Errors,
    bucket_shares,
    error_percentiles,
    localization_errors,
)
from vpr_ros.evaluation.metrics.precision_recall import PrecisionRecall, precision_recall
from vpr_ros.evaluation.metrics.rankings import (
    counted_queries,
    counted_ranking,
    first_hits,
    hits_within,
    recall_at,
)

__all__ = [
    "BUCKETS",
    "Errors",
    "Interval",
    "Latency",
    "PrecisionRecall",
    "RiskCoverage",
    "average_precisions",
    "bootstrap_mean",
    "bucket_shares",
    "counted_queries",
    "counted_ranking",
    "error_percentiles",
    "expected_calibration_error",
    "first_hits",
    "hit_intervals",
    "hits_within",
    "latencies",
    "latency_percentiles",
    "localization_errors",
    "mean_average_precision",
    "precision_recall",
    "recall_at",
    "reliability",
    "risk_coverage",
]

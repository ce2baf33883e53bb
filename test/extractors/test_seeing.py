# SPDX-License-Identifier: Apache-2.0
"""What a mask covers is not seen, and empty images are refused."""

import cv2
import numpy as np
import pytest

from vpr_ros.errors import ConfigError, NothingShownError
from vpr_ros.extractors.hand_made import hog_sift
from vpr_ros.extractors.seeing import SeeingExtractor, read_mask

LOWER_HALF = "0,0.5 1,0.5 1,1 0,1"


def with_body(image, scene):
    """The lower half is the robot itself."""
    image = image.copy()
    image[120:] = scene(77)[120:]
    return image


def test_what_is_covered_changes_nothing(scene):
    extractor = SeeingExtractor(hog_sift(), LOWER_HALF)
    plain, other = extractor.extract(scene(1)), extractor.extract(with_body(scene(1), scene))
    assert np.allclose(plain.global_descriptor, other.global_descriptor, atol=1e-3)
    assert len(other.local) > 20
    assert other.local.keypoints[:, 1].max() < 120
    assert np.array_equal(plain.local.keypoints, other.local.keypoints)


def test_without_a_mask_nothing_changes(scene):
    seen, plain = SeeingExtractor(hog_sift()).extract(scene(1)), hog_sift().extract(scene(1))
    assert np.array_equal(seen.global_descriptor, plain.global_descriptor)
    assert np.array_equal(seen.local.descriptors, plain.local.descriptors)


def test_an_image_file_says_what_counts(scene, tmp_path):
    path = tmp_path / "mask.png"
    drawn = np.full((60, 80), 255, np.uint8)
    drawn[30:] = 0
    cv2.imwrite(str(path), drawn)
    assert np.array_equal(read_mask(str(path)), drawn == 0)
    local = SeeingExtractor(hog_sift(), str(path)).extract(scene(1)).local
    assert local.keypoints[:, 1].max() < 120


def test_several_areas():
    covered = read_mask("0,0 0.25,0 0.25,1 0,1; 0.75,0 1,0 1,1 0.75,1")
    assert 0.45 < covered.mean() < 0.55
    assert not covered[:, 200:300].any()


@pytest.mark.parametrize(
    "mask", ["there-is-no.png", "0,0 1,1", "0,0 1,0 1,2", "a,b c,d e,f", "0 1 2", "0,0 1,0 1,1 0,1"]
)
def test_what_is_no_mask(mask):
    with pytest.raises(ConfigError, match="image_mask"):
        SeeingExtractor(hog_sift(), mask)


def test_what_shows_nothing_is_refused(scene):
    extractor = SeeingExtractor(hog_sift(), LOWER_HALF)
    blank = np.full((240, 320, 3), 90, np.uint8)
    with pytest.raises(NothingShownError, match="the image shows nothing: it is blank"):
        extractor.extract(with_body(blank, scene))

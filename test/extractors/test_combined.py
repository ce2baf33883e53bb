# SPDX-License-Identifier: Apache-2.0
"""The description of an image: the same every time, in the source's pixels, whatever the size."""

import cv2
import numpy as np
import pytest

from vpr_ros.config import SiftConfig
from vpr_ros.datatypes import Features, LocalFeatures, ModelSpec
from vpr_ros.errors import BackendError, ConfigError, ImageError
from vpr_ros.extractors.hand_made import hog_sift, with_local


@pytest.fixture(scope="module")
def extractor():
    return hog_sift()


def nearest(points, others):
    """Distance of each point to the nearest of the others."""
    return np.linalg.norm(points[:, None] - others[None], axis=2).min(axis=1)


def assert_well_formed(features, image, most=500):
    local, (height, width) = features.local, image.shape[:2]
    assert features.global_descriptor.shape == (3780,)
    assert np.linalg.norm(features.global_descriptor) == pytest.approx(1.0, abs=1e-5)
    assert local.image_size == (width, height)
    assert local.keypoints.shape == (len(local), 2)
    assert local.descriptors.shape == (len(local), 128)
    assert local.scores.shape == (len(local),)
    assert len(local) <= most
    for array in (features.global_descriptor, local.keypoints, local.scores, local.descriptors):
        assert array.dtype == np.float32
        assert np.isfinite(array).all()
    if len(local):
        assert (local.keypoints >= 0).all()
        assert (local.keypoints <= (width, height)).all()


def test_two_extractors_describe_an_image_alike(extractor, scene):
    first, second = extractor.extract(scene(1)), hog_sift().extract(scene(1))
    assert np.array_equal(first.global_descriptor, second.global_descriptor)
    assert np.array_equal(first.local.keypoints, second.local.keypoints)
    assert np.array_equal(first.local.descriptors, second.local.descriptors)


def test_extracting_leaves_the_image_alone(extractor, scene):
    image = scene(1)
    extractor.extract(image)
    assert np.array_equal(image, scene(1))


def test_descriptors_have_unit_norm(extractor, scene):
    features = extractor.extract(scene(1))
    assert_well_formed(features, scene(1))
    assert len(features.local) > 50
    norms = np.linalg.norm(features.local.descriptors, axis=1)
    assert norms == pytest.approx(1.0, abs=1e-4)


def test_keypoints_come_strongest_first(extractor, scene):
    assert (np.diff(extractor.extract(scene(1)).local.scores) <= 0).all()


def test_no_more_keypoints_than_asked_for(scene):
    extractor = hog_sift(SiftConfig(max_keypoints=16))
    assert len(extractor.extract(scene(1)).local) == 16


@pytest.mark.parametrize("factor", [2, 3])
def test_keypoints_are_pixels_of_the_source_image(scene, factor):
    extractor = hog_sift(SiftConfig(max_side=320))
    small = scene(1)
    large = cv2.resize(small, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    wanted = extractor.extract(small).local.keypoints * factor
    assert np.median(nearest(wanted, extractor.extract(large).local.keypoints)) < 1.0


@pytest.mark.parametrize(("height", "width"), [(960, 1280), (1280, 960), (480, 640)])
def test_a_spot_is_found_where_it_is(extractor, height, width):
    image = np.full((height, width, 3), 30, np.uint8)
    spot = (int(0.7 * width), int(0.2 * height))
    cv2.circle(image, spot, 12, (255, 255, 255), -1)
    keypoints = extractor.extract(image).local.keypoints
    assert nearest(np.array([spot], np.float32), keypoints)[0] < 2.0


def test_colors_are_weighed_as_red_green_blue(extractor, scene):
    luma = np.round(scene(1) @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    gray = extractor.extract(np.repeat(luma[..., None], 3, axis=2)).global_descriptor
    colored, swapped = (
        extractor.extract(i).global_descriptor for i in (scene(1), scene(1)[..., ::-1])
    )
    assert gray @ colored > 0.999
    assert gray @ swapped < 0.98


@pytest.mark.parametrize("view", [
    lambda image: image[:, ::-1],
    lambda image: image[::2, ::2],
    np.asfortranarray,
], ids=["mirrored", "every second pixel", "column-major"])  # fmt: skip
def test_memory_layout_means_nothing(extractor, scene, view):
    image = view(scene(1))
    compact = extractor.extract(np.ascontiguousarray(image))
    assert np.array_equal(extractor.extract(image).local.keypoints, compact.local.keypoints)


@pytest.mark.parametrize("value", [0, 255])
def test_a_uniform_image_has_a_descriptor_and_no_keypoints(extractor, value):
    image = np.full((480, 640, 3), value, np.uint8)
    features = extractor.extract(image)
    assert_well_formed(features, image)
    assert len(features.local) == 0


@pytest.mark.parametrize(
    "shape", [(1, 1), (2, 2), (8, 8), (1, 640), (3000, 10), (10, 3000), (1, 5000)]
)
def test_no_size_is_too_odd(extractor, shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert_well_formed(extractor.extract(image), image)


@pytest.mark.parametrize("image", [
    np.zeros((64, 64, 3), np.float32),
    np.zeros((64, 64, 3), np.uint16),
    np.zeros((64, 64), np.uint8),
    np.zeros((0, 0, 3), np.uint8),
], ids=lambda image: f"{image.dtype} {image.shape}")  # fmt: skip
def test_anything_but_rgb_is_refused(extractor, image):
    with pytest.raises(ImageError):
        extractor.extract(image)


def test_what_changes_descriptors_changes_their_space(extractor):
    assert extractor.spec.space == hog_sift(SiftConfig(max_keypoints=20)).spec.space
    assert extractor.spec.space != hog_sift(SiftConfig(max_side=320)).spec.space


def test_maps_of_before_are_of_this_space(extractor):
    """The method had this name and this setting when one class did both."""
    before = ModelSpec(
        *("hog_sift", "", 64, 128, (), (), 3780, 128, "fp32", "1"), settings={"max_side": 480}
    )
    assert extractor.spec.space == before.space


class OwnFeatures:
    """A describer with local features of its own."""

    spec = ModelSpec("own", "ab", 4, 4, (), (), 2, 8, "fp32", "1", {"num_local": 9.0}, 16, True)
    description = "a test"

    def extract(self, image):
        size = image.shape[1::-1]
        zeros = [np.zeros(shape, np.float32) for shape in ((1, 2), 1, (1, 8))]
        return Features(np.array([1.0, 0.0], np.float32), LocalFeatures(*zeros, size))


def test_a_describer_keeps_its_own_local_features(scene):
    extractor = with_local(OwnFeatures(), "own", SiftConfig())
    assert extractor.extract(scene(1)).local.descriptors.shape == (1, 8)
    assert extractor.spec == OwnFeatures.spec


def test_any_describer_may_have_sift_beside_it(scene):
    extractor = with_local(OwnFeatures(), "sift", SiftConfig(max_keypoints=20))
    features = extractor.extract(scene(1))
    assert features.local.descriptors.shape == (20, 128)
    assert features.global_descriptor.tolist() == [1.0, 0.0]
    spec = extractor.spec
    assert (spec.method, spec.local_dim, spec.pitch) == ("own_sift", 128, 0)
    assert spec.settings == {"num_local": 9.0, "max_side": 480.0, "max_keypoints": 20.0}


def test_or_none(scene):
    extractor = with_local(OwnFeatures(), "none", SiftConfig())
    features = extractor.extract(scene(1))
    assert features.local is None
    assert features.points is None
    assert (extractor.spec.method, extractor.spec.local_dim) == ("own", 0)
    assert extractor.spec.space != OwnFeatures.spec.space


def test_unknown_local_features_are_refused():
    with pytest.raises(ConfigError, match="local = 'orb': choose own, sift or none"):
        with_local(OwnFeatures(), "orb", SiftConfig())


def test_the_spec_tells_the_sizes(extractor, scene):
    features = extractor.extract(scene(1))
    assert features.global_descriptor.size == extractor.spec.global_dim
    assert features.local.descriptors.shape[1] == extractor.spec.local_dim


def test_opencv_without_hog_is_refused_with_the_remedy(monkeypatch):
    monkeypatch.delattr(cv2, "HOGDescriptor")
    with pytest.raises(BackendError, match="pip install"):
        hog_sift()

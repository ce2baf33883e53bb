# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vpr_ros.datatypes import LocalFeatures
from vpr_ros.errors import MapError
from vpr_ros.place_map.codec import (
    CODECS,
    codec_of,
    decode_global,
    decode_local,
    encode_global,
    encode_local,
)

SIZE = (640, 480)


def local_features(points=3, columns=4, scale=1.0):
    rng = np.random.default_rng(points)
    return LocalFeatures(
        rng.random((points, 2), np.float32),
        rng.random(points, np.float32),
        rng.random((points, columns), np.float32) * np.float32(scale),
        SIZE,
    )


def floats(*shape, limit=60000.0):
    return arrays.arrays(np.float32, shape, elements=st.floats(-limit, limit, width=32))


@given(descriptors=st.integers(0, 5).flatmap(lambda rows: floats(rows, 3)))
@pytest.mark.parametrize(
    ("codec", "relative", "absolute"), [("float32", 0, 0), ("float16", 1e-3, 1e-7)]
)
def test_local_features_come_back(codec, relative, absolute, descriptors):
    count = len(descriptors)
    points = np.arange(count * 2, dtype=np.float32).reshape(count, 2)
    local = LocalFeatures(points, points[:, 0], descriptors, SIZE)
    back = decode_local(encode_local(local, codec), codec, SIZE)
    np.testing.assert_array_equal(back.keypoints, local.keypoints)
    np.testing.assert_array_equal(back.scores, local.scores)
    np.testing.assert_allclose(back.descriptors, descriptors, rtol=relative, atol=absolute)
    assert back.image_size == SIZE
    for array in (back.keypoints, back.scores, back.descriptors):
        assert array.dtype == np.float32
        assert not array.flags.writeable


@given(descriptor=floats(7, limit=2.0**126))
def test_global_descriptor_comes_back_exactly(descriptor):
    np.testing.assert_array_equal(decode_global(encode_global(descriptor)), descriptor)


def test_none_comes_back_as_none():
    assert decode_local(encode_local(None, "float16"), "float16", (1, 1)) is None


def test_no_features_are_not_the_same_as_no_method_for_them():
    empty = LocalFeatures(*(np.zeros(shape, np.float32) for shape in ((0, 2), 0, (0, 8))), (64, 48))
    back = decode_local(encode_local(empty, "float16"), "float16", (64, 48))
    assert back is not None
    assert back.descriptors.shape == (0, 8)


def test_float16_takes_half():
    local = local_features(points=100, columns=128)
    sizes = [len(encode_local(local, name)) for name in ("float16", "float32")]
    assert sizes[1] - sizes[0] == 100 * 128 * 2


@pytest.mark.parametrize("codec", CODECS)
def test_every_truncation_is_noticed(codec):
    blob = encode_local(local_features(), codec)
    for size in range(len(blob)):
        with pytest.raises(MapError, match="truncated"):
            decode_local(blob[:size], codec, SIZE)


def test_every_flipped_byte_is_noticed():
    blob = encode_local(local_features(), "float16")
    for position in range(len(blob)):
        broken = bytearray(blob)
        broken[position] ^= 0x10
        with pytest.raises(MapError, match="damaged"):
            decode_local(bytes(broken), "float16", SIZE)


def test_wrong_codec_is_noticed():
    with pytest.raises(MapError, match="60 bytes where the shape asks for 84"):
        decode_local(encode_local(local_features(), "float16"), "float32", SIZE)


@pytest.mark.parametrize("blob", [None, 7, "text", b""])
def test_what_is_no_blob_is_refused(blob):
    with pytest.raises(MapError, match="missing or truncated"):
        decode_global(blob)


def test_too_large_for_float16_names_the_remedy():
    local = local_features(scale=1e6)
    with pytest.raises(MapError, match="use the codec float32"):
        encode_local(local, "float16")
    back = decode_local(encode_local(local, "float32"), "float32", SIZE)
    np.testing.assert_array_equal(back.descriptors, local.descriptors)


def test_unknown_codec_names_the_known():
    with pytest.raises(MapError, match=r"'zip'.*float16, float32"):
        codec_of("zip")

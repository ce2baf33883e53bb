# SPDX-License-Identifier: Apache-2.0
"""The tables of a map file (``*.vprmap``), and the history of the format.

A map is one SQLite database. Its header carries ``application_id`` 0x5650524D ("VPRM") and, as
``user_version``, the number of the format. All stamps are nanoseconds, all lengths meters.

=================== ================================================================================
meta                key -> value: ``model_spec`` (JSON of every field of ``ModelSpec``), ``uuid``
                    (what tells this map from all others), ``codec`` (that new local features are
                    written with), ``calibration`` (JSON of ``CalibrationRecord``; maps need not
                    have one), ``is_copy`` (only in copies that nobody wrote to yet)
sessions            one drive each; ``name`` is unique
cameras             one row for each distinct camera; ``description`` is JSON with the fields of
                    ``Camera``; ``mount`` (``base_T_optical``, as the pose columns of keyframes),
                    ``name`` and ``frame_id`` only where they are known
frames              names of the frames that poses are given in
keyframes           ids ascend in the order of appending, and none is used twice; the pose columns
                    are all null (no pose) or all set: ``frame_T_base`` as position and unit
                    quaternion
thumbnails          JPEG; a keyframe without one has no row
global_descriptors  ``blob``: header, then the descriptor [D] in the row's ``codec``
local_features      ``blob``: header, then keypoints float32 [N, 2], scores float32 [N],
                    descriptors [N, C] in the row's ``codec``; ``width`` and ``height`` are those of
                    the image, in pixels; ``kind`` is what they are for, see ``KINDS``; points have
                    the codec ``two_bits``, see ``points_codec.py``; an empty ``blob`` stands for
                    points that are the local features themselves
blocks              what opening needs of full blocks of keyframes once more, packed: see
                    ``blocks.py``; may be deleted, opening then takes longer
stored_index        room for an index that is not made anew when a map is opened; empty so far
=================== ================================================================================

A blob's header is rows and columns of its descriptors and the CRC-32 of what follows, three uint32.
Everything in a blob is little-endian. Descriptors have tables of their own, so that listing the
keyframes of a large map does not read through them.

Every row carries a ``crc``: SQLite notices damaged pages, not flipped bits inside of a value, and
flash memory does lose bits. It is the CRC-32 of the JSON of the row's other values in the order of
the columns; of a blob with a header the header stands for it, in hexadecimal digits, of another
one its CRC-32.

Format history:

1. The first. Without ``crc``, ``uuid``, ``kind``, frames, blocks; ids could be used again; mounts
   of cameras were ``base_T_camera`` with the x axis pointing where the camera looks; maps kept a
   ``fingerprint`` of their model and ``prototypes``.
2. All that. Maps of format 1 are brought up to it when they are opened: ``migrations.py``.
"""

APPLICATION_ID = 0x5650524D
FORMAT_VERSION = 2

# Blobs of 15 to 300 kB read and write faster from pages larger than SQLite's default of 4096 bytes.
PAGE_SIZE = 8192

LOCAL = "local"  # features that rerankers compare
POINTS = "points"  # sub-pixel keypoints for geometry, where they are others
KINDS = (LOCAL, POINTS)

TABLES = """
CREATE TABLE meta (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL,
    crc INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    crc INTEGER NOT NULL
);

CREATE TABLE cameras (
    id INTEGER PRIMARY KEY,
    description TEXT NOT NULL UNIQUE,
    crc INTEGER NOT NULL
);

CREATE TABLE frames (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    crc INTEGER NOT NULL
);

CREATE TABLE keyframes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id INTEGER NOT NULL REFERENCES sessions (id),
    camera_id INTEGER REFERENCES cameras (id),
    stamp_ns INTEGER NOT NULL,
    x REAL, y REAL, z REAL,
    qx REAL, qy REAL, qz REAL, qw REAL,
    frame_id INTEGER REFERENCES frames (id),
    crc INTEGER NOT NULL
);

CREATE TABLE thumbnails (
    keyframe_id INTEGER PRIMARY KEY REFERENCES keyframes (id),
    jpeg BLOB NOT NULL,
    crc INTEGER NOT NULL
);

CREATE TABLE global_descriptors (
    keyframe_id INTEGER PRIMARY KEY REFERENCES keyframes (id),
    codec TEXT NOT NULL,
    blob BLOB NOT NULL,
    crc INTEGER NOT NULL
);

CREATE TABLE local_features (
    keyframe_id INTEGER NOT NULL REFERENCES keyframes (id),
    kind TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    codec TEXT NOT NULL,
    blob BLOB NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (keyframe_id, kind)
);

CREATE TABLE blocks (
    first_id INTEGER PRIMARY KEY,
    last_id INTEGER NOT NULL,
    facts BLOB NOT NULL,
    descriptors BLOB NOT NULL,
    facts_crc INTEGER NOT NULL,
    descriptors_crc INTEGER NOT NULL
);

CREATE TABLE stored_index (
    name TEXT PRIMARY KEY NOT NULL,
    blob BLOB NOT NULL,
    crc INTEGER NOT NULL
);
"""

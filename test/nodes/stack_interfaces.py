# SPDX-License-Identifier: Apache-2.0
"""The stacks' own messages, generated from their field lists and built as their packages would be.

The first build takes some minutes. It is kept under build/, by what it was made from.
"""

import ctypes
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# package -> (packages that its fields are of, {file: fields, separated by semicolons})
PACKAGES = {
    "tf2_msgs": (
        ("geometry_msgs",),
        {"msg/TFMessage": "geometry_msgs/TransformStamped[] transforms"},
    ),
    "pose_graph_tools_msgs": (
        ("geometry_msgs", "std_msgs"),
        {
            "msg/PoseGraphNode": "std_msgs/Header header; int32 robot_id; uint64 key; "
            "geometry_msgs/Pose pose",
            "msg/PoseGraphEdge": "std_msgs/Header header; uint64 key_from; uint64 key_to; "
            "int32 robot_from; int32 robot_to; int32 type; int32 ODOM=0; int32 LOOPCLOSE=1; "
            "int32 LANDMARK=2; int32 REJECTED_LOOPCLOSE=3; int32 MESH=4; int32 POSE_MESH=5; "
            "int32 MESH_POSE=6; geometry_msgs/Pose pose; float64[36] covariance",
            "msg/PoseGraph": "std_msgs/Header header; PoseGraphNode[] nodes; PoseGraphEdge[] edges",
        },
    ),
    "cslam_common_interfaces": (
        ("nav_msgs", "sensor_msgs"),
        {
            "msg/LocalKeyframeMatch": "uint32 keyframe0_id; uint32 keyframe1_id",
            "msg/KeyframeOdom": "uint32 id; nav_msgs/Odometry odom; sensor_msgs/NavSatFix gps",
        },
    ),
    "rtabmap_msgs": (
        ("geometry_msgs", "sensor_msgs", "std_msgs"),
        {
            "msg/Link": "int32 from_id; int32 to_id; int32 type; "
            "geometry_msgs/Transform transform; float64[36] information",
            "srv/AddLink": "Link link; ---",
            "msg/MapGraph": "std_msgs/Header header; geometry_msgs/Transform map_to_odom; "
            "int32[] poses_id; geometry_msgs/Pose[] poses; Link[] links",
            "msg/MapData": "std_msgs/Header header; MapGraph graph; Node[] nodes",
            "msg/Node": "int32 id; int32 map_id; int32 weight; float64 stamp; string label; "
            "geometry_msgs/Pose pose; int32[] word_id_keys; int32[] word_id_values; "
            "KeyPoint[] word_kpts; Point3f[] word_pts; uint8[] word_descriptors; SensorData data",
            "msg/Point2f": "float32 x; float32 y",
            "msg/Point3f": "float32 x; float32 y; float32 z",
            "msg/KeyPoint": "Point2f pt; float32 size; float32 angle; float32 response; "
            "int32 octave; int32 class_id",
            "msg/GlobalDescriptor": "std_msgs/Header header; int32 type; uint8[] info; "
            "uint8[] data",
            "msg/EnvSensor": "std_msgs/Header header; int32 type; float64 value",
            "msg/LandmarkDetection": "std_msgs/Header header; string landmark_frame_id; int32 id; "
            "float32 size; geometry_msgs/PoseWithCovariance pose",
            "msg/GPS": "float64 stamp; float64 longitude; float64 latitude; float64 altitude; "
            "float64 error; float64 bearing",
            "msg/SensorData": "std_msgs/Header header; sensor_msgs/Image left; "
            "sensor_msgs/Image right; uint8[] left_compressed; uint8[] right_compressed; "
            "sensor_msgs/CameraInfo[] left_camera_info; "
            "sensor_msgs/CameraInfo[] right_camera_info; "
            "geometry_msgs/Transform[] local_transform; sensor_msgs/PointCloud2 laser_scan; "
            "uint8[] laser_scan_compressed; int32 laser_scan_max_pts; "
            "float32 laser_scan_max_range; int32 laser_scan_format; "
            "geometry_msgs/Transform laser_scan_local_transform; uint8[] user_data; "
            "uint8[] grid_ground; uint8[] grid_obstacles; uint8[] grid_empty_cells; "
            "float32 grid_cell_size; Point3f grid_view_point; KeyPoint[] key_points; "
            "Point3f[] points; uint8[] descriptors; GlobalDescriptor[] global_descriptors; "
            "EnvSensor[] env_sensors; sensor_msgs/Imu imu; "
            "geometry_msgs/Transform imu_local_transform; LandmarkDetection[] landmarks; "
            "geometry_msgs/Pose ground_truth_pose; GPS gps",
        },
    ),
}

CMAKE = """cmake_minimum_required(VERSION 3.22)
project({name})
find_package(ament_cmake REQUIRED)
find_package(rosidl_default_generators REQUIRED)
{finds}
rosidl_generate_interfaces({name} {files} DEPENDENCIES {needs})
ament_package()
"""
MANIFEST = """<?xml version="1.0"?>
<package format="3">
  <name>{name}</name><version>0.0.0</version><description>Generated for a test.</description>
  <maintainer email="none@example.org">none</maintainer><license>Apache-2.0</license>
  <buildtool_depend>ament_cmake</buildtool_depend>
  <buildtool_depend>rosidl_default_generators</buildtool_depend>
  {depends}
  <member_of_group>rosidl_interface_packages</member_of_group>
  <export><build_type>ament_cmake</build_type></export>
</package>
"""


def sources(names):
    """The files of these packages: path -> text."""
    files = {}
    for name in names:
        needs, interfaces = PACKAGES[name]
        for path, fields in interfaces.items():
            suffix = path.partition("/")[0]
            files[f"{name}/{path}.{suffix}"] = fields.replace("; ", "\n") + "\n"
        listed = " ".join(f'"{path}.{path.partition("/")[0]}"' for path in interfaces)
        finds = "\n".join(f"find_package({need} REQUIRED)" for need in needs)
        files[f"{name}/CMakeLists.txt"] = CMAKE.format(
            name=name, finds=finds, files=listed, needs=" ".join(needs)
        )
        depends = "".join(f"<depend>{need}</depend>" for need in needs)
        files[f"{name}/package.xml"] = MANIFEST.format(name=name, depends=depends)
    return files


def missing():
    """The packages that this machine does not have: a robot has tf2_msgs, and maybe others."""
    found = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    index = Path("share/ament_index/resource_index/packages")
    return [name for name in PACKAGES if not any((Path(f) / index / name).exists() for f in found)]


def make_importable():
    """Build what is missing, once, and let this process import it."""
    names = missing()
    if not names:
        return
    files = sources(names)
    made_from = repr((sorted(files.items()), sys.version, sys.prefix))
    key = hashlib.sha256(made_from.encode()).hexdigest()[:16]
    distro = os.environ.get("ROS_DISTRO", "ros")
    folder = ROOT / "build" / distro / "test_interfaces" / key
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests may run in several processes
        if not (folder / "ready").exists():
            _build(folder, files)
            (folder / "ready").touch()
    _load(folder / "install", names)


def _build(folder, files):
    sys.stderr.write("setup: messages of SLAM stacks, for the tests (a minute or two)\n")
    shutil.rmtree(folder / "src", ignore_errors=True)
    for path, text in files.items():
        (folder / "src" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "src" / path).write_text(text, encoding="utf-8")
    command = ["colcon", "--log-base", "log", "build", "--base-paths", "src", "--merge-install"]
    command += ["--cmake-args", "-DBUILD_TESTING=OFF", f"-DPython3_EXECUTABLE={sys.executable}"]
    with (folder / "output").open("w") as output:
        done = subprocess.run(
            command, cwd=folder, stdout=output, stderr=output, timeout=1500, check=False
        )
    assert done.returncode == 0, (folder / "output").read_text()[-4000:]


def _load(install, names):
    """What a sourced workspace does, for a process that runs already."""
    sys.path[:0] = [str(path) for path in install.glob("l*/python3*/*-packages")]
    libraries = [path for name in names for path in (install / "lib").glob(f"lib{name}__*.so")]
    # Python's part finds them by name, because they are loaded; the type supports by this variable.
    before = os.environ.get("LD_LIBRARY_PATH", "")
    os.environ["LD_LIBRARY_PATH"] = f"{install / 'lib'}:{before}".rstrip(":")
    failed = ""
    while libraries:
        waiting = []
        for path in libraries:
            try:
                ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
            except OSError as error:  # one that it needs comes later
                waiting.append(path)
                failed = str(error)
        assert len(waiting) < len(libraries), failed
        libraries = waiting


if __name__ == "__main__":
    make_importable()

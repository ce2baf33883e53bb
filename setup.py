# SPDX-License-Identifier: Apache-2.0
"""Installs vpr_ros the way ROS 2 expects an ament_python package."""

from glob import glob

from setuptools import find_packages, setup

package_name = "vpr_ros"
share = f"share/{package_name}"

setup(
    name=package_name,
    version="0.1.0",
    packages=find_packages(include=["vpr_ros", "vpr_ros.*"]),
    package_data={package_name: ["py.typed", "evaluation/report/page.*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package_name}"]),
        (share, ["package.xml"]),
        (f"{share}/launch", sorted(glob("launch/*.launch.py"))),
        (f"{share}/config", sorted(glob("config/*.yaml"))),
        (f"{share}/config/train", sorted(glob("config/train/*.yaml"))),
        (f"{share}/weights", sorted(glob("weights/*"))),
        (f"{share}/rviz", sorted(glob("rviz/*.rviz"))),
        (f"{share}/scripts", sorted(glob("scripts/*.py"))),
    ],
    install_requires=["setuptools"],
    extras_require={"test": ["pytest"]},  # what tells colcon test to run pytest
    zip_safe=True,
    author="The vpr_ros authors",
    maintainer="vpr_ros maintainers",
    maintainer_email="maintainers@vpr-ros.org",
    description="Visual place recognition for robots running ROS 2",
    license="Apache-2.0",
    url="https://github.com/vpr-ros/vpr_ros",
    python_requires=">=3.10",
    entry_points={
        "console_scripts": [
            "mapper = vpr_ros.nodes.mapper_node:main",
            "localizer = vpr_ros.nodes.localizer_node:main",
            "replay = vpr_ros.demo.replay.replay_node:main",
            "demo = vpr_ros.demo.program:main",
            "vpr = vpr_ros.cli.main:main",
        ],
    },
)

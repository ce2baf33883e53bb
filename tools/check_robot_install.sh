#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Follow the recipe for a robot's Python packages, in a folder that is removed again, and try what it gives:
#
#     tools/check_robot_install.sh           # on Ubuntu, above the packages of apt and a sourced ROS 2
#     tools/check_robot_install.sh jammy     # anywhere, PYTHON=python3.10: pip stands in for apt,
#     tools/check_robot_install.sh noble     # PYTHON=python3.12           and wheels for ROS 2
#
# Twice: hog_sift with what apt brings alone, and the default with requirements/robot.txt on top of it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-python3}
case ${1:-} in
  "") apt=() ros=() ;;
  jammy)
    apt=(numpy==1.21.5 opencv-python-headless==4.5.4.60 scipy==1.8.0 pillow==9.0.1 tqdm==4.57.0 pyyaml==6.0.1)
    ros=kilted
    ;;
  noble)
    apt=(numpy==1.26.4 opencv-python-headless==4.6.0.66 scipy==1.11.4 pillow==10.2.0 tqdm==4.66.2 pyyaml==6.0.1)
    ros=jazzy
    ;;
  *) echo "tools/check_robot_install.sh: $1 is not known; use jammy or noble" >&2; exit 2 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
pip() { "$work/vpr/bin/python" -m pip install --quiet "$@"; }

if ((${#apt[@]})); then
  "$python" -m venv "$work/vpr"
  "$python" -m pip install --quiet --target "$work/apt" "${apt[@]}"
  # As packages of apt are: behind those of the virtual environment, and seen by its pip.
  echo "$work/apt" >"$("$work/vpr/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/apt.pth"
  sed -n '/^# runtime/,/^$/p' "requirements/$ros.txt" >"$work/ros.txt"
  pip -r "$work/ros.txt" -c requirements/ubuntu.txt
else
  "$python" -m venv --system-site-packages "$work/vpr"
fi

echo "with the packages of apt alone"
"$work/vpr/bin/python" tools/try_robot.py method=hog_sift
echo "with requirements/robot.txt"
pip -r requirements/robot.txt -c requirements/ubuntu.txt
"$work/vpr/bin/python" tools/try_robot.py

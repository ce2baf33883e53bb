#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Run a command in the environment that `make setup` built, apart from any other ROS on this machine:
#
#     tools/env.sh python -m vpr_ros --help
#     ROS_DISTRO=kilted tools/env.sh pytest test
#
# DDS stays on this machine. Set ROS_DOMAIN_ID to keep two runs apart.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
distro=${ROS_DISTRO:-jazzy}
case $distro in
  jazzy | kilted) venv=$root/.venv-$distro ;;
  *) echo "tools/env.sh: ROS_DISTRO=$distro is not built from wheels; use jazzy or kilted" >&2; exit 2 ;;
esac
install=$root/install/$distro
if [[ ! -x $venv/bin/python || ! -f $venv/.ready ]]; then
  echo "tools/env.sh: $venv is missing or incomplete; run 'make setup ROS_DISTRO=$distro' first" >&2
  exit 2
fi

# Nothing of another ROS installation, or of another distro's wheels, may leak in.
unset PYTHONPATH PYTHONHOME LD_LIBRARY_PATH _ROS_WHEELS_BOOTSTRAP_COMPLETE COLCON_PREFIX_PATH
unset ROS_LOCALHOST_ONLY ROS_STATIC_PEERS ROS_DISCOVERY_SERVER FASTRTPS_DEFAULT_PROFILES_FILE FASTDDS_DEFAULT_PROFILES_FILE
export VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH
export AMENT_PREFIX_PATH=$venv CMAKE_PREFIX_PATH=$venv
export ROS_DISTRO=$distro ROS_VERSION=2 ROS_PYTHON_VERSION=3 RMW_IMPLEMENTATION=rmw_fastrtps_cpp
export ROS_AUTOMATIC_DISCOVERY_RANGE=${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}
export ROS_LOG_DIR=${ROS_LOG_DIR:-$root/build/$distro/ros_log}

if [[ -f $install/local_setup.bash ]]; then
  set +u  # colcon's scripts read unset variables
  # shellcheck source=/dev/null
  source "$install/local_setup.bash"
  set -u
fi
exec "$@"

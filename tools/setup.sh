#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What `make setup` runs: make the environment that tools/env.sh enters.
#
#   1. a virtual environment with ROS 2 (ROS_DISTRO: jazzy or kilted) and the other wheels
#   2. the mend of the wheels' CMake files (tools/mend_wheels.py)
#   3. vpr_msgs and vpr_ros, built by colcon
#   4. with the argument `networks`: PyTorch, TensorRT and the other wheels that networks need
#
# Each step leaves a stamp that says what it was made from, written when the step is complete: a step
# whose stamp fits is skipped, one that was interrupted is done again from its beginning.
set -Eeuo pipefail
trap 'echo "setup: line $LINENO of tools/setup.sh failed" >&2' ERR

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
distro=${ROS_DISTRO:-jazzy}

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

case $distro in
  jazzy) oldest_python=3.11 ;;
  kilted) oldest_python=3.10 ;;
  *) fail "ROS_DISTRO=$distro does not exist as wheels: say ROS_DISTRO=jazzy or ROS_DISTRO=kilted" \
          "(with ROS 2 $distro from apt, use rosdep and colcon as the README shows)" ;;
esac
venv=.venv-$distro
stage=build/$distro
log=$stage/setup.log
venv_stamp=$venv/.ready

# Of another ROS installation, a pip configuration for user installs or an entered environment,
# nothing may leak in.
unset PYTHONPATH PYTHONHOME LD_LIBRARY_PATH _ROS_WHEELS_BOOTSTRAP_COMPLETE
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

hash_of() { sha256sum "$@" | sha256sum | cut -c1-16; }
fits() { [[ -f $1 && $(<"$1") == "$2" ]]; }

# Run a command with its output in the log; show the log's end when it fails.
quietly() {
  if ! "$@" >>"$log" 2>&1 9>&-; then
    tail -n 40 "$log" >&2
    fail "this failed: $*" "its whole output: $root/$log"
  fi
}

# Say what is missing on this machine, all of it at once, and which packages bring it.
check_machine() {
  local missing=() packages=()
  [[ $(uname -m) == x86_64 ]] || fail "the ROS 2 wheels are for x86-64 and this is $(uname -m): install ROS 2 from apt, see the README"
  "$python" -c 'import ensurepip, venv' 2>/dev/null || { missing+=("Python's venv module"); packages+=("$python_package-venv"); }
  "$python" -c 'import pathlib, sysconfig, sys; sys.exit(not pathlib.Path(sysconfig.get_paths()["include"], "Python.h").is_file())' \
    || { missing+=("Python.h"); packages+=("$python_package-dev"); }
  { command -v cc && command -v c++ && command -v make; } >/dev/null || { missing+=("a C and C++ compiler and make"); packages+=(build-essential); }
  command -v cmake >/dev/null || { missing+=(cmake); packages+=(cmake); }
  if ((${#missing[@]})); then
    fail "missing: $(printf '%s, ' "${missing[@]}" | sed 's/, $//')" "sudo apt-get install ${packages[*]}"
  fi
  local cmake_version
  cmake_version=$(cmake --version | sed -n '1s/[^0-9]*\([0-9.]*\).*/\1/p')
  printf '3.22\n%s\n' "$cmake_version" | sort -VC || fail "cmake $cmake_version is too old, 3.22 or newer is needed"
}

# Sets `python` to the interpreter itself, also when PYTHON stands inside a virtual environment.
find_python() {
  local wanted=${PYTHON:-python3}
  command -v "$wanted" >/dev/null || fail "$wanted is missing: sudo apt-get install python3 python3-venv python3-dev"
  python=$("$wanted" -c 'import sys; print(getattr(sys, "_base_executable", sys.executable))') || fail "$wanted does not run"
  python_version=$("$python" -c 'import platform; print(platform.python_version())')
  python_package=python${python_version%.*}
  printf '%s\n%s\n' "$oldest_python" "$python_version" | sort -VC || fail \
    "Python $python_version is too old, ROS 2 $distro needs $oldest_python or newer" \
    "install a newer one (for example: sudo apt-get install python3.11 python3.11-venv python3.11-dev) and say PYTHON=python3.11" \
    "$([[ $distro == kilted ]] || echo 'or say ROS_DISTRO=kilted, whose wheels start at Python 3.10')"
}

make_venv() {
  local place="$root/$venv python $python_version" made_from
  made_from="$place requirements $(hash_of requirements/{robot,evaluation,base,dev,$distro}.txt tools/mend_wheels.py)"
  if [[ -x $venv/bin/python && -f $venv_stamp && $(head -n1 "$venv_stamp") == "$made_from" ]]; then
    return
  fi
  check_machine
  if [[ -x $venv/bin/python && -f $venv_stamp && $(<"$venv_stamp") == "$place "* ]]; then
    echo "setup: requirements changed, updating $venv"
    rm "$venv_stamp"
  else
    echo "setup: virtual environment $venv with Python $python_version"
    rm -rf "$venv"
    quietly "$python" -m venv "$venv"
  fi
  echo "setup: ROS 2 $distro and the other wheels of requirements/$distro.txt (650 MB, about a minute)"
  quietly "$venv/bin/python" -m pip install --progress-bar off -r "requirements/$distro.txt"
  echo "setup: mending the wheels' CMake files"
  quietly "$venv/bin/python" tools/mend_wheels.py
  # The date tells later steps that this is another environment even when it is made from the same.
  printf '%s\nmade %s\n' "$made_from" "$(date +%s%N)" >"$venv_stamp"
}

add_networks() {
  local made_from stamp=$venv/.networks-ready
  made_from="$(<"$venv_stamp") $(hash_of requirements/{train,tensorrt,test}.txt)"
  ! fits "$stamp" "$made_from" || return 0
  echo "setup: PyTorch, TensorRT and the other wheels that networks need (5 GB, some two minutes)"
  quietly "$venv/bin/python" -m pip install --progress-bar off -r requirements/test.txt
  printf '%s\n' "$made_from" >"$stamp"
}

build_packages() {
  local stale=() package stamp_messages stamp_python
  stamp_messages="$(<"$venv_stamp") $(find vpr_msgs -type f -print0 | sort -z | xargs -0 sha256sum | hash_of -)"
  # vpr_ros is installed as links into this folder: only the list of its installed files matters.
  stamp_python="$(<"$venv_stamp") $(hash_of package.xml setup.py setup.cfg) $({ find launch config rviz scripts weights -type f 2>/dev/null || true; } | sort | hash_of -)"
  fits "$stage/vpr_msgs.ready" "$stamp_messages" || stale+=(vpr_msgs)
  fits "$stage/vpr_ros.ready" "$stamp_python" || stale+=(vpr_ros)
  ((${#stale[@]})) || return 0
  for package in "${stale[@]}"; do
    rm -rf "$stage/$package.ready" "${stage:?}/$package" "install/$distro/$package"
  done
  echo "setup: colcon build of ${stale[*]} (vpr_msgs takes about a minute)"
  quietly env ROS_DISTRO="$distro" MAKEFLAGS="-j$(nproc)" tools/env.sh colcon --log-base "$stage/log" build \
    --base-paths . vpr_msgs --packages-select "${stale[@]}" \
    --build-base "$stage" --install-base "install/$distro" --symlink-install \
    --cmake-args -DBUILD_TESTING=OFF "-DPython3_EXECUTABLE=$root/$venv/bin/python"
  printf '%s\n' "$stamp_messages" >"$stage/vpr_msgs.ready"
  printf '%s\n' "$stamp_python" >"$stage/vpr_ros.ready"
}

mkdir -p "$stage"
exec 9>"$stage/setup.lock"
flock -n 9 || { echo "setup: waiting for another set-up of $distro to finish"; flock 9; }
find_python
: >"$log"
make_venv
build_packages
if [[ ${1:-} == networks ]]; then add_networks; fi

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Make the branch vpr_msgs: the folder vpr_msgs of the commit that is checked out, with its history, as
# a package of its own. colcon, rosdep and bloom do not look inside a package for another one, so
# this branch is cloned beside the package (vpr_ros.repos). Made from the same commits, it is the
# same branch. CI runs this on every push to main:
#
#     tools/split_messages.sh                   # make the branch here
#     git push origin refs/heads/vpr_msgs
#
# Needs git with its subtree command, and the whole history (no shallow clone).
set -euo pipefail
cd "$(git rev-parse --show-toplevel)"

if [[ $(git rev-parse --is-shallow-repository) == true ]]; then
  echo "tools/split_messages.sh: this clone is shallow; run 'git fetch --unshallow' first" >&2
  exit 1
fi
git update-ref -d refs/heads/vpr_msgs
git subtree split --prefix=vpr_msgs --branch=vpr_msgs >/dev/null

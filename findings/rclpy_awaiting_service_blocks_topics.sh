#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# rclpy: a service callback that awaits blocks every other callback of its node, unless it has a
# callback group of its own.
#
# In asyncio, a coroutine that awaits gives way to all others. In rclpy, a coroutine that awaits keeps
# its callback group busy, and the group that all callbacks share by default is mutually exclusive: a
# service that awaits something which a topic of the same node is to bring waits for ever, on a
# single-threaded executor and on a multi-threaded one. Nothing is logged. With a group of its own for
# the service, the topic is heard and the service answers.
#
# Seen with ros-rclpy 7.1.6 (Jazzy) and 9.1.2 (Kilted), Python 3.11, Fast DDS, on November 28, 2026:
#
#     7.1.6: default group: heard 0 of 1, answered no; own group: heard 1 of 1, answered yes
#     9.1.2: default group: heard 0 of 1, answered no; own group: heard 1 of 1, answered yes
#
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/seen.py" <<'PYTHON'
import sys
import time

import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.executors import SingleThreadedExecutor
from rclpy.task import Future
from std_msgs.msg import Empty
from std_srvs.srv import Trigger

SECONDS = 4.0


def run(own_group):
    node, asker = rclpy.create_node("served"), rclpy.create_node("asker")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    executor.add_node(asker)
    news, heard = Future(executor=executor), []

    def hear(message):
        heard.append(message)
        news.set_result(True)

    async def answer(request, response):
        await news
        response.success = True
        return response

    group = MutuallyExclusiveCallbackGroup() if own_group else None
    node.create_subscription(Empty, "news", hear, 1)
    node.create_service(Trigger, "ask", answer, callback_group=group)
    client, publisher = asker.create_client(Trigger, "ask"), asker.create_publisher(Empty, "news", 1)
    while not (client.service_is_ready() and publisher.get_subscription_count()):
        executor.spin_once(timeout_sec=0.1)
    asked, sent, end = client.call_async(Trigger.Request()), False, time.monotonic() + SECONDS
    while time.monotonic() < end and not asked.done():
        executor.spin_once(timeout_sec=0.1)
        if not sent and time.monotonic() > end - SECONDS + 1.0:  # the service awaits by now
            publisher.publish(Empty())
            sent = True
    executor.shutdown()
    return f"heard {len(heard)} of 1, answered {'yes' if asked.done() else 'no'}"


rclpy.init(args=[])
sys.stdout.write(f"default group: {run(False)}; own group: {run(True)}\n")
PYTHON

wanted="default group: heard 0 of 1, answered no; own group: heard 1 of 1, answered yes"
for versions in "7.1.6 5.3.6" "9.1.2 5.5.1"; do
  read -r rclpy messages <<<"$versions"
  python3 -m venv "$folder/$rclpy"
  "$folder/$rclpy/bin/pip" --quiet install "ros-rclpy[fastrtps]==$rclpy" "ros-std-msgs==$messages" "ros-std-srvs==$messages"
  seen=$(ROS_DOMAIN_ID=87 ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST "$folder/$rclpy/bin/python" "$folder/seen.py" 2>/dev/null)
  echo "$rclpy: $seen"
  [[ $seen == "$wanted" ]] || { echo "rclpy $rclpy behaves otherwise now" >&2; exit 1; }
done

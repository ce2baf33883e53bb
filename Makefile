# SPDX-License-Identifier: Apache-2.0
#
# The words that people and CI use. Needs: Debian or Ubuntu (x86-64), Python 3.10 or newer, a compiler, cmake.

ROS_DISTRO ?= jazzy
PYTHON ?= python3
export ROS_DISTRO PYTHON

# Tests and demo talk on a domain of their own, so that two runs, or a robot on this machine, do not meet.
ROS_DOMAIN_ID = $(shell echo $$((1 + $$$$ % 101)))
RUN = tools/env.sh
RUN_ALONE = ROS_DOMAIN_ID=$(ROS_DOMAIN_ID) tools/env.sh
# A file's tests share what they make, so they stay together; test/conftest.py says which files come first.
# One worker more than two cores: tests of nodes wait more than they compute.
RUN_TESTS = ROS_PYTHON_CHECK_FIELDS=1 $(RUN_ALONE) python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

DEMO_OPTIONS = $(if $(MAP_BAG),--map-bag "$(MAP_BAG)") $(if $(QUERY_BAG),--query-bag "$(QUERY_BAG)") \
	$(if $(IMAGE_TOPIC),--image-topic "$(IMAGE_TOPIC)") $(if $(POSE_TOPIC),--pose-topic "$(POSE_TOPIC)") \
	$(if $(TRUTH_TOPIC),--truth-topic "$(TRUTH_TOPIC)")

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup setup-networks demo test coverage lint bench clean

help:
	@echo 'make demo    learn a route and find yourself on it, with real ROS 2 (MAP_BAG=... QUERY_BAG=... for your bags;'
	@echo '             also IMAGE_TOPIC, POSE_TOPIC, TRUTH_TOPIC, DEMO_ARGS)'
	@echo 'make test    run the tests (PYTEST_ARGS="-k name", or a path; --slow for all)'
	@echo 'make coverage   the same, and which lines and branches of vpr_ros they reach; pages in build/coverage/'
	@echo 'make lint    ruff, mypy --strict, package.xml'
	@echo 'make bench   measure nodes and networks, write build/bench.json (R2FORMER=checkout of its published code,'
	@echo '             to measure that, too; R2FORMER_PACKAGES=folder with its timm; BASELINE=checkout of another'
	@echo '             revision, built, to hold this one against; TRUST=folder of recordings, to see whether'
	@echo '             verdicts keep their promise there and elsewhere; BENCH_ARGS)'
	@echo 'make setup   only build the environment the others use; tools/env.sh COMMAND runs anything in it'
	@echo 'make setup-networks   the same with PyTorch, which test, lint and bench need (5 GB)'
	@echo 'make clean   remove everything the others made'
	@echo
	@echo 'ROS_DISTRO=jazzy|kilted picks the ROS 2 release (now $(ROS_DISTRO)), PYTHON=... the interpreter (now $(PYTHON)).'

setup:
	@tools/setup.sh

setup-networks:
	@tools/setup.sh networks

demo: setup
	@$(RUN_ALONE) python -m vpr_ros.demo $(DEMO_ARGS) $(DEMO_OPTIONS)

test: setup-networks
	@$(RUN) python test/nodes/stack_interfaces.py
	@$(RUN_TESTS) $(PYTEST_ARGS)

coverage: setup-networks
	@$(RUN) python test/nodes/stack_interfaces.py
	@$(RUN_TESTS) --cov --cov-report=term:skip-covered --cov-report=html:build/coverage $(PYTEST_ARGS)

lint: setup-networks
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy --strict vpr_ros
	@$(RUN) python tools/check_package_xml.py package.xml vpr_msgs/package.xml

bench: setup-networks
	@$(RUN_ALONE) python -m vpr_ros.benchmark $(BENCH_ARGS)
	@$(RUN) python tools/bench/networks.py $(if $(R2FORMER),--r2former "$(R2FORMER)") \
		$(if $(R2FORMER_PACKAGES),--r2former-packages "$(R2FORMER_PACKAGES)")
	@$(RUN) python tools/bench/poses.py
	@$(if $(TRUST),$(RUN) python tools/bench/trust.py "$(TRUST)" $(TRUST_ARGS),true)
	@$(if $(BASELINE),$(RUN) python tools/bench/builds.py --other "$(BASELINE)",true)

clean:
	rm -rf .venv .venv-jazzy .venv-kilted build install log .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find vpr_ros vpr_msgs test tools launch -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

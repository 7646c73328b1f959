# shellcheck shell=bash disable=SC2034  # read by the scripts that source this file
# Every version the cluster is made of. Engine versions are those of images/*/pom.xml.

# Node image that the kind release below was published with. Used where it can be pulled.
KIND_VERSION=v0.33.0
PUBLISHED_NODE_IMAGE=kindest/node:v1.34.11@sha256:44e222ee2132dab25ff87301682f89eb82c7880ea3a1bf543bfe9708fd08d67d

# Node image built from packages. 1.34 is the last minor whose kubelet starts on cgroup v1 by default.
KUBERNETES_VERSION=v1.34.4
CONTAINERD_VERSION=v2.3.7
CRICTL_VERSION=v1.34.0
CNI_PLUGINS_VERSION=v1.9.1
ETCD_VERSION=v3.6.8
COREDNS_VERSION=v1.14.7
LOCAL_PATH_PROVISIONER_VERSION=v0.0.30

HELM_VERSION=v3.21.4

# Runs the unit tests, each with a limit.
NEXTEST_VERSION=0.9.151
# Checks the workflows of GitHub.
ACTIONLINT_VERSION=v1.7.12

BASE_IMAGE=debian:bookworm-slim
IMAGE_PREFIX=ghcr.io/cryptopipeline

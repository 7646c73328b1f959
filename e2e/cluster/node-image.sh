#!/usr/bin/env bash
# Makes sure that Docker has a kind node image and writes its name to $CRYPTOPIPELINE_CACHE/node-image: the published one
# where it can be pulled, else one built from Go modules and Debian packages, under a tag that names its inputs.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source "$cluster_dir/go-build.sh"

containerd=github.com/containerd/containerd/v2@$CONTAINERD_VERSION
crictl=sigs.k8s.io/cri-tools@$CRICTL_VERSION
cni_plugins=github.com/containernetworking/plugins@$CNI_PLUGINS_VERSION
etcd=go.etcd.io/etcd/server/v3@$ETCD_VERSION
coredns=github.com/coredns/coredns@$COREDNS_VERSION
local_path_provisioner=github.com/rancher/local-path-provisioner@$LOCAL_PATH_PROVISIONER_VERSION

built_tag() {
  local inputs
  inputs=$({
    echo "$KIND_VERSION $containerd $crictl $cni_plugins $etcd $coredns $local_path_provisioner"
    cat "$cluster_dir"/node/* "$cluster_dir"/{node-image,go-build}.sh
  } | fingerprint)
  echo "cryptopipeline/node:$KUBERNETES_VERSION-$inputs"
}

choose() {
  echo "$1" >"$CRYPTOPIPELINE_CACHE/node-image"
  done_step "node image is there" "$SECONDS" "${1%@*}"
  exit
}

build_programs() {
  local plugin
  for plugin in main/loopback main/ptp ipam/host-local meta/portmap; do
    go_build "$cni_plugins" "${cni_plugins%@*}/plugins/$plugin"
  done
  for program in containerd containerd-shim-runc-v2 ctr; do
    go_build "$containerd" "${containerd%@*}/cmd/$program"
  done
  go_build "$crictl" "${crictl%@*}/cmd/crictl"
  go_build "$etcd" "${etcd%@*}" etcd
  go_build_main "$coredns" "$cluster_dir/node/coredns.go" coredns
  go_build "$local_path_provisioner" "${local_path_provisioner%@*}"
}

# module_dir MODULE@VERSION: where Go keeps its files.
module_dir() {
  go mod download -json "$1" | jq -r .Dir
}

# storage_manifest: the default StorageClass and its provisioner, as the kind module has them in a Go string.
storage_manifest() {
  local source name value
  source=$(module_dir "sigs.k8s.io/kind@$KIND_VERSION")/pkg/build/nodeimage/const_storage.go
  sed '1,/^const defaultStorageManifest = `/d; /^`$/,$d' "$source" >"$context/default-storage.yaml"
  while read -r name value; do
    sed -i "s|\` + $name + \`|$value|" "$context/default-storage.yaml"
  done < <(sed -nE 's/^const (storage[A-Za-z]+Image) = "(.*)"/\1 \2/p' "$source")
}

build_base() {
  local kubernetes program
  kubernetes=$(dirname "$(built "$kubernetes_module" any)")
  mkdir -p "$context"/{bin,cni}
  cp -r "$(module_dir "sigs.k8s.io/kind@$KIND_VERSION")/images/base/files" "$context/files"
  chmod -R u+w "$context/files"
  # Without CAP_SYS_RESOURCE no process may get a negative OOM score; with it nothing is lost.
  sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' "$context/files/etc/containerd/config.toml"
  cp "$kubernetes"/{kubelet,kubeadm,kubectl} "$(dirname "$(built "$containerd" any)")"/* "$(built "$crictl" crictl)" "$context/bin/"
  cp "$(dirname "$(built "$cni_plugins" any)")"/* "$context/cni/"
  storage_manifest
  docker build --network host --build-arg "KUBERNETES_VERSION=$KUBERNETES_VERSION" -f "$cluster_dir/node/Dockerfile" -t "$base" "$context"
}

# program_image IMAGE PROGRAM-FILE [PACKAGES]
program_image() {
  local folder=$work/${2##*/}
  mkdir -p "$folder"
  cp "$2" "$folder/"
  docker build --network host --build-arg "PROGRAM=${2##*/}" --build-arg "PACKAGES=${3:-}" \
    -f "$cluster_dir/node/program.Dockerfile" -t "$1" "$folder"
}

pause_image() {
  mkdir -p "$work/pause"
  gcc -Os -static -DVERSION="$KUBERNETES_VERSION" -o "$work/pause/pause" "$(module_dir "$kubernetes_module")/build/pause/linux/pause.c"
  docker build -f "$cluster_dir/node/pause.Dockerfile" -t "$1" "$work/pause"
}

# build_preloaded: every image that must be on a node before there is a network; their names go to $work/preloaded.
build_preloaded() {
  local kubernetes image
  kubernetes=$(dirname "$(built "$kubernetes_module" any)")
  {
    "$kubernetes/kubeadm" config images list --kubernetes-version "$KUBERNETES_VERSION"
    sed -nE 's/.*sandbox_image = "(.*)"/\1/p' "$context/files/etc/containerd/config.toml"
    sed -nE 's/.*(docker\.io\/kindest\/[^ ]+).*/\1/p' "$context/default-storage.yaml"
  } | sort -u >"$work/preloaded"
  while read -r image; do
    case $image in
    */kube-proxy:*) program_image "$image" "$kubernetes/kube-proxy" "conntrack ipset iproute2 iptables kmod nftables" ;;
    */kube-*) program_image "$image" "$kubernetes/$(basename "${image%:*}")" ;;
    */etcd:*) program_image "$image" "$(built "$etcd" etcd)" ;;
    */coredns:*) program_image "$image" "$(built "$coredns" coredns)" ;;
    */pause:*) pause_image "$image" ;;
    */local-path-provisioner:*) program_image "$image" "$(built "$local_path_provisioner" local-path-provisioner)" ;;
    */local-path-helper:*) docker tag "$BASE_IMAGE" "$image" ;;
    *) die "no recipe for image $image, which this Kubernetes release asks for" ;;
    esac
  done <"$work/preloaded"
}

# commit_node TAG: the base image with the preloaded images in its containerd's store.
commit_node() {
  local images container
  mapfile -t images <"$work/preloaded"
  container=$(docker run -d --privileged --entrypoint sleep "$base" infinity)
  # shellcheck disable=SC2064  # the container of now is the one to remove
  trap "docker rm -f '$container'" EXIT
  docker exec -d "$container" containerd
  timeout 60 bash -c "until docker exec '$container' ctr version; do sleep 0.5; done"
  docker save "${images[@]}" | docker exec -i "$container" ctr -n k8s.io images import --no-unpack --digests --all-platforms -
  docker exec "$container" pkill containerd
  timeout 60 bash -c "while docker exec '$container' pgrep -x containerd; do sleep 0.2; done"
  docker commit --change 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]' "$container" "$1"
}

tag=$(built_tag)
for image in "$PUBLISHED_NODE_IMAGE" "$tag"; do
  ! has_image "$image" || choose "$image"
done
if can_pull "$PUBLISHED_NODE_IMAGE"; then
  step "pull ${PUBLISHED_NODE_IMAGE%@*}" docker pull -q "$PUBLISHED_NODE_IMAGE"
  choose "$PUBLISHED_NODE_IMAGE"
fi

echo "No registry answers for ${PUBLISHED_NODE_IMAGE%@*}: building the node image from packages, once."
command -v go >/dev/null || die "Go is needed to build the node image. Install Go 1.21 or newer, or give Docker a registry, and run this again."
require gcc gcc libc6-dev
"$cluster_dir/base-image.sh"
step "build Kubernetes $KUBERNETES_VERSION" kubernetes_build "${kubernetes_programs[@]}"
step "build containerd, CNI, etcd, CoreDNS, storage" build_programs
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
context=$work/node
base=cryptopipeline/node-base:$KUBERNETES_VERSION
step "build node base image" build_base
step "build control-plane images" build_preloaded
step "build node image" commit_node "$tag"
choose "$tag"

# shellcheck shell=bash
# Builds programs from Go modules into the cache folder, one folder per module and version. Sourced.

# built MODULE@VERSION NAME: where that program is kept.
built() {
  printf '%s/built/%s/%s' "$CRYPTOPIPELINE_CACHE" "${1//\//_}" "$2"
}

# go_build MODULE@VERSION PACKAGE [NAME]: one program without C, so that it runs in any image.
go_build() {
  local module=$1 package=$2 name=${3:-${2##*/}} target work
  target=$(built "$module" "$name")
  [[ ! -x $target ]] || return 0
  work=$CRYPTOPIPELINE_CACHE/work/${module//\//_}
  mkdir -p "$work" "$(dirname "$target")"
  cd "$work" || return
  [[ -f go.mod ]] || go mod init build
  go get "$module"
  # A module alone does not always pull in the checksums of all that the program imports.
  go_compile "$package" "$target" || { go get "$package@${module##*@}" && go_compile "$package" "$target"; }
}

# go_build_main MODULE@VERSION FILE NAME: a program of our own, FILE, around a module.
go_build_main() {
  local module=$1 file=$2 name=$3 target work
  target=$(built "$module" "$name")
  [[ ! $target -nt $file ]] || return 0
  work=$CRYPTOPIPELINE_CACHE/work/$name-main
  mkdir -p "$work" "$(dirname "$target")"
  cd "$work" || return
  cp "$file" main.go
  rm -f go.mod go.sum
  go mod init build
  go get "$module"
  go mod tidy
  go_compile . "$target"
}

go_compile() {
  CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$2" "$1"
}

kubernetes_module=k8s.io/kubernetes@$KUBERNETES_VERSION

# kubernetes_build PROGRAM...: Kubernetes' own programs. As a module it names its libraries (k8s.io/api and some
# thirty more) by path inside its repository; each is replaced by the release of the same minor and patch.
kubernetes_build() {
  local minor flags=() version_package=k8s.io/component-base/version packages=() program target work
  target=$(dirname "$(built "$kubernetes_module" any)")
  for program in "$@"; do
    [[ -x $target/$program ]] || packages+=("k8s.io/kubernetes/cmd/$program")
  done
  ((${#packages[@]} > 0)) || return 0
  work=$CRYPTOPIPELINE_CACHE/work/kubernetes-$KUBERNETES_VERSION
  mkdir -p "$work" "$target"
  cd "$work" || return
  rm -f go.mod go.sum
  kubernetes_go_mod >new.mod
  mv new.mod go.mod
  kubernetes_imports >imports.go
  go mod tidy
  minor=$(cut -d. -f2 <<<"$KUBERNETES_VERSION")
  for program in gitVersion="$KUBERNETES_VERSION" gitMajor=1 gitMinor="$minor" gitTreeState=clean \
    gitCommit=none buildDate=2026-01-01T00:00:00Z; do
    flags+=(-X "$version_package.$program")
  done
  go build -trimpath -ldflags "-s -w ${flags[*]}" -o "$target/" "${packages[@]}"
}

kubernetes_go_mod() {
  local upstream
  upstream=$(go mod download -json "$kubernetes_module" | jq -r .GoMod)
  printf 'module build\n\n%s\n\n' "$(grep -E '^go ' "$upstream")"
  grep -E '^godebug ' "$upstream" || true
  printf '\nrequire k8s.io/kubernetes %s\n\nreplace (\n' "$KUBERNETES_VERSION"
  awk -v version="v0${KUBERNETES_VERSION#v1}" '/=> \.\/staging/ {sub(/^replace /, ""); print "\t" $1 " => " $1 " " version}' "$upstream"
  printf ')\n'
}

kubernetes_imports() {
  printf '//go:build imports\n\npackage build\n\nimport (\n'
  printf '\t_ "k8s.io/kubernetes/cmd/%s"\n' "${kubernetes_programs[@]}"
  printf ')\n'
}

kubernetes_programs=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubeadm kubectl)

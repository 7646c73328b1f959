#!/usr/bin/env bash
# Makes sure that Docker has the Debian image every other image starts from: pulled where there is a
# registry, else made from Debian packages.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

bootstrap() {
  local root
  root=$(mktemp -d)
  # shellcheck disable=SC2064  # the folder of now is the one to remove
  trap "rm -rf '$root'" EXIT
  debootstrap --variant=minbase --include=ca-certificates bookworm "$root"
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/usr/share/{doc,man,info,locale}/*
  tar -C "$root" -c . | docker import --change 'CMD ["bash"]' - "$BASE_IMAGE"
}

! has_image "$BASE_IMAGE" || exit 0
if can_pull "$BASE_IMAGE"; then
  step "pull $BASE_IMAGE" docker pull -q "$BASE_IMAGE"
else
  [[ $EUID -eq 0 ]] || die "no registry answers for $BASE_IMAGE, and only root can make it from packages. Give Docker a registry or run this as root."
  require debootstrap debootstrap
  step "make $BASE_IMAGE from packages" bootstrap
fi

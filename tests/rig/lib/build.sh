# Binaries, from Go modules: each module is built again only when its own files change.
# shellcheck shell=bash

packages=(containerd runc containernetworking-plugins iptables conntrack iproute2 ethtool socat
  docker-registry skopeo mmdebstrap openssl)

build() {
  require_tools
  install_packages
  mkdir -p "$bin" "$layers"
  local version=k8s.io/component-base/version
  local kubernetes="-s -w -X $version.gitVersion=v1.34.4 -X $version.gitMajor=1 -X $version.gitMinor=34"
  local operator=github.com/prometheus-operator/prometheus-operator/cmd
  local olm=github.com/operator-framework/operator-lifecycle-manager
  go_module kubernetes -ldflags "$kubernetes" ./cmd/... k8s.io/kubernetes/cmd/kubectl
  # All service discovery but Kubernetes' would triple the build.
  go_module prometheus -tags remove_all_sd,enable_kubernetes_sd -ldflags '-s -w' github.com/prometheus/prometheus/cmd/prometheus
  go_module prometheus-operator -ldflags '-s -w' $operator/operator $operator/prometheus-config-reloader
  go_module olm -ldflags '-s -w' $olm/cmd/{catalog,olm,copy-content} $olm/util/cpb github.com/operator-framework/operator-registry/cmd/opm
  go_module addons -ldflags '-s -w' ./cmd/...
  go_module metrics-server -ldflags '-s -w' sigs.k8s.io/metrics-server/cmd/metrics-server
  build_images
  say "built ($RIG_OUT)"
}

# go_module NAME BUILD-ARGS…: the commands of the module in go/NAME.
go_module() {
  local name=$1
  shift
  stale "go-$name" "$here/go/$name" || return 0
  say "go build $name"
  (cd "$here/go/$name" && CGO_ENABLED=0 go build -trimpath -mod=mod -o "$bin/" "$@")
  built "go-$name" "$here/go/$name"
}

require_tools() {
  [ "$(uname -s)" = Linux ] || cannot "needs Linux"
  [ "$(id -u)" = 0 ] || cannot "needs root, for containers and a network namespace"
  local tool
  for tool in go javac mvn python3; do
    command -v "$tool" >/dev/null || cannot "needs $tool in PATH"
  done
  python3 -c 'import yaml' 2>/dev/null || cannot "needs Python's PyYAML"
}

install_packages() {
  local missing=() package
  for package in "${packages[@]}"; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  command -v apt-get >/dev/null || cannot "needs ${missing[*]}, and installs them on Debian only"
  say "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

require_built() {
  [ -x "$bin/k8s" ] && [ -x "$bin/kubectl" ] || cannot "is not built; run \`tests/rig/rig build\`"
}

# Images: layers, put into a local registry that the node's containerd takes for every registry.
# shellcheck shell=bash

jmx_agent=io.prometheus.jmx:jmx_prometheus_javaagent:1.0.1
operator_version=v0.85.0
olm_version=v0.28.0

build_images() {
  local inputs=("$here/images.json" "$here/images.py" "$here/bundle.py" "$here/catalog" "$here/nginx"
    "$project/images" "$here/lib/images.sh")
  debian_layer
  inputs+=("$RIG_OUT"/stamps/go-*)
  stale images "${inputs[@]}" || return 0
  say "images"
  work=$RIG_OUT/work
  rm -rf "$work"
  mkdir -p "$work"
  component_layers
  prometheus_operator_layers
  web_layers
  java_layer
  manifests
  registry
  rm -rf "$work"
  built images "${inputs[@]}"
}

debian_layer() {
  [ -s "$layers/debian.tar" ] && return
  say "Debian root"
  mmdebstrap --quiet --variant=essential --include=nginx-light,openjdk-17-jre-headless,ca-certificates,curl \
    bookworm "$layers/debian.part.tar"
  mv "$layers/debian.part.tar" "$layers/debian.tar"
}

# put LAYER FOLDER FILE…: files into a folder of a layer under way.
put() {
  local to=$work/$1/$2
  shift 2
  mkdir -p "$to"
  cp -r "$@" "$to/"
}

# layer NAME: what was put into it, as a tar.
layer() {
  chmod -R a+rX "$work/$1"
  tar cf "$layers/$1.tar" --owner=0 --group=0 -C "$work/$1" .
}

component_layers() {
  put pause . "$bin/pause"
  layer pause
  put nginx etc/nginx "$here/nginx/nginx.conf"
  layer nginx
  put prometheus bin "$bin/prometheus"
  mkdir -p "$work/prometheus/prometheus"
  layer prometheus
  put olm usr/bin "$bin"/{catalog,olm,copy-content,cpb,opm}
  layer olm
  put addons bin "$bin"/{coredns,ingress,metrics-server}
  layer addons
  put catalog configs "$here/catalog/."
  layer catalog
}

prometheus_operator_layers() {
  # The reloader must be at /bin/prometheus-config-reloader.
  put prometheus-operator bin "$bin/operator" "$bin/prometheus-config-reloader"
  layer prometheus-operator
  local module
  module=$(go env GOMODCACHE)/github.com/prometheus-operator/prometheus-operator@$operator_version
  python3 "$here/bundle.py" "$module" "$work/bundle"
  layer bundle
}

# The two versions of lab 2's image.
web_layers() {
  local version
  for version in 1.0 2.0; do
    mkdir -p "$work/web-$version"
    (cd "$project/images/web" \
      && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$version" -o "$work/web-$version/web" .)
    layer "web-$version"
  done
}

# Lab 4's Java app, with the JMX exporter as its agent.
java_layer() {
  local app=$work/java/app
  mkdir -p "$app"
  mvn -q -B dependency:copy -Dartifact=$jmx_agent -DoutputDirectory="$app" -Dmdep.stripVersion=true >/dev/null
  mv "$app/jmx_prometheus_javaagent.jar" "$app/jmx.jar"
  cp "$project/images/java-demo/jmx.yaml" "$app/"
  javac --release 17 -d "$app" "$project"/images/java-demo/*.java
  layer java
}

# CRDs and the upstream bundle, from the modules they belong to.
manifests() {
  local modules
  modules=$(go env GOMODCACHE)
  mkdir -p "$RIG_OUT/manifests"
  local chart=$modules/github.com/operator-framework/operator-lifecycle-manager@$olm_version/deploy/chart
  # The aggregated roles let a project's admin make Subscriptions, but no OperatorGroups: just as upstream.
  cp "$chart"/crds/*.yaml "$chart"/templates/*aggregated.clusterrole.yaml "$RIG_OUT/manifests/"
  cp "$modules/github.com/prometheus-operator/prometheus-operator@$operator_version/bundle.yaml" "$RIG_OUT/prometheus-operator.yaml"
  chmod u+w "$RIG_OUT"/manifests/* "$RIG_OUT/prometheus-operator.yaml"
}

registry() {
  local address=127.0.0.1:5999 pid tag
  rm -rf "$RIG_OUT/registry"
  registry_config "$address" > "$RIG_OUT/registry.yaml"
  docker-registry serve "$RIG_OUT/registry.yaml" > "$RIG_OUT/registry.log" 2>&1 &
  pid=$!
  # shellcheck disable=SC2064 # the process of now
  trap "kill $pid 2>/dev/null" EXIT
  sleep 1
  python3 "$here/images.py" "$here/images.json" "$layers" "$RIG_OUT/oci" | while read -r tag; do
    skopeo copy -q --dest-tls-verify=false --insecure-policy "oci:$RIG_OUT/oci:$tag" "docker://$address/$tag" </dev/null
  done
  kill "$pid"
  trap - EXIT
  rm -rf "$RIG_OUT/oci"
}

registry_config() {
  printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' \
    "$RIG_OUT/registry" "$1"
}

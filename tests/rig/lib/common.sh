# Where things are, and what every part uses.
# shellcheck shell=bash disable=SC2034 # the parts share these names

RIG_OUT=${RIG_OUT:-${XDG_CACHE_HOME:-$HOME/.cache}/ccnr-rig}
RIG_STATE=${RIG_STATE:-$RIG_OUT/state}
bin=$RIG_OUT/bin
layers=$RIG_OUT/layers
pki=$RIG_STATE/pki
project=$(cd "$here/../.." && pwd)

# The node lives in a network namespace of its own; a veth pair leads to it from the host.
netns=${RIG_NETNS:-ccnrrig}
node_address=10.99.0.1
host_address=10.99.0.2
containerd_socket=/run/$netns-containerd.sock

api_only=
if [ "$(cat "$RIG_STATE/mode" 2>/dev/null)" = 1 ]; then api_only=1; fi

say() { echo "rig: $*"; }

# Exit code 3: the rig can't be had on this machine. The test suites print the sentence as the reason of their skip.
cannot() {
  echo "rig: $*" >&2
  exit 3
}

k() { "$bin/kubectl" --kubeconfig "$RIG_STATE/admin.kubeconfig" "$@"; }

# settle N CMD…: try CMD up to N times, five times a second.
settle() {
  local times=$1
  shift
  for _ in $(seq "$times"); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.2
  done
  echo "rig: gave up: $*" >&2
  return 1
}

# `nsenter`, not `ip netns exec`: the latter mounts /sys anew and hides the cgroups from the kubelet.
in_netns() {
  if [ -n "$api_only" ]; then "$@"; else nsenter --net="/run/netns/$netns" -- "$@"; fi
}

# start NAME CMD…: run CMD in the background; its log and its process are found by NAME.
start() {
  local name=$1
  shift
  if [ -n "$api_only" ]; then
    setsid nohup "$@" > "$RIG_STATE/$name.log" 2>&1 &
  else
    setsid nohup nsenter --net="/run/netns/$netns" -- "$@" > "$RIG_STATE/$name.log" 2>&1 &
  fi
  echo "$name $! $(started $!)" >> "$RIG_STATE/pids"
}

# When a process began, in ticks since the machine did: with its number it tells a process from all others.
started() {
  sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}

# runs PID STARTED: whether that very process still runs.
runs() {
  [ -n "$2" ] && [ "$(started "$1")" = "$2" ]
}

# The content of files and folders, as one number that does not depend on where the checkout lies.
digest() {
  find "$@" -type f -print0 | sort -z | xargs -0 sha256sum | sed "s|$project/||" | sha256sum | cut -d' ' -f1
}

# stale NAME INPUT…: whether the part NAME was built from other inputs than these, or never.
stale() {
  local name=$1
  shift
  [ "$(cat "$RIG_OUT/stamps/$name" 2>/dev/null)" != "$(digest "$@")" ]
}

built() {
  local name=$1
  shift
  mkdir -p "$RIG_OUT/stamps"
  digest "$@" > "$RIG_OUT/stamps/$name"
}

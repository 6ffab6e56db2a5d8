# Stopping, and leaving nothing behind.
# shellcheck shell=bash

down() {
  if [ -e "$RIG_STATE/pids" ]; then
    local name pid
    tac "$RIG_STATE/pids" | while read -r name pid; do
      [ "$name" = containerd ] && remove_containers
      stop "$pid"
    done
    rm -f "$RIG_STATE/pids"
  else
    say "not up"
  fi
  if [ "${1:-}" = --wipe ]; then wipe; fi
}

# An API server that is stopping keeps its port for seconds: each process is waited for.
stop() {
  kill "$1" 2>/dev/null || true
  for _ in $(seq 30); do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -9 "$1" 2>/dev/null || true
}

remove_containers() {
  ctr -a "$containerd_socket" -n k8s.io tasks ls -q 2>/dev/null \
    | xargs -r ctr -a "$containerd_socket" -n k8s.io tasks rm -f >/dev/null 2>&1 || true
}

# A rig whose processes were killed: its state is forgotten, so that the next one starts clean.
forget_a_dead_rig() {
  [ -e "$RIG_STATE/pids" ] || return 0
  local pid
  while read -r _ pid; do
    if grep -qs . "/proc/$pid/cmdline"; then cannot "is already up"; fi
  done < "$RIG_STATE/pids"
  say "its processes are gone; starting afresh"
  wipe
}

wipe() {
  local mounts="$RIG_STATE"
  if [ -z "$api_only" ]; then mounts="$RIG_STATE|/run/$netns-containerd|/run/netns/cni"; fi
  { grep -oE " ($mounts)[^ ]*" /proc/mounts || true; } | sort -r | xargs -r -n1 umount -l 2>/dev/null || true
  if [ -z "$api_only" ]; then
    local name
    for name in "$netns" $(ip netns list 2>/dev/null | grep -o '^cni-[^ ]*'); do
      ip netns del "$name" 2>/dev/null || true
    done
    ip link del "$netns" 2>/dev/null || true
    pkill -f "containerd-shim.*$netns-containerd" 2>/dev/null || true
    rm -rf "/run/$netns-containerd"*
  fi
  rm -rf "$RIG_STATE"
}

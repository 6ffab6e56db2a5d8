# Stopping, and leaving nothing behind.
# shellcheck shell=bash

down() {
  if [ -e "$RIG_STATE/pids" ]; then
    local name pid began
    tac "$RIG_STATE/pids" | while read -r name pid began; do
      [ "$name" = containerd ] && remove_containers
      stop "$pid" "$began"
    done
    rm -f "$RIG_STATE/pids"
  else
    say "not up"
  fi
  if [ "${1:-}" = --wipe ]; then wipe; fi
}

# An API server that is stopping keeps its port for seconds: each process is waited for.
stop() {
  runs "$@" || return 0
  kill "$1" 2>/dev/null || true
  for _ in $(seq 30); do
    runs "$@" || return 0
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
  local pid began
  while read -r _ pid began; do
    if runs "$pid" "$began"; then cannot "is already up"; fi
  done < "$RIG_STATE/pids"
  say "its processes are gone; starting afresh"
  wipe
}

wipe() {
  local mounts="$RIG_STATE"
  if [ -z "$api_only" ]; then mounts="$RIG_STATE|/run/$netns-containerd"; fi
  { grep -oE " ($mounts)[^ ]*" /proc/mounts || true; } | sort -r | xargs -r -n1 umount -l 2>/dev/null || true
  if [ -z "$api_only" ]; then
    ip netns del "$netns" 2>/dev/null || true
    ip link del "$netns" 2>/dev/null || true
    pkill -f "containerd-shim.*$netns-containerd" 2>/dev/null || true
    rm -rf "/run/$netns-containerd"*
  fi
  rm -rf "$RIG_STATE"
}

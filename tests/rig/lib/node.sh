# One node: network namespace, registry, containerd, kubelet, kube-proxy, scheduler.
# shellcheck shell=bash

# A veth pair between the host and the node's namespace: there is no `dummy` device type in every container, and the host
# reaches the API server, pods and services through it.
network_up() {
  nsenter --net="/run/netns/$netns" true 2>/dev/null && return
  ip netns del "$netns" 2>/dev/null || true
  ip netns add "$netns"
  ip link add "$netns" type veth peer name node0 netns "$netns"
  ip addr add "$host_address/24" dev "$netns"
  ip link set "$netns" up
  in_netns ip link set lo up
  in_netns ip addr add "$node_address/24" dev node0
  in_netns ip link set node0 up
  in_netns ip route add default via "$host_address" dev node0
  in_netns sysctl -qw net.ipv4.ip_forward=1
  ip route replace 10.244.0.0/16 via "$node_address"
  ip route replace 10.96.0.0/16 via "$node_address"
}

node_up() {
  mkdir -p "$RIG_STATE/cni" "$RIG_STATE/certs.d/_default"
  : > "$RIG_STATE/resolv.conf"
  start kube-scheduler "$bin/k8s" kube-scheduler --kubeconfig="$RIG_STATE/sched.kubeconfig" \
    --authentication-kubeconfig="$RIG_STATE/sched.kubeconfig" \
    --authorization-kubeconfig="$RIG_STATE/sched.kubeconfig" --leader-elect=false
  registry_up
  cni_config > "$RIG_STATE/cni/10-bridge.conflist"
  containerd_config > "$RIG_STATE/containerd.toml"
  kubelet_config > "$RIG_STATE/kubelet.yaml"
  start containerd containerd -c "$RIG_STATE/containerd.toml"
  settle 50 ctr -a "$containerd_socket" version
  start kubelet "$bin/k8s" kubelet --config="$RIG_STATE/kubelet.yaml" --kubeconfig="$RIG_STATE/node.kubeconfig" \
    --root-dir="$RIG_STATE/kubelet" --hostname-override=node --node-ip="$node_address"
  start kube-proxy "$bin/k8s" kube-proxy --kubeconfig="$RIG_STATE/proxy.kubeconfig" --cluster-cidr=10.244.0.0/16 \
    --hostname-override=node --proxy-mode=iptables --conntrack-max-per-core=0 \
    --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
  k create clusterrolebinding rig-proxy --clusterrole=system:node-proxier --user=system:kube-proxy >/dev/null 2>&1 || true
  settle 150 k wait --for=condition=Ready node/node --timeout=1s
}

# The mirror of every registry.
registry_up() {
  local address=$node_address:5000
  registry_config "$address" > "$RIG_STATE/registry.yaml"
  start registry docker-registry serve "$RIG_STATE/registry.yaml"
  printf 'server = "http://%s"\n[host."http://%s"]\n  capabilities = ["pull", "resolve"]\n' "$address" "$address" \
    > "$RIG_STATE/certs.d/_default/hosts.toml"
}

cni_config() {
  cat <<K
{"cniVersion": "1.0.0", "name": "rig", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipam": {"type": "host-local",
   "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}], "dataDir": "$RIG_STATE/ipam"}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
K
}

# netns_mounts_under_state_dir: the Pods' network namespaces are told from those of other container runtimes.
# restrict_oom_score_adj: without CAP_SYS_RESOURCE runc dies setting a negative score
# ("can't get final child's PID from pipe: EOF").
containerd_config() {
  cat <<K
version = 2
root = "$RIG_STATE/containerd"
state = "/run/$netns-containerd"
[grpc]
  address = "$containerd_socket"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.10"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$RIG_STATE/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "$RIG_STATE/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
K
}

kubelet_config() {
  cat <<K
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
containerRuntimeEndpoint: unix://$containerd_socket
syncFrequency: 10s
resolvConf: $RIG_STATE/resolv.conf
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $pki/node.crt
tlsPrivateKeyFile: $pki/node.key
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 50Mi, nodefs.available: 1Gi, imagefs.available: 1Gi}
podLogsDir: $RIG_STATE/podlogs
K
}

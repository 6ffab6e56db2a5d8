# etcd, kube-apiserver, kube-controller-manager.
# shellcheck shell=bash disable=SC2154 # address, port and etcd_port come from `up`

control_plane_up() {
  local etcd=http://127.0.0.1:$etcd_port
  start etcd "$bin/etcd" "$RIG_STATE/etcd" "$etcd" "http://127.0.0.1:$((etcd_port + 1))"
  local bind=0.0.0.0
  [ -n "$api_only" ] && bind=127.0.0.1
  # APISERVER_ARGS and KCM_ARGS: more flags, for a test that needs them.
  # shellcheck disable=SC2086 # several words
  start kube-apiserver "$bin/k8s" kube-apiserver \
    --etcd-servers="$etcd" --bind-address=$bind --advertise-address="$address" --secure-port="$port" \
    --tls-cert-file="$pki/server.crt" --tls-private-key-file="$pki/server.key" --client-ca-file="$pki/ca.crt" \
    --service-account-key-file="$pki/sa.pub" --service-account-signing-key-file="$pki/sa.key" \
    --service-account-issuer=https://kubernetes.default.svc \
    --kubelet-client-certificate="$pki/kubelet-client.crt" --kubelet-client-key="$pki/kubelet-client.key" \
    --kubelet-preferred-address-types=InternalIP --enable-aggregator-routing=true \
    --requestheader-client-ca-file="$pki/ca.crt" --requestheader-allowed-names=front-proxy \
    --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
    --requestheader-extra-headers-prefix=X-Remote-Extra- \
    --proxy-client-cert-file="$pki/front.crt" --proxy-client-key-file="$pki/front.key" \
    --service-cluster-ip-range=10.96.0.0/16 --authorization-mode=Node,RBAC --allow-privileged=true \
    ${APISERVER_ARGS:-}
  settle 150 k get --raw /readyz
  # shellcheck disable=SC2086 # several words
  start kube-controller-manager "$bin/k8s" kube-controller-manager \
    --kubeconfig="$RIG_STATE/kcm.kubeconfig" --authentication-kubeconfig="$RIG_STATE/kcm.kubeconfig" \
    --authorization-kubeconfig="$RIG_STATE/kcm.kubeconfig" \
    --service-account-private-key-file="$pki/sa.key" --root-ca-file="$pki/ca.crt" \
    --use-service-account-credentials=true --leader-elect=false --bind-address=127.0.0.1 \
    --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" ${KCM_ARGS:-}
  settle 100 k get serviceaccount default
}

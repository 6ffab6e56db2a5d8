# Certificates and kubeconfigs, for one run of the rig.
# shellcheck shell=bash

make_certs() {
  mkdir -p "$pki"
  [ -f "$pki/ca.crt" ] && return
  (
    cd "$pki" || exit
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=rig-ca -keyout ca.key -out ca.crt 2>/dev/null
    # An extension makes a certificate X.509 v3; rustls takes no older ones.
    echo "extendedKeyUsage=clientAuth" > client.ext
    echo "subjectAltName=IP:127.0.0.1,IP:$node_address,IP:10.96.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc" > server.ext
    echo "subjectAltName=IP:$node_address,DNS:node" > node.ext
    cert server /CN=kube-apiserver server.ext
    cert node /O=system:nodes/CN=system:node:node node.ext
    cert admin /O=system:masters/CN=admin client.ext
    cert kcm /CN=system:kube-controller-manager client.ext
    cert sched /CN=system:kube-scheduler client.ext
    cert proxy /CN=system:kube-proxy client.ext
    cert kubelet-client /O=system:masters/CN=apiserver client.ext
    cert front /CN=front-proxy client.ext
    openssl genrsa -out sa.key 2048 2>/dev/null
    openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
    local user
    for user in admin kcm sched proxy node; do
      kubeconfig "$user" > "$RIG_STATE/$user.kubeconfig"
    done
  )
}

# cert NAME SUBJECT EXTENSIONS
cert() {
  openssl req -newkey rsa:2048 -nodes -subj "$2" -keyout "$1.key" -out "$1.csr" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out "$1.crt" -extfile "$3" 2>/dev/null
}

kubeconfig() {
  cat <<K
apiVersion: v1
kind: Config
current-context: rig
clusters: [{name: rig, cluster: {server: "https://$address:$port", certificate-authority-data: $(base64 -w0 ca.crt)}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}}]
contexts: [{name: rig, context: {cluster: rig, user: $1}}]
K
}

# What the labs need of a cluster besides Kubernetes: DNS, metrics, OLM, storage, ingress, the Prometheus Operator.
# shellcheck shell=bash

addons_up() {
  local deployments=(kube-system/{coredns,metrics-server,ingress})
  if [ -n "$olm" ]; then
    k apply --server-side -f "$RIG_OUT/manifests" >/dev/null
    settle 50 k wait --for=condition=Established crd/operatorgroups.operators.coreos.com --timeout=1s
    deployments+=(olm/{olm-operator,catalog-operator,catalog})
  fi
  mkdir -p "$RIG_STATE"/volumes/{1,2,3,4}
  chmod 0777 "$RIG_STATE"/volumes/*
  local file
  for file in "$here"/manifests/*.yaml; do
    if [ -z "$olm" ] && [ "${file##*/}" = olm.yaml ]; then continue; fi
    sed "s|@VOLUMES@|$RIG_STATE/volumes|" "$file" | k apply --server-side -f - >/dev/null
  done
  local deployment
  for deployment in "${deployments[@]}"; do
    k -n "${deployment%/*}" rollout status "deploy/${deployment#*/}" --timeout=120s >/dev/null
  done
}

# The Prometheus Operator, in one of the two forms in which a workshop meets it.
operator_up() {
  case $1 in
    none) ;;
    bundle)
      k create namespace prometheus-operator --dry-run=client -o yaml | k apply --server-side -f - >/dev/null
      sed 's/namespace: default/namespace: prometheus-operator/' "$RIG_OUT/prometheus-operator.yaml" \
        | k apply --server-side -f - >/dev/null
      k apply --server-side -f "$here/operator/roles.yaml" >/dev/null
      k -n prometheus-operator rollout status deploy/prometheus-operator --timeout=120s >/dev/null
      ;;
    subscription)
      k apply --server-side -f "$here/operator/subscription.yaml" >/dev/null
      settle 300 k -n prometheus-operator wait --for=jsonpath='{.status.phase}'=Succeeded csv/prometheusoperator.v0.85.0 --timeout=1s
      ;;
    *) cannot "knows no form \"$1\" of the operator: none, subscription, bundle" ;;
  esac
}

//! Mistakes that beginners make, as shell scripts in the learner's folder. `$P` is the lab's first project.

/// What goes wrong in one step of a lab.
pub struct Scene {
    /// The lab.
    pub lab: &'static str,
    /// The steps that are done before, up to this one; none for the first step.
    pub solved: Option<&'static str>,
    /// The mistakes, one after the other, each undone before the next.
    pub mistakes: &'static [Mistake],
}

/// One mistake.
pub struct Mistake {
    /// In a few words, with dashes; the name of its snapshot.
    pub name: &'static str,
    /// What the learner types.
    pub typed: &'static str,
    /// What takes it back.
    pub undo: &'static str,
    /// The words at which the report has settled.
    pub settled: &'static str,
}

const fn mistake(
    name: &'static str,
    typed: &'static str,
    undo: &'static str,
    settled: &'static str,
) -> Mistake {
    Mistake {
        name,
        typed,
        undo,
        settled,
    }
}

const DELETE_NGINX: &str = "kubectl delete deployment --all --wait -n $P";

/// All of them, by the step in which they are made.
pub const SCENES: &[Scene] = &[
    Scene {
        lab: "1",
        solved: None,
        mistakes: &[mistake(
            "project-misspelt",
            "kubectl create namespace $P-x",
            "kubectl delete namespace $P-x --wait=false",
            "no Namespace of that name",
        )],
    },
    Scene {
        lab: "1",
        solved: Some("project"),
        mistakes: &[
            mistake(
                "image-that-does-not-exist",
                "sed s/:1.27/:1.99/ 01-project/deployment.yaml | kubectl apply -f - -n $P",
                DELETE_NGINX,
                "[ImagePull",
            ),
            mistake(
                "image-that-needs-root",
                "sed s,quay.io/nginx/nginx-unprivileged:1.27,nginx:latest, 01-project/deployment.yaml | kubectl apply -f - -n $P",
                DELETE_NGINX,
                "[ContainerConfig",
            ),
            mistake(
                "deployment-misspelt",
                "sed 's/name: test-nginx$/name: test-ngnix/' 01-project/deployment.yaml | kubectl apply -f - -n $P",
                DELETE_NGINX,
                "no Deployment of that name",
            ),
            mistake(
                "label-of-the-tutorial",
                "sed 's/app: test-nginx/app: nginx/' 01-project/deployment.yaml | kubectl apply -f - -n $P",
                DELETE_NGINX,
                "finds its Pods by the label",
            ),
            mistake(
                "too-few-replicas",
                "sed 's/replicas: 3/replicas: 1/' 01-project/deployment.yaml | kubectl apply -f - -n $P && kubectl rollout status deployment/test-nginx -n $P",
                DELETE_NGINX,
                "3 replicas or more",
            ),
            mistake(
                "quota-used-up",
                "kubectl create quota small --hard=pods=1 -n $P && sleep 1 && kubectl apply -f 01-project/deployment.yaml -n $P && kubectl wait --for=jsonpath='{.status.availableReplicas}'=1 deployment/test-nginx -n $P --timeout=60s",
                "kubectl delete quota small -n $P; kubectl delete deployment --all --wait -n $P",
                "exceeded quota",
            ),
            mistake(
                "node-that-does-not-exist",
                "kubectl apply -f 01-project/deployment.yaml -n $P && kubectl rollout status deployment/test-nginx -n $P && kubectl patch deployment test-nginx -n $P -p '{\"spec\":{\"template\":{\"spec\":{\"nodeSelector\":{\"disk\":\"ssd\"}}}}}'",
                DELETE_NGINX,
                "[Unschedulable",
            ),
            mistake(
                "command-that-crashes",
                "kubectl create deployment test-nginx --image=quay.io/nginx/nginx-unprivileged:1.27 --replicas=3 -n $P -- /bin/false",
                DELETE_NGINX,
                "[CrashLoop",
            ),
        ],
    },
    Scene {
        lab: "1",
        solved: Some("declare"),
        mistakes: &[mistake(
            "answer-is-the-deployments-name",
            "ccnr lab answer look-inside test-nginx --student $S",
            "true",
            "test-nginx",
        )],
    },
    Scene {
        lab: "1",
        solved: Some("look-inside"),
        mistakes: &[mistake(
            "deployment-deleted-instead-of-a-pod",
            "kubectl delete deployment test-nginx --wait -n $P",
            "kubectl apply -f 01-project/deployment.yaml -n $P",
            "no Deployment of that name",
        )],
    },
    Scene {
        lab: "1",
        solved: Some("self-healing"),
        mistakes: &[
            mistake(
                "wrong-replica-count",
                "kubectl scale deployment test-nginx --replicas=5 -n $P && kubectl rollout status deployment/test-nginx -n $P",
                "kubectl scale deployment test-nginx --replicas=3 -n $P",
                "replicas = 5",
            ),
            mistake(
                "scaled-to-nothing",
                "kubectl scale deployment test-nginx --replicas=0 -n $P",
                "kubectl scale deployment test-nginx --replicas=3 -n $P",
                "replicas = 0",
            ),
        ],
    },
    Scene {
        lab: "1",
        solved: Some("scale"),
        mistakes: &[
            mistake(
                "secret-with-the-wrong-key",
                "kubectl apply -f 01-project/configmap.yaml -n $P && kubectl create secret generic test-nginx-token --from-literal=password=practice-only -n $P && kubectl apply -f 01-project/deployment-configured.yaml -n $P",
                "kubectl delete configmap test-nginx-page -n $P; kubectl delete secret test-nginx-token -n $P; kubectl apply -f 01-project/deployment.yaml -n $P; kubectl rollout status deployment/test-nginx -n $P",
                "[ContainerConfig",
            ),
            mistake(
                "configmap-forgotten",
                "kubectl create secret generic test-nginx-token --from-literal=token=practice-only -n $P && kubectl apply -f 01-project/deployment-configured.yaml -n $P",
                "kubectl delete secret test-nginx-token -n $P; kubectl apply -f 01-project/deployment.yaml -n $P",
                "[VolumeMount",
            ),
        ],
    },
    Scene {
        lab: "1",
        solved: Some("configure"),
        mistakes: &[
            mistake(
                "selector-that-matches-nothing",
                "sed 's/app: test-nginx/app: nginx/' 01-project/service.yaml | kubectl apply -f - -n $P",
                "kubectl delete service test-nginx -n $P",
                "endpoint",
            ),
            mistake(
                "wrong-target-port",
                "sed 's/targetPort: .*/targetPort: 80/' 01-project/service.yaml | kubectl apply -f - -n $P",
                "kubectl delete service test-nginx -n $P",
                "503",
            ),
        ],
    },
    Scene {
        lab: "1",
        solved: Some("service"),
        mistakes: &[mistake(
            "policy-that-lets-everybody-in",
            "sed 's/- podSelector: {}/- namespaceSelector: {}/' 01-project/networkpolicy.yaml | kubectl apply -f - -n $P",
            "kubectl delete networkpolicy --all -n $P",
            "only",
        )],
    },
    Scene {
        lab: "1",
        solved: Some("one-per-node"),
        mistakes: &[mistake(
            "autoscaler-of-another-deployment",
            "kubectl create deployment other --image=quay.io/nginx/nginx-unprivileged:1.27 -n $P; kubectl autoscale deployment other --name=test-nginx --min=4 --max=6 --cpu-percent=50 -n $P && kubectl wait --for=condition=ScalingActive=false hpa/test-nginx -n $P --timeout=80s",
            "kubectl delete hpa test-nginx -n $P; kubectl delete deployment other -n $P",
            "= other",
        )],
    },
    Scene {
        lab: "2",
        solved: Some("service"),
        mistakes: &[mistake(
            "ingress-to-a-service-that-is-not-there",
            "sed 's/name: web$/name: website/' 02-build-deploy/ingress.yaml | kubectl apply -f - -n $P",
            "kubectl delete ingress --all -n $P",
            "no Ingress of that name",
        )],
    },
    Scene {
        lab: "2",
        solved: Some("expose"),
        mistakes: &[
            mistake(
                "version-2-with-the-image-of-version-1",
                "sed 's,ccnr/web:2.0,ccnr/web:1.0,' 02-build-deploy/version-2.yaml | kubectl apply -f - -n $P && kubectl rollout status deployment/web-v2 -n $P",
                "kubectl delete -f 02-build-deploy/version-2.yaml -n $P",
                "web 2.0",
            ),
            mistake(
                "deleted-the-wrong-thing",
                "kubectl apply -f 02-build-deploy/version-2.yaml -n $P && kubectl rollout status deployment/web-v2 -n $P && kubectl delete deployment web --wait -n $P",
                "true",
                "no longer",
            ),
        ],
    },
    Scene {
        lab: "3",
        solved: Some("operator-group"),
        mistakes: &[
            mistake(
                "second-operator-group",
                "printf 'apiVersion: operators.coreos.com/v1\nkind: OperatorGroup\nmetadata: {name: second}\nspec: {targetNamespaces: [%s]}\n' $P | kubectl apply -f - -n $P",
                "kubectl delete operatorgroup second -n $P",
                "observed  2",
            ),
            mistake(
                "channel-that-does-not-exist",
                "sed 's/channel: beta/channel: stable/' 03-prometheus-operator/subscription.yaml | kubectl apply -f - -n $P",
                "kubectl delete subscriptions.operators.coreos.com --all -n $P",
                "= stable",
            ),
            mistake(
                "catalogue-misspelt",
                "sed 's/source: operatorhubio-catalog/source: operatorhub-catalog/' 03-prometheus-operator/subscription.yaml | kubectl apply -f - -n $P",
                "kubectl delete subscriptions.operators.coreos.com --all -n $P",
                "= operatorhub-catalog",
            ),
        ],
    },
    Scene {
        lab: "3",
        solved: Some("operator"),
        mistakes: &[mistake(
            "prometheus-without-its-account",
            "kubectl apply -f 03-prometheus-operator/prometheus.yaml -n $P && kubectl wait --for=condition=Available=false prometheus/monitoring -n $P --timeout=60s",
            "kubectl delete prometheus --all -n $P",
            "no ServiceAccount of that name",
        )],
    },
    Scene {
        lab: "4",
        solved: Some("deploy"),
        mistakes: &[mistake(
            "port-without-the-right-name",
            "sed 's/name: metrics/name: jmx/' 04-jmx-metrics/service.yaml | kubectl apply -f - -n $P",
            "kubectl delete service java-demo -n $P",
            "metrics",
        )],
    },
    Scene {
        lab: "4",
        solved: Some("metrics"),
        mistakes: &[mistake(
            "missing-role-binding",
            "kubectl wait --for=create statefulset/prometheus-monitoring -n $M --timeout=180s && kubectl rollout status statefulset/prometheus-monitoring -n $M --timeout=180s && sleep 31",
            "true",
            "no RoleBinding of that name",
        )],
    },
    Scene {
        lab: "4",
        solved: Some("discovery"),
        mistakes: &[
            mistake(
                "wrong-port-name",
                "sed 's/port: metrics/port: \"9404\"/' 04-jmx-metrics/service-monitor.yaml | kubectl apply -f - -n $M",
                "kubectl delete servicemonitor java-demo -n $M",
                "port",
            ),
            mistake(
                "service-monitor-in-the-wrong-project",
                "sed \"s/namespace: $M/namespace: $P/\" 04-jmx-metrics/service-monitor.yaml | kubectl apply -f -",
                "kubectl delete servicemonitor java-demo -n $P",
                "no ServiceMonitor of that name",
            ),
            mistake(
                "label-that-prometheus-does-not-select",
                "sed 's/k8s-app: prometheus/k8s-app: java/' 04-jmx-metrics/service-monitor.yaml | kubectl apply -f - -n $M",
                "kubectl delete servicemonitor java-demo -n $M",
                "= java",
            ),
            mistake(
                "looks-into-its-own-project",
                "sed \"s/- $P/- $M/\" 04-jmx-metrics/service-monitor.yaml | kubectl apply -f - -n $M",
                "kubectl delete servicemonitor java-demo -n $M",
                "looks into project",
            ),
        ],
    },
];

// A small ingress controller: HTTP by host and path to the ClusterIPs of Services, and the address into each Ingress's status.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"

	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	listers "k8s.io/client-go/listers/networking/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// controller serves the Ingresses of one class.
type controller struct {
	client    kubernetes.Interface
	class     string
	address   string
	ingresses listers.IngressLister
	services  corelisters.ServiceLister
}

func main() {
	class := flag.String("class", "rig", "the IngressClass that is served")
	address := flag.String("address", "", "the address that Ingresses report")
	listen := flag.String("listen", ":80", "where to listen")
	flag.Parse()
	config, err := rest.InClusterConfig()
	if err != nil {
		log.Fatal(err)
	}
	client := kubernetes.NewForConfigOrDie(config)
	factory := informers.NewSharedInformerFactory(client, 0)
	watched := factory.Networking().V1().Ingresses()
	c := &controller{client, *class, *address, watched.Lister(), factory.Core().V1().Services().Lister()}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(found any) { c.report(found.(*networking.Ingress)) },
		UpdateFunc: func(_, found any) { c.report(found.(*networking.Ingress)) },
	}
	if _, err := watched.Informer().AddEventHandler(handler); err != nil {
		log.Fatal(err)
	}
	factory.Start(context.Background().Done())
	factory.WaitForCacheSync(context.Background().Done())
	log.Fatal(http.ListenAndServe(*listen, &httputil.ReverseProxy{
		Rewrite:   c.rewrite,
		Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext},
		ErrorHandler: func(answer http.ResponseWriter, request *http.Request, err error) {
			status := http.StatusBadGateway
			if request.URL.Host == "" {
				status, err = http.StatusNotFound, fmt.Errorf("no Ingress for %s%s", request.Host, request.URL.Path)
			}
			http.Error(answer, err.Error(), status)
		},
	}))
}

func (c *controller) serves(ingress *networking.Ingress) bool {
	return ingress.Spec.IngressClassName != nil && *ingress.Spec.IngressClassName == c.class
}

// report writes the address into the status, unless it is there.
func (c *controller) report(ingress *networking.Ingress) {
	known := ingress.Status.LoadBalancer.Ingress
	if !c.serves(ingress) || len(known) == 1 && known[0].IP == c.address {
		return
	}
	changed := ingress.DeepCopy()
	changed.Status.LoadBalancer.Ingress = []networking.IngressLoadBalancerIngress{{IP: c.address}}
	_, err := c.client.NetworkingV1().Ingresses(ingress.Namespace).UpdateStatus(context.Background(), changed, meta.UpdateOptions{})
	if err != nil {
		log.Print(err)
	}
}

func (c *controller) rewrite(request *httputil.ProxyRequest) {
	request.SetXForwarded()
	request.Out.Host = request.In.Host
	request.Out.URL.Scheme, request.Out.URL.Host = "http", c.target(request.In)
}

// target is the address of the Service that the longest matching path leads to; empty where none does.
func (c *controller) target(request *http.Request) string {
	host, _, err := net.SplitHostPort(request.Host)
	if err != nil {
		host = request.Host
	}
	ingresses, err := c.ingresses.List(labels.Everything())
	if err != nil {
		return ""
	}
	best, length := "", -1
	for _, ingress := range ingresses {
		if !c.serves(ingress) {
			continue
		}
		for _, rule := range ingress.Spec.Rules {
			if rule.HTTP == nil || rule.Host != "" && rule.Host != host {
				continue
			}
			for _, path := range rule.HTTP.Paths {
				if leads(path, request.URL.Path) && len(path.Path) > length {
					best, length = c.service(ingress.Namespace, path.Backend.Service), len(path.Path)
				}
			}
		}
	}
	return best
}

// leads says whether a path of an Ingress matches, by whole segments or exactly.
func leads(path networking.HTTPIngressPath, wanted string) bool {
	if path.PathType != nil && *path.PathType == networking.PathTypeExact {
		return wanted == path.Path
	}
	prefix := strings.TrimSuffix(path.Path, "/")
	return wanted == prefix || strings.HasPrefix(wanted, prefix+"/")
}

func (c *controller) service(namespace string, backend *networking.IngressServiceBackend) string {
	if backend == nil {
		return ""
	}
	service, err := c.services.Services(namespace).Get(backend.Name)
	if err != nil || service.Spec.ClusterIP == core.ClusterIPNone {
		return ""
	}
	for _, port := range service.Spec.Ports {
		if port.Port == backend.Port.Number || port.Name != "" && port.Name == backend.Port.Name {
			return fmt.Sprintf("%s:%d", service.Spec.ClusterIP, port.Port)
		}
	}
	return ""
}

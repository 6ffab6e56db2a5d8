// A web page that says its version and on which Pod it runs: what lab 2 deploys, updates and rolls back.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"time"
)

// Set when the image is built: -ldflags "-X main.version=2.0".
var version = "dev"

func main() {
	host, err := os.Hostname()
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "web %s on %s\n", version, host)
	})
	http.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	server := &http.Server{Addr: ":8080", ReadHeaderTimeout: 5 * time.Second}
	log.Printf("web %s listens on %s", version, server.Addr)
	log.Fatal(server.ListenAndServe())
}

module ccnr.dev/images/web

go 1.24

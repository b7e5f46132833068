package control

import (
	"embed"
	"net/http"
)

// The page has no assets from elsewhere: it works without a network.
//
//go:embed page
var page embed.FS

func addPage(mux *http.ServeMux) {
	for path, file := range map[string]string{
		"/{$}":      "page/index.html",
		"/page.css": "page/page.css",
		"/page.js":  "page/page.js",
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Content-Security-Policy",
				"default-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("Cache-Control", "no-cache")
			http.ServeFileFS(w, r, page, file)
		})
	}
}

package control

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// withToken lets only requests through that have the token; without one, all.
func withToken(token string, h http.Handler) http.Handler {
	if token == "" {
		return h
	}
	want := sha256.Sum256([]byte(token)) // comparing sums does not tell how long it is
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got := sha256.Sum256([]byte(given))
		if !ok || subtle.ConstantTimeCompare(want[:], got[:]) == 0 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="gateway"`)
			http.Error(w, "the token is missing or wrong", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// guard keeps pages of other sites, in a browser on this host, from changing
// anything. It refuses requests of another origin. Where no token is needed, it
// also refuses those to another name than this host's, since a site can have
// its own name point here.
func guard(c config.Control, h http.Handler) http.Handler {
	h = http.NewCrossOriginProtection().Handler(h)
	if c.Token != "" || c.Network == "unix" {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(r.Host) {
			http.Error(w, "not a name of this host: "+r.Host, http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func isLoopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || err == nil && a.IsLoopback()
}

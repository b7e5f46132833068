package config

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

// Cluster is how a gateway agrees with others on members, and shares pins with
// them.
type Cluster struct {
	Name    string // of the cluster
	Gateway string // of this gateway in it
	Secret  string // that all gateways of the cluster have

	URLs        []string // of NATS servers
	User        string   // empty: none is needed
	Password    string
	Token       string
	Credentials string // a file of NATS credentials
	TLS         *TLS   // nil: none, unless a URL asks for it

	Server *Server // to be run within the gateway; nil: servers run elsewhere

	Replicas  int // servers that keep the log
	Heartbeat time.Duration
	Prepare   time.Duration // that a planned change waits for gateways
	Pins      bool          // they are shared
	Least     time.Duration // the shortest timeout of flows that are shared
	// Wait is how long a gateway that starts waits at most for the pins of the
	// others, before it tells routers of its services.
	Wait time.Duration

	value value
}

// TLS is what the gateway knows servers by, and is known by. A server of its
// own has the same.
type TLS struct {
	CA, Cert, Key string // files; empty: those of the system, or none
	Name          string // of the servers; empty: that of the URL
}

// Server is a NATS server within the gateway.
type Server struct {
	Listen    netip.AddrPort // for gateways
	Peer      netip.AddrPort // for the other servers; zero: there are none
	Peers     []string       // the "peer" of all servers
	Directory string         // of its files
}

const (
	minSecret    = 16
	maxReplicas  = 5
	minHeartbeat = 10 * time.Millisecond
	maxHeartbeat = time.Minute
	maxServers   = 64
	quorum       = 3 // servers of which one may be lost
	minWait      = 5 * time.Second
	waitBeats    = 5 // heartbeats in which all others have said what they have
)

// clusterName is what names are made of that stand in subjects of NATS.
var clusterName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

const clusterNameRule = "a name in a cluster is made of letters, digits, '_' and '-', and has up to 64 of them"

func (c *Config) decodeCluster(v value) error {
	k := &Cluster{Heartbeat: time.Second, Prepare: 2 * time.Second, Pins: true, Least: time.Minute, value: v}
	var s Server
	err := v.fields(map[string]func(value) error{
		"name":        clusterNameInto(&k.Name),
		"gateway":     clusterNameInto(&k.Gateway),
		"secret":      k.decodeSecret,
		"urls":        func(v value) (err error) { k.URLs, err = v.texts(); return err },
		"user":        textInto(&k.User),
		"password":    textInto(&k.Password),
		"token":       textInto(&k.Token),
		"credentials": textInto(&k.Credentials),
		"tls":         k.decodeTLS,
		"listen":      func(v value) (err error) { s.Listen, err = v.addrPort(); return err },
		"peer":        func(v value) (err error) { s.Peer, err = v.addrPort(); return err },
		"peers":       func(v value) (err error) { s.Peers, err = v.texts(); return err },
		"directory":   textInto(&s.Directory),
		"replicas":    numberInto(&k.Replicas, 1, maxReplicas),
		"heartbeat":   spanInto(&k.Heartbeat, minHeartbeat, maxHeartbeat),
		"prepare":     spanInto(&k.Prepare, minHeartbeat, maxTimeout),
		"pins":        boolInto(&k.Pins),
		"least":       spanInto(&k.Least, minTimeout, maxTimeout),
		"wait":        spanInto(&k.Wait, minHeartbeat, maxTimeout),
	})
	if err == nil {
		err = v.require("name", "gateway", "secret")
	}
	if err == nil {
		err = k.addServer(v, s)
	}
	if err == nil && (k.User == "") != (k.Password == "") {
		err = v.errorf(`"user" and "password" go together`)
	}
	if err != nil {
		return err
	}
	if k.Wait == 0 {
		k.Wait = max(minWait, waitBeats*k.Heartbeat)
	}
	if k.Replicas == 0 {
		k.Replicas = 1
		if k.Server != nil && len(k.Server.Peers) >= quorum {
			k.Replicas = quorum
		}
	}
	c.Cluster = k
	return nil
}

// addServer takes over a server of the gateway's own, if it is to run one.
func (k *Cluster) addServer(v value, s Server) error {
	if !s.Listen.IsValid() {
		for _, name := range []string{"peer", "peers", "directory"} {
			if at, ok := v.get(name); ok {
				return at.errorf(`%q is of a server within the gateway, which needs "listen"`, name)
			}
		}
		return v.require("urls")
	}
	if err := v.require("directory"); err != nil {
		return err
	}
	k.Server = &s
	switch {
	case k.Credentials != "":
		return v.at("credentials").errorf(`a server within the gateway knows "user" and "password", or "token"`)
	case k.TLS != nil && k.TLS.Cert == "": // clients would ask for what it does not speak
		return v.at("tls").errorf(`a server within the gateway needs "cert" and "key" to speak TLS`)
	case s.Peer.IsValid() != (len(s.Peers) > 0):
		return v.errorf(`"peer", the address of this server for others, and "peers", those of all, go together`)
	case s.Peer.IsValid() && !slices.Contains(s.Peers, s.Peer.String()):
		return v.at("peers").errorf(`%s, the "peer" of this server, is none of "peers"`, s.Peer)
	case (!s.Listen.Addr().IsLoopback() || s.Peer.IsValid() && !s.Peer.Addr().IsLoopback()) && k.User == "" &&
		k.Token == "":
		return v.at("listen").errorf(`others reach this server: "user" and "password", or "token", are needed`)
	}
	if len(k.URLs) == 0 {
		k.URLs = []string{"nats://" + s.Listen.String()}
	}
	return nil
}

func (k *Cluster) decodeSecret(v value) (err error) {
	if k.Secret, err = v.text(); err == nil && len(k.Secret) < minSecret {
		return v.errorf("a secret has %d characters or more: who hears gateways can try those that are easy to guess",
			minSecret)
	}
	return err
}

func (k *Cluster) decodeTLS(v value) error {
	k.TLS = new(TLS)
	err := v.fields(map[string]func(value) error{
		"ca": textInto(&k.TLS.CA), "cert": textInto(&k.TLS.Cert), "key": textInto(&k.TLS.Key),
		"name": textInto(&k.TLS.Name),
	})
	if err == nil && (k.TLS.Cert == "") != (k.TLS.Key == "") {
		return v.errorf(`"cert" and "key" go together`)
	}
	return err
}

// TLSConfig reads the files; nil without TLS. The error is a [*Error].
func (k *Cluster) TLSConfig() (*tls.Config, error) {
	if k.TLS == nil {
		return nil, nil //nolint:nilnil // nil says no TLS
	}
	at := k.value.at("tls")
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: k.TLS.Name}
	if k.TLS.CA != "" {
		text, err := os.ReadFile(k.TLS.CA)
		if err != nil {
			return nil, at.at("ca").because(err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, at.at("ca").errorf("%s has no certificate in PEM", k.TLS.CA)
		}
	}
	if k.TLS.Cert != "" {
		pair, err := tls.LoadX509KeyPair(k.TLS.Cert, k.TLS.Key)
		if err != nil {
			return nil, at.at("cert").because(err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// because is errorf with an error of the system.
func (v value) because(err error) error {
	return &Error{File: v.file, Line: v.line, Reason: err.Error(), Err: err}
}

// seed returns the seed of the hash, which the secret is not told by.
func (k *Cluster) seed() uint64 {
	m := hmac.New(sha256.New, []byte(k.Secret))
	_, _ = m.Write([]byte("ecmp gateway seed 1 " + k.Name)) // never fails
	return binary.BigEndian.Uint64(m.Sum(nil))
}

// checkCluster refuses what does not go together with a cluster.
func (c *Config) checkCluster() error {
	if c.Cluster == nil {
		return nil
	}
	if at, given := c.root.get("seed"); given {
		return at.errorf(`the seed of a gateway in a cluster is made of its "secret"`)
	}
	for _, s := range c.Services {
		switch {
		case !clusterName.MatchString(s.Name):
			return s.value.at("name").errorf("%q: %s", s.Name, clusterNameRule)
		case s.Ramp.Time != 0:
			return s.value.at("slowstart").errorf(
				"a service of a cluster has no \"slowstart\": weights are those of all gateways")
		case s.Scope != "":
			return s.value.at("scope").errorf(
				"a service of a cluster has no \"scope\": members have incarnations of their own in each")
		case dependsOnHistory(s.Strategy):
			return s.value.at("strategy").errorf("%s places flows by the order of changes, which a gateway that joins "+
				"its cluster while it forwards would go through again, flow by flow: choose another one", s.Strategy)
		}
	}
	return nil
}

// dependsOnHistory reports whether placement depends on the order of changes.
func dependsOnHistory(s selector.Strategy) bool {
	built, err := selector.New(s, selector.Equal("one"))
	if err != nil {
		return false // who makes the service says why
	}
	_, is := built.(selector.Rebuilder)
	return is
}

// settings returns what it takes a restart to change: all but where it stands.
func (k *Cluster) settings() any {
	if k == nil {
		return nil
	}
	as := *k
	as.value = value{}
	return as
}

func clusterNameInto(to *string) func(value) error {
	return func(v value) (err error) {
		if *to, err = v.text(); err == nil && !clusterName.MatchString(*to) {
			return v.errorf("%q: %s", *to, clusterNameRule)
		}
		return err
	}
}

// texts returns a string, or those of a list, each once.
func (v value) texts() (list []string, err error) {
	items, err := v.oneOrMore()
	if err != nil {
		return nil, err
	}
	if len(items) > maxServers {
		return nil, v.errorf("up to %d are allowed, not %d", maxServers, len(items))
	}
	for _, item := range items {
		s, err := item.text()
		if err != nil {
			return nil, err
		}
		if slices.Contains(list, s) {
			return nil, item.errorf("%q is given twice", s)
		}
		list = append(list, s)
	}
	return list, nil
}

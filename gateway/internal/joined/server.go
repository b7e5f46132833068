package joined

import (
	"context"
	"crypto/tls"
	"net/url"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/ecmp-go/ecmp/cluster/embedded"
)

// startServer starts the gateway's own NATS server; nil if it has none, or if
// ctx ended before it could be started.
func (c *Cluster) startServer(ctx context.Context) *server.Server {
	k := &c.Config
	if k.Server == nil {
		return nil
	}
	own := embedded.Config{
		Name: k.Gateway, Cluster: k.Name, Listen: k.Server.Listen.String(), Routes: k.Server.Peers,
		Store: k.Server.Directory,
	}
	if k.Server.Peer.IsValid() {
		own.Peer = k.Server.Peer.String()
	}
	for ctx.Err() == nil {
		secured, err := k.TLSConfig()
		if err == nil {
			own.Options = func(o *server.Options) { c.secure(o, secured) }
			var s *server.Server
			if s, err = embedded.Start(own); err == nil {
				c.Log.Info("cluster: a NATS server runs", "listen", s.Addr().String())
				return s
			}
		}
		c.setFault(err)
		pause(ctx, again)
	}
	return nil
}

// secure has a server ask its clients and the other servers for what this
// gateway is to know.
func (c *Cluster) secure(o *server.Options, secured *tls.Config) {
	k := &c.Config
	o.Username, o.Password, o.Authorization = k.User, k.Password, k.Token
	o.Cluster.NoAdvertise = true // gateways know all servers by their configuration
	user, password := k.User, k.Password
	if k.Token != "" {
		user, password = "server", k.Token
	}
	if user != "" {
		o.Cluster.Username, o.Cluster.Password = user, password
		for _, r := range o.Routes {
			r.User = url.UserPassword(user, password)
		}
	}
	if secured == nil || len(secured.Certificates) == 0 {
		return
	}
	accepts := secured.Clone()
	accepts.ClientCAs = secured.RootCAs
	if accepts.ClientCAs != nil {
		accepts.ClientAuth = tls.VerifyClientCertIfGiven
	}
	const patience = 5 // seconds
	o.TLS, o.TLSConfig, o.TLSTimeout = true, accepts, patience
	if k.Server.Peer.IsValid() {
		o.Cluster.TLSConfig, o.Cluster.TLSTimeout = accepts, patience
	}
}

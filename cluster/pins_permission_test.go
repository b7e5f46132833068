package cluster_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// A sharing gateway has a flow table, one worker, and shares its pins.
type sharing struct {
	m       *cluster.Membership
	pins    *cluster.Pins
	sticky  *flowcache.Sticky
	worker  *cluster.PinsWorker
	now     func() time.Duration
	members map[uint64]string // of the flows that were established here
}

// share connects a gateway that shares pins until the test ends.
func share(t *testing.T, c cluster.Config) *sharing {
	t.Helper()
	began, d := time.Now(), selector.NewDomain()
	table, err := flowcache.NewTable(flowcache.Config{Domain: d, Flows: 10_000})
	require.NoError(t, err)
	c.Layout = table.Layout()
	g := &sharing{
		sticky: flowcache.NewSticky(table), now: func() time.Duration { return time.Since(began) },
		members: map[uint64]string{},
	}
	g.m, _, err = cluster.Join(soon(t), connect(t, c), d, cluster.GroupConfig[int]{Name: "web"})
	require.NoError(t, err)
	g.pins, err = cluster.NewPins(g.m.Conn(), cluster.PinsConfig{
		Table: table, Now: g.now, Refused: func(err error) { t.Error(err) },
	})
	require.NoError(t, err)
	g.worker = g.pins.Worker()
	g.pins.Share(g.m, cluster.ShareDeviating)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- g.pins.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return g
}

// flowHash spreads the numbers of flows.
func flowHash(flow uint64) uint64 {
	x := (flow + 1) * 0x9e3779b97f4a7c15
	x = (x ^ x>>29) * 0xbf58476d1ce4e5b9
	return x ^ x>>32
}

// packet routes a packet of a flow, and returns its member.
func (g *sharing) packet(flow uint64, flags hash.TCPFlags) string {
	v := g.m.View()
	f := hash.Flow{Hash: flowHash(flow), Proto: hash.TCP, Flags: flags}
	packets, views := []flowcache.Packet{flowcache.NewPacket(&f, v.Salt(), 0)}, []*selector.View{v}
	routes := make([]flowcache.Route, 1)
	g.sticky.RouteBatch(routes, packets, views, g.now())
	g.worker.Routed(routes, packets, views)
	return v.Member(routes[0].Member).ID
}

func (g *sharing) establish(from, to uint64) {
	for f := from; f < to; f++ {
		g.members[f] = g.packet(f, hash.SYN)
		g.packet(f, hash.ACK)
	}
}

// deviating counts the flows established here that the selector would send
// elsewhere.
func (g *sharing) deviating() (n uint64) {
	v := g.m.View()
	for f, m := range g.members {
		if v.Member(v.Unmarked(flowHash(f))).ID != m {
			n++
		}
	}
	return n
}

// certify returns the configuration of a server with a certificate of its own,
// and that of clients which trust it.
func certify(t *testing.T) (ofServer, ofClient *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	own := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS13},
		&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}
}

// TestPinsNeedPermissions shares pins over TLS, by the permissions that the
// package documentation lists, with a gateway that lacks those to publish them:
// it takes what others share, and they hear nothing of it.
func TestPinsNeedPermissions(t *testing.T) {
	t.Parallel()
	ofServer, ofClient := certify(t)
	mute := permissions(t, "mute", false)
	own := cluster.SubjectsOfPins("test", "mute")
	mute.Publish.Allow = slices.DeleteFunc(mute.Publish.Allow, func(s string) bool {
		return slices.Contains(own.Publish, s)
	})
	url := one(t, func(o *server.Options) {
		o.TLSConfig, o.TLSTimeout = ofServer, patience.Seconds()
		for name, allowed := range map[string]*server.Permissions{
			"writer": permissions(t, "writer", true), "reader": permissions(t, "reader", false), "mute": mute,
		} {
			o.Users = append(o.Users, &server.User{Username: name, Password: name + "-password", Permissions: allowed})
		}
	})
	of := func(name string) cluster.Config {
		c := config(name, url)
		c.NATS.User, c.NATS.Password = name, name+"-password"
		c.NATS.Secure, c.NATS.TLSConfig = true, ofClient
		c.Prepare = patience
		return c
	}
	stranger := of("writer")
	stranger.NATS.TLSConfig = nil
	_, err := cluster.Connect(soon(t), stranger)
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)

	var said journal
	silenced := of("mute")
	silenced.Logger = said.logger()
	gateways := map[string]*sharing{"writer": share(t, of("writer"))}
	update := func(change func(*cluster.State) error) {
		version, err := gateways["writer"].m.Update(soon(t), change)
		require.NoError(t, err)
		for _, g := range gateways {
			require.NoError(t, g.m.Wait(soon(t), version))
		}
	}
	update(put("a b c"))
	gateways["reader"], gateways["mute"] = share(t, of("reader")), share(t, silenced)
	for name, g := range gateways {
		eventually(t, name+" hears those who may speak", func() bool {
			return name == "mute" && g.pins.Stats().ReceivedMessages >= 2 || g.pins.Stats().ReceivedMessages >= 1
		})
		for other := range gateways {
			eventually(t, name+" knows "+other, func() bool {
				p, ok := g.m.Conn().Peer(other)
				return other == name || ok && p.Refused == nil && p.Groups["web"].Version > 0
			})
		}
	}

	// Each has flows of its own; who may only subscribe has those of others.
	from := uint64(0)
	for _, g := range gateways {
		g.establish(from, from+1000)
		from += 1000
	}
	update(put("d"))
	sum := uint64(0)
	for _, name := range []string{"writer", "reader"} {
		sum += gateways[name].deviating()
	}
	want := map[string]uint64{
		"writer": gateways["reader"].deviating(), "reader": gateways["writer"].deviating(), "mute": sum,
	}
	for name, g := range gateways {
		require.Positive(t, g.deviating())
		eventually(t, name+" has what others share", func() bool { return g.pins.Stats().Added == want[name] })
	}
	eventually(t, "the mute one has tried", func() bool {
		return gateways["mute"].pins.Stats().SentPins >= gateways["mute"].deviating()
	})
	for _, name := range []string{"mute", "writer", "reader"} { // what it sent would be there
		require.NoError(t, gateways[name].m.Conn().NATS().Flush())
	}
	eventually(t, "the server's word", func() bool { return said.has("no permission", "ecmp.test.pins.web.mute") })
	for _, name := range []string{"writer", "reader"} {
		g := gateways[name]
		require.Equal(t, want[name], g.pins.Stats().Added)
		for f, m := range gateways[map[string]string{"writer": "reader", "reader": "writer"}[name]].members {
			require.Equal(t, m, g.packet(f, hash.ACK))
		}
	}
	for _, name := range []string{"writer", "reader"} {
		for f, m := range gateways[name].members {
			require.Equal(t, m, gateways["mute"].packet(f, hash.ACK))
		}
	}

	// Nobody waits for pins that can't come.
	o, err := gateways["writer"].m.UpdatePlanned(soon(t), put("e"))
	require.NoError(t, err)
	require.Empty(t, o.Silent)

	// One can't speak for another.
	before := gateways["reader"].pins.Stats()
	require.NoError(t, gateways["mute"].m.Conn().NATS().Publish("ecmp.test.pins.web.writer", []byte("forged")))
	require.NoError(t, gateways["mute"].m.Conn().NATS().Flush())
	require.NoError(t, gateways["reader"].m.Conn().NATS().Flush())
	eventually(t, "more pins", func() bool {
		return gateways["reader"].pins.Stats().ReceivedMessages > before.ReceivedMessages
	})
	require.Zero(t, gateways["reader"].pins.Stats().Malformed)
}

// TestPermissionsOfPinsAreListed compares what the package documentation lists
// with what a gateway uses.
func TestPermissionsOfPinsAreListed(t *testing.T) {
	listed, used := permissions(t, "g1", false), cluster.SubjectsOfPins("test", "g1")
	require.Subset(t, listed.Publish.Allow, used.Publish)
	require.Subset(t, listed.Subscribe.Allow, used.Subscribe)
}

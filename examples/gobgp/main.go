// Gobgp learns groups of next hops from routers, by GoBGP: paths in, groups
// out, and what each change moves. It is a module of its own, since GoBGP
// brings more modules than all other examples together.
//
//	go run ./examples/gobgp
//	go run ./examples/gobgp -as 65010 -id 10.0.0.1 10.0.0.2,65001 10.0.0.3,65002
//
// With peers, each as ADDRESS,AS, it runs until it is interrupted. Without, it
// plays three of them on addresses of the loopback, as Linux has them.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/server"
)

func main() {
	as := flag.Uint("as", 65010, "`number` of the autonomous system")
	id := flag.String("id", "127.0.0.1", "`address` that names the router")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, uint32(*as), *id, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

// run learns from peers until ctx ends, or without any, from three that are
// played.
func run(ctx context.Context, as uint32, id string, peers []string) error {
	s, err := speaker(ctx, as, id, -1) // it dials, and nobody dials it
	if err != nil {
		return err
	}
	defer s.Stop()
	changes := make(chan struct{}, 1)
	err = s.WatchEvent(ctx, server.WatchEventMessageCallbacks{
		OnBestPath: func([]*apiutil.Path, time.Time) { // what changed; with empty lists when a peer is lost
			select {
			case changes <- struct{}{}:
			default:
			}
		},
	}, server.WatchBestPath(true))
	if err != nil {
		return err
	}
	r := newRouter(s, os.Stdout)
	if len(peers) == 0 {
		return play(ctx, r, changes)
	}
	for _, p := range peers {
		addr, number, _ := strings.Cut(p, ",")
		peerAS, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return fmt.Errorf("peer %q: %w", p, err)
		}
		if err := s.AddPeer(ctx, &api.AddPeerRequest{Peer: peer(addr, 179, uint32(peerAS))}); err != nil {
			return fmt.Errorf("peer %q: %w", p, err)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changes:
		}
		if err := r.refresh(); err != nil {
			return err
		}
	}
}

// speaker starts GoBGP. UseMultiplePaths makes all paths best that are as good:
// it is one setting for all speakers of a process, and the start of each writes
// it.
func speaker(ctx context.Context, as uint32, id string, port int32) (*server.BgpServer, error) {
	s := server.NewBgpServer(server.LoggerOption(slog.New(slog.DiscardHandler), new(slog.LevelVar)))
	go s.Serve()
	global := &api.Global{Asn: as, RouterId: id, ListenPort: port, UseMultiplePaths: true}
	if port > 0 {
		global.ListenAddresses = []string{id}
	}
	return s, s.StartBgp(ctx, &api.StartBgpRequest{Global: global})
}

func peer(addr string, port, as uint32) *api.Peer {
	return &api.Peer{
		Conf:      &api.PeerConf{NeighborAddress: addr, PeerAsn: as},
		Transport: &api.Transport{RemotePort: port},
		Timers: &api.Timers{Config: &api.TimersConfig{
			ConnectRetry: 1, IdleHoldTimeAfterReset: 1, HoldTime: 9, KeepaliveInterval: 3,
		}},
	}
}

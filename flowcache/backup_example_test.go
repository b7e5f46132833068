package flowcache_test

import (
	"fmt"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// A backup takes the connections that begin while every other pod is down, and
// keeps them. A mark of the group is for a health check of one service: a pod
// that fails it may still serve others.
func Example_backup() {
	domain := selector.NewDomain()
	service, err := selector.NewGroup[struct{}](domain, selector.GroupConfig{Name: "web", Strategy: selector.Bounded{}})
	if err != nil {
		panic(err)
	}
	if _, err := service.Update([]selector.Hop[struct{}]{
		{ID: "pod1", Weight: 1},
		{ID: "spare", Weight: 1, Backup: true},
	}); err != nil {
		panic(err)
	}
	table, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: 100_000})
	if err != nil {
		panic(err)
	}
	sticky := flowcache.NewSticky(table)
	now := time.Duration(0)
	send := func(connection uint64, flags hash.TCPFlags) {
		now += time.Second
		view := service.Load().View()
		flow := hash.Flow{Hash: connection << 40, Proto: hash.TCP, Flags: flags}
		route := sticky.Route(flowcache.NewPacket(&flow, view.Salt(), 0), view, now)
		to := view.Member(route.Member).ID
		if route.Verdict == flowcache.Detoured && flags&hash.SYN == 0 {
			to = "nobody" // the spare would answer by a RST
		}
		fmt.Println(connection, "to", to, route.Verdict)
	}

	send(1, hash.SYN)
	send(1, hash.ACK)
	service.Mark("pod1").SetDown(true)
	send(1, hash.ACK)
	send(2, hash.SYN)
	send(2, hash.ACK)
	service.Mark("pod1").SetDown(false)
	send(1, hash.ACK)
	send(2, hash.ACK)
	send(3, hash.SYN)
	// Output:
	// 1 to pod1 placed
	// 1 to pod1 pinned
	// 1 to nobody detoured
	// 2 to spare placed
	// 2 to spare pinned
	// 1 to pod1 pinned
	// 2 to spare pinned
	// 3 to pod1 placed
}

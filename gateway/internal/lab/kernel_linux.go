package lab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	groupID = 100
	// Ten buckets for each flow. A bucket in use stays where it is, and no run
	// is as long as the time after which one counts as idle.
	resilient = " type resilient buckets 4096 idle_timer 120"
)

// A kernelPlane is a group of nexthop objects: object i is pod i, and object
// groupID all of them.
type kernelPlane struct {
	net     *network
	kind    string
	members []*pod
}

func newKernelPlane(net *network, name string, seed uint32) (*kernelPlane, error) {
	if err := hashBy(net.router, net.v6, seed); err != nil {
		return nil, err
	}
	k := &kernelPlane{net: net}
	if name == KernelResilient {
		k.kind = resilient
	}
	return k, nil
}

// start makes the objects anew, so that the buckets of a resilient group know
// nothing of earlier members.
func (k *kernelPlane) start(pods []*pod) error {
	if k.members != nil {
		if err := k.net.router.IP("nexthop flush\n"); err != nil { // with the route
			return err
		}
		k.members = nil
	}
	if err := k.replace(pods); err != nil {
		return err
	}
	return k.net.router.IP(fmt.Sprintf("route replace %s nhid %d\n", k.net.vip(), groupID))
}

func (k *kernelPlane) replace(pods []*pod) error {
	var b strings.Builder
	var ids []string
	for _, p := range pods {
		ids = append(ids, strconv.Itoa(p.number))
		if !slices.Contains(k.members, p) { // the kernel takes no object of a pod that is dead
			fmt.Fprintf(&b, "nexthop replace id %d via %s dev %s\n", p.number, p.addr, p.dev)
		}
	}
	fmt.Fprintf(&b, "nexthop replace id %d group %s%s\n", groupID, strings.Join(ids, "/"), k.kind)
	k.members = pods
	return k.net.router.IP(b.String())
}

func (k *kernelPlane) add(p *pod) error { return k.replace(append(slices.Clone(k.members), p)) }

func (k *kernelPlane) remove(p *pod) error {
	return k.replace(slices.DeleteFunc(slices.Clone(k.members), func(q *pod) bool { return q == p }))
}

// drain removes the pod: the kernel has no other way that keeps new flows off
// it.
func (k *kernelPlane) drain(p *pod) error { return k.remove(p) }

func (k *kernelPlane) drains() bool { return false }

func (k *kernelPlane) close() error { return nil }

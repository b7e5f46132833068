package links

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// Host answers for the network namespace of the process.
type Host struct{}

// Address returns the MAC address of an interface.
func (Host) Address(dev string) (mac engine.MAC, err error) {
	i, err := net.InterfaceByName(dev)
	if err != nil {
		return mac, errors.New("no such interface")
	}
	if len(i.HardwareAddr) != len(mac) {
		return mac, errors.New("no Ethernet interface")
	}
	return engine.MAC(i.HardwareAddr), nil
}

// Neighbour returns the MAC address of a neighbour as the kernel knows it now.
func (Host) Neighbour(dev string, addr netip.Addr) (mac engine.MAC, err error) {
	i, err := net.InterfaceByName(dev)
	if err != nil {
		return mac, errors.New("no such interface")
	}
	c, err := rtnetlink.Dial(nil)
	if err != nil {
		return mac, err
	}
	defer c.Close() //nolint:errcheck // nothing was written
	list, err := c.Neigh.List()
	if err != nil {
		return mac, err
	}
	const unusable = unix.NUD_INCOMPLETE | unix.NUD_FAILED | unix.NUD_NOARP
	for _, n := range list {
		if n.Attributes == nil || int(n.Index) != i.Index || n.State&unusable != 0 ||
			len(n.Attributes.LLAddress) != len(mac) {
			continue
		}
		if a, ok := netip.AddrFromSlice(n.Attributes.Address); ok && a.Unmap() == addr {
			return engine.MAC(n.Attributes.LLAddress), nil
		}
	}
	return mac, fmt.Errorf("the kernel knows no neighbour %s on %s", addr, dev)
}

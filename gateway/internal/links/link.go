package links

import (
	"net/netip"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// A Link is the state of an interface.
type Link struct {
	Name    string
	Index   int        // another one if it was removed and made anew; 0: it is not there
	MAC     engine.MAC // zero if it has none
	MTU     int
	Carrier bool // it is up, and so is what is at its other end
}

// A Neighbour is an address behind an interface, as the kernel's table has it.
type Neighbour struct {
	Index int // of the interface
	Addr  netip.Addr
	MAC   engine.MAC // zero: it does not answer
	Gone  bool       // the table has it no more, since nobody used it
}

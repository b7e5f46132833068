package plane

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/cilium/ebpf/link"
	"github.com/safchain/ethtool"
)

// NewAFXDP returns a plane of AF_XDP sockets: a worker takes frames out of one
// receive queue of each interface, past the kernel's network stack, by way of
// an XDP program, and puts them into the transmit queue of the same number. The
// packets of services alone take that way, those to the MAC address of the
// interface; what else there is goes on to the kernel, and is not counted.
//
// Frames are at most 1,792 bytes long, to which an outer header may come, and
// whole: senders on the same machine must compute checksums and cut segments
// themselves (ethtool -K DEVICE tx off tso off gso off). A member on the same
// machine, behind a veth, needs its NAPI on (gro on). A packet over the MTU of
// its member's interface is dropped and counted, as with [NewAFPacket].
//
// In the program's [Plane] every interface needs as many receive queues as
// there are workers, and members' interfaces as many transmit queues at least.
// It asks for zero copy and makes do with copies, which its mode tells. Of
// kernels it needs 5.11.
//
// Errors are a [*ConfigError] or a [*DeviceError].
func NewAFXDP(c Config) (Plane, error) {
	return newClaiming(c, openAFXDP)
}

// afxdpTransport is the lanes of AF_XDP sockets, and the XDP programs that fill
// them.
type afxdpTransport struct {
	queues   []*afxdpLane
	zeroCopy bool
	filter   *redirect
	links    []link.Link
}

func openAFXDP(c Config) (_ transport, err error) {
	w := new(afxdpTransport)
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	devices := make([]*net.Interface, len(c.In))
	for i, name := range c.In {
		if devices[i], err = Interface(name); err != nil {
			return nil, &DeviceError{name, err}
		}
		if n, err := receiveQueues(name); err != nil || n != c.Workers {
			return nil, &DeviceError{name,
				errors.Join(err, fmt.Errorf("%d receive queues for %d workers, which take one each", n, c.Workers))}
		}
	}
	if w.filter, err = newRedirect(len(devices) * c.Workers); err != nil {
		return nil, err
	}
	for queue := range c.Workers {
		l, err := openAFXDPLane(devices, queue)
		if err != nil {
			return nil, err
		}
		w.queues = append(w.queues, l)
		w.zeroCopy = l.zeroCopy
		for i, s := range l.in {
			if err := w.filter.sockets.Put(uint32(i*c.Workers+queue), uint32(s.fd)); err != nil {
				return nil, &DeviceError{devices[i].Name, err}
			}
		}
	}
	for i, d := range devices {
		l, err := w.filter.attach(d, i*c.Workers)
		if err != nil {
			return nil, &DeviceError{d.Name, err}
		}
		w.links = append(w.links, l)
	}
	return w, nil
}

// receiveQueues returns how many receive queues an interface has.
func receiveQueues(device string) (int, error) {
	e, err := ethtool.NewEthtool()
	if err != nil {
		return 0, err
	}
	defer e.Close()
	c, err := e.GetChannels(device)
	return int(c.RxCount + c.CombinedCount), err
}

func (w *afxdpTransport) lanes() []lane {
	lanes := make([]lane, len(w.queues))
	for i, l := range w.queues {
		lanes[i] = l
	}
	return lanes
}

// takesFrames says that the kernel does not get what comes in.
func (w *afxdpTransport) takesFrames() {}

func (w *afxdpTransport) mode() string {
	if w.zeroCopy {
		return "AF_XDP, zero copy"
	}
	return "AF_XDP, with a copy of each packet"
}

func (w *afxdpTransport) admit(prefixes []netip.Prefix) error { return w.filter.admit(prefixes) }

// close takes the programs off first, so that nothing is redirected to what is
// closed.
func (w *afxdpTransport) close() error {
	var errs []error
	for _, l := range w.links {
		errs = append(errs, l.Close())
	}
	if w.filter != nil {
		errs = append(errs, w.filter.close())
	}
	for _, l := range w.queues {
		errs = append(errs, l.close())
	}
	return errors.Join(errs...)
}

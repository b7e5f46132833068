package host

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/safchain/ethtool"
)

// Needs are what a data plane asks of interfaces.
type Needs struct {
	WholeFrames bool // see plane.Needs
	Redirects   bool // it runs in the kernel, and members' interfaces transmit what XDP redirects
}

// Devices says what a data plane can't do on the interfaces that there are. Out
// has the interfaces by which nothing reaches members, with the reason and what
// mends it. What a kernel before 6.3 does not say is told by the driver's name.
func Devices(w Want, n Needs) (list []Finding, out map[string]error, err error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, nil, err
	}
	d := devices{needs: n, byName: make(map[string]net.Interface)}
	for _, i := range interfaces {
		d.byName[i.Name] = i
	}
	if d.features, err = featuresOf(); errors.Is(err, errNoFeatures) {
		d.features = nil
	} else if err != nil {
		return nil, nil, err
	}
	if d.tool, err = ethtool.NewEthtool(); err != nil {
		return nil, nil, err
	}
	defer d.tool.Close()
	list, out = append(d.lengths(w), d.tunnels(w)...), make(map[string]error)
	for _, name := range w.In {
		list = append(list, d.in(name)...)
	}
	for _, name := range w.Out {
		if err := d.cannot(name); err != nil {
			out[name] = err
			list = append(list, Finding{About: name, Says: err.Error(), Wrong: true})
		}
	}
	return list, out, nil
}

type devices struct {
	needs    Needs
	byName   map[string]net.Interface
	features map[int]features // nil: not known
	tool     *ethtool.Ethtool
}

// driver returns what drives an interface; "a driver" if nobody says.
func (d *devices) driver(name string) string {
	driver, err := d.tool.DriverName(name)
	if err != nil || driver == "" {
		return "a driver"
	}
	return driver
}

const veth = "veth"

// cannot says why nothing that a program redirects to an interface leaves it.
func (d *devices) cannot(name string) error {
	i, ok := d.byName[name]
	if !ok || !d.needs.Redirects {
		return nil
	}
	driver := d.driver(name)
	has, known := d.features[i.Index]
	never := []string{"bridge", "dummy", "macvlan", "vxlan", "802.1Q VLAN Support", "bonding", "team", "ipvlan"}
	switch {
	case known && has&transmitsXDP != 0, !known && !slices.Contains(never, driver):
		return nil
	case driver == veth:
		return fmt.Errorf("the kernel drops what XDP redirects there, unless the other end has GRO on: "+
			"\"ethtool -K PEER gro on\" there; if it has, \"ip link set %[1]s down\" and \"up\"", name)
	}
	return fmt.Errorf("%s does not transmit what XDP redirects: have \"io\" be afpacket or afxdp, "+
		"or name the interface below it", driver)
}

// in says what is to be known of an interface that packets come in by.
func (d *devices) in(name string) (list []Finding) {
	i, ok := d.byName[name]
	if !ok || !d.needs.WholeFrames {
		return nil
	}
	driver := d.driver(name)
	if has, known := d.features[i.Index]; known && has&(runsXDP|redirectsXDP) != runsXDP|redirectsXDP {
		list = append(list, Finding{About: name, Says: driver +
			" does not run XDP programs: the kernel does, which is slower (generic XDP)"})
	}
	if driver == veth {
		list = append(list, Finding{About: name, Says: "a sender at its other end has to make whole frames, " +
			"which can't be seen from here: \"ethtool -K PEER tx off tso off gso off gro off\" there"})
	}
	return list
}

package plane

import (
	"net"
)

// ports are what a lane sends by, by Adjacency.Output; nil where there is none.
type ports[P port] struct {
	byOutput []P
	open     func(*net.Interface) (P, error)
}

// A port sends to one interface.
type port interface {
	comparable
	index() int // of the interface
	close()
}

// prepare implements the method of lane. It opens each device once, and leaves
// those open that stay.
func (p *ports[P]) prepare(devices map[uint16]string) (change, error) {
	var none P
	before := make(map[int]P) // by index of the interface
	for _, port := range p.byOutput {
		if port != none {
			before[port.index()] = port
		}
	}
	after := make(map[int]P)
	var opened []P
	cancel := func() {
		for _, port := range opened {
			port.close()
		}
	}
	var next []P
	for output, name := range devices {
		device, err := net.InterfaceByName(name)
		if err != nil {
			cancel()
			return change{}, &DeviceError{Device: name, Err: err}
		}
		port, ok := after[device.Index]
		if !ok {
			port, ok = before[device.Index]
		}
		if !ok {
			if port, err = p.open(device); err != nil {
				cancel()
				return change{}, &DeviceError{Device: name, Err: err}
			}
			opened = append(opened, port)
		}
		after[device.Index] = port
		for len(next) <= int(output) {
			next = append(next, none)
		}
		next[output] = port
	}
	commit := func() {
		p.byOutput = next
		for index, port := range before {
			if after[index] != port {
				port.close()
			}
		}
	}
	return change{commit, cancel}, nil
}

// of returns the port of an output, or the zero port.
func (p *ports[P]) of(output uint16) (port P) {
	if int(output) < len(p.byOutput) {
		return p.byOutput[output]
	}
	return port
}

// close closes all.
func (p *ports[P]) close() {
	c, _ := p.prepare(nil)
	c.commit()
}

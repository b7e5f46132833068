package xdp

import (
	"errors"
	"fmt"
	"math"
	"net"

	"github.com/cilium/ebpf"

	"github.com/ecmp-go/ecmp/gateway/internal/plane"
)

// An output is what the plane knows of a number.
type output struct {
	open  bool   // the map of outputs has it; false: it has a fault
	index int    // of the interface
	fits  uint16 // bytes of a frame that its MTU allowed when it was set
}

// fitsIn returns how many bytes of a frame are within the MTU in a tunnel; all,
// if that is the zero one.
func (o output) fitsIn(t tunnelEntry) uint16 { return o.fits - min(o.fits, uint16(t.Size)) }

const etherSize = 14

// SetOutputs implements [plane.Plane]. What is new comes first and what is gone
// goes last, so that an error leaves everything that groups refer to as it was;
// p.outputs is what the maps have at each step, so that the next call does the
// rest.
func (p *dataPlane) SetOutputs(devices map[uint16]string) (plane.Faults, error) {
	for number := range devices {
		if number > MaxOutput {
			return nil, &Error{Err: fmt.Errorf("%w: outputs from 0 to %d", ErrLimit, MaxOutput), Value: number}
		}
	}
	found, _, err := plane.Interfaces(devices)
	if err != nil {
		return nil, err
	}
	p.syncing.Lock()
	defer p.syncing.Unlock()
	faults, err := p.slow.SetOutputs(devices)
	if err != nil {
		return nil, err
	}
	p.count(devices)
	p.openOutputs(found, faults)
	if err := p.fit(); err != nil {
		return nil, err
	}
	return faults, p.closeOutputs(devices, found)
}

// count has what goes to outputs counted from now on.
func (p *dataPlane) count(devices map[uint16]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for number := range devices {
		p.counted[number] = true
	}
}

// openOutputs writes the outputs whose interfaces were found, as far as the map
// does not have them. Those that the kernel refuses are faults, and not found.
func (p *dataPlane) openOutputs(found map[uint16]*net.Interface, faults plane.Faults) {
	there := make(map[int]bool)
	for number, device := range found {
		was, had := p.outputs[number]
		o := output{open: true, index: device.Index, fits: uint16(min(device.MTU+etherSize, math.MaxUint16))}
		if !p.keeps(number, o, there) {
			if err := p.maps.outputs.Put(uint32(number), uint32(device.Index)); err != nil {
				faults[device.Name] = err
				delete(found, number)
				continue
			}
		}
		if p.outputs[number] = o; had && was.fits != o.fits {
			p.generation++
		}
	}
}

// closeOutputs deletes the outputs that are not set any more, and closes those
// whose interface was not found.
func (p *dataPlane) closeOutputs(devices map[uint16]string, found map[uint16]*net.Interface) error {
	for number, was := range p.outputs {
		if found[number] != nil {
			continue
		}
		// the kernel itself deletes that of an interface that vanishes
		if was.open {
			err := p.maps.outputs.Delete(uint32(number))
			if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
				return fmt.Errorf("xdp: output %d: %w", number, err)
			}
		}
		delete(p.outputs, number)
	}
	for number := range devices {
		if found[number] == nil {
			p.outputs[number] = output{}
		}
	}
	return nil
}

// fit tells the program which frames are within the MTUs of the outputs now.
func (p *dataPlane) fit() error {
	members := p.state.members
	var slots []uint32
	var hops []hopEntry
	for slot, h := range members.hops {
		o := p.outputs[h.Output]
		fits := o.fitsIn(members.tunnels[h.Tunnel])
		if !o.open || fits == h.Fits || h == (hopEntry{}) {
			continue
		}
		h.Fits = fits
		slots, hops = append(slots, uint32(slot)), append(hops, h)
	}
	if err := p.putHops(slots, hops); err != nil {
		return fmt.Errorf("xdp: the MTU of outputs: %w", err)
	}
	for i, slot := range slots {
		members.hops[slot] = hops[i]
	}
	return nil
}

// keeps reports whether the map of outputs has an output already. The kernel
// takes all those of an interface away when it vanishes, though it may be back
// with its index: one of them is looked up for each, and there has the answers.
func (p *dataPlane) keeps(number uint16, o output, there map[int]bool) bool {
	was := p.outputs[number]
	if !was.open || was.index != o.index {
		return false
	}
	is, known := there[o.index]
	if !known {
		var index uint32
		is = p.maps.outputs.Lookup(uint32(number), &index) == nil && int(index) == o.index
		there[o.index] = is
	}
	return is
}

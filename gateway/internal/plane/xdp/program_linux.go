package xdp

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/life"
)

// The object file is made of what is in folder program, by clang 14.0.6:
// BPF2GO_CC=clang-14 go generate.
//
//go:generate -command bpf2go env GOWORK=off go tool -modfile=../../../../tools/go.mod bpf2go -target bpfel -tags linux
//go:generate bpf2go -no-global-types forward program/forward.c -- -mcpu=v3 -Wall -W -I/usr/include/x86_64-linux-gnu

// Names in the object file.
const (
	programTable  = "ecmp_table"  // forwards by the table alone
	programSticky = "ecmp_sticky" // and by pins
	programPass   = "ecmp_pass"   // passes everything
)

// A program is what the programs of one interface are loaded from.
type program struct {
	spec     *ebpf.CollectionSpec
	maps     *maps
	seed     uint64
	answers  bool       // senders are told of packets that can't be forwarded
	pings    int        // a second and processor, that the slow path gets; 0: all
	timeouts *timeouts  // nil without stickiness
	address  engine.MAC // of the interface, which frames must be for; zero: any
}

// load has the kernel verify the programs: the one that forwards, and the one
// that passes everything.
func (p *program) load() (forward, closed *ebpf.Program, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("xdp: program: %w", err)
		}
	}()
	spec, name := p.spec.Copy(), programTable
	values := map[string]any{"seed": p.seed, "address": addressWord(p.address), "answers": p.answers}
	if p.pings > 0 {
		values["ping_interval"] = uint64(time.Second) / uint64(p.pings)
	}
	if p.timeouts != nil {
		name = programSticky
		values["durations"] = p.timeouts.durations()
		values["steps"], values["first_state"] = steps(), firstStates()
	}
	for name, v := range values {
		if err := spec.Variables[name].Set(v); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for other := range spec.Programs {
		if other != name && other != programPass {
			delete(spec.Programs, other)
		}
	}
	shared := make(map[string]*ebpf.Map)
	for name, m := range p.maps.byName() {
		if *m == nil {
			delete(spec.Maps, name)
		} else {
			shared[name] = *m
		}
	}
	loaded, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: shared})
	if err != nil {
		return nil, nil, err
	}
	defer loaded.Close()
	return loaded.DetachProgram(name), loaded.DetachProgram(programPass), nil
}

// addressWord has an address in the high bytes of a word, as the program finds
// it in a frame.
func addressWord(a engine.MAC) uint64 {
	return binary.LittleEndian.Uint64(append([]byte{0, 0}, a[:]...))
}

// durations are those of each state of a pin, in the units of an age.
type durations struct {
	Life, Refresh, Grace [pinStates]int64
	PromoteAfter         int64
}

func (t *timeouts) durations() durations {
	d := durations{PromoteAfter: int64(t.promoteAfter) << timeScale}
	for s := range states {
		d.Life[s] = int64(t.life[s]) << timeScale
		d.Refresh[s] = int64(t.refresh[s]) << timeScale
		d.Grace[s] = int64(t.grace[s]) << timeScale
	}
	return d
}

// steps is the table of package life, as the program reads it: by whether the
// member takes no new flow, by the flags of the packet and, without flags, by
// whether it comes late enough to promote, and by the state of the pin.
func steps() (table [2][2][256][pinStates]life.Step) {
	for takesNone := range table {
		for late := range table[0] {
			for flags := range table[0][0] {
				e := life.EventOf(hash.TCPFlags(flags), late == 1)
				for s := range states {
					table[takesNone][late][flags][s] = life.Next(life.State(s), e, takesNone == 0)
				}
			}
		}
	}
	return table
}

// firstStates are those of a new pin, by the flags of the first packet.
func firstStates() (table [256]flowcache.State) {
	for flags := range table {
		table[flags] = firstState(hash.TCPFlags(flags))
	}
	return table
}

package xdp

import (
	"errors"
	"runtime"
	"slices"

	"github.com/cilium/ebpf"
)

// tables are those of services: in the map that the program looks into, and
// ready to be used again.
type tables struct {
	spec    *ebpf.MapSpec
	inForce *ebpf.Map // by index of the service

	spare  []*table          // which the program reads no longer
	parked map[uint32]*table // by index, of services that are gone: nothing leads to them
	leave  []leaving
}

// A leaving is tables that others have taken the place of, which the program may
// still read until the call of the kernel is done.
type leaving struct {
	tables []*table
	done   chan error
}

// mostSpare is how many tables are kept for later: each has the size of the
// largest.
const mostSpare = 8

// swap puts tables in force for services, each in place of the one that it had,
// all at once or one after another.
//
// The kernel comes back from that when no program reads an old table any more,
// which takes it milliseconds, tens of them on a busy machine. But each packet
// meets a new table as soon as it is in the map. So a goroutine makes the call,
// swap returns when the last table is there, and the old ones are used again
// when the call is done.
func (t *tables) swap(services []*service, before map[*service]*service) error {
	if len(services) == 0 {
		return nil
	}
	fresh := t.take(len(services))
	err := eachOf(len(services), func(i int) (err error) {
		if fresh[i] == nil {
			if fresh[i], err = newTable(t.spec); err != nil {
				return err
			}
		}
		return fresh[i].fill(services[i])
	})
	last := fresh[len(fresh)-1]
	if err == nil {
		err = last.findID()
	}
	if err != nil {
		return errors.Join(err, closeAll(fresh))
	}
	indexes, fds := make([]uint32, len(services)), make([]uint32, len(services))
	for i, s := range services {
		indexes[i], fds[i] = s.index, uint32(fresh[i].FD())
	}
	done := make(chan error, 1)
	go func() { done <- t.update(indexes, fds) }()
	err, ended := t.there(indexes[len(indexes)-1], last.id, done)
	var old []*table
	for i, s := range services {
		if was := before[s]; was != nil && was.table != nil {
			old, was.table = append(old, was.table), nil
		}
		if was := t.parked[s.index]; was != nil {
			old = append(old, was)
			delete(t.parked, s.index)
		}
		if err == nil {
			s.table = fresh[i]
		}
	}
	if err != nil { // nobody knows which are in force: they go with the next swap
		return errors.Join(err, closeAll(old), closeAll(fresh))
	}
	if ended {
		t.spare = append(t.spare, old...)
	} else {
		t.leave = append(t.leave, leaving{old, done})
	}
	return nil
}

// there waits until a table is in force, or the call has ended.
func (t *tables) there(index uint32, id ebpf.MapID, done chan error) (err error, ended bool) { //nolint:revive // the error of a call that may go on
	for {
		select {
		case err := <-done:
			return err, true
		default:
		}
		var has uint32
		if t.inForce.Lookup(index, &has) == nil && ebpf.MapID(has) == id {
			return nil, false
		}
		runtime.Gosched()
	}
}

// update puts tables in force by one call of the kernel, if that has such, since
// it waits once a call.
func (t *tables) update(indexes, fds []uint32) error {
	if len(indexes) > 1 {
		_, err := t.inForce.BatchUpdate(indexes, fds, nil)
		if !errors.Is(err, ebpf.ErrNotSupported) {
			return err
		}
	}
	for i, index := range indexes {
		if err := t.inForce.Put(index, fds[i]); err != nil {
			return err
		}
	}
	return nil
}

// park keeps the table of a service that is gone where it is: what led to it
// does so no more, and the next service of that index takes its place.
func (t *tables) park(s *service) {
	if t.parked == nil {
		t.parked = make(map[uint32]*table)
	}
	t.parked[s.index], s.table = s.table, nil
}

// take returns so many tables that no program reads, nil for those that are to
// be made.
func (t *tables) take(n int) []*table {
	t.reclaim(false)
	list := make([]*table, n)
	taken := copy(list, t.spare)
	t.spare = slices.Delete(t.spare, 0, taken)
	return list
}

// reclaim makes tables spare that the program reads no longer, all of them if it
// waits for that.
func (t *tables) reclaim(wait bool) {
	still := t.leave[:0]
	for _, l := range t.leave {
		if !wait && len(l.done) == 0 {
			still = append(still, l)
			continue
		}
		if err := <-l.done; err != nil {
			_ = closeAll(l.tables) // nobody knows which are in force
			continue
		}
		t.spare = append(t.spare, l.tables...)
	}
	t.leave = still
	if n := len(t.spare); n > mostSpare {
		_ = closeAll(t.spare[mostSpare:]) // what can't be closed is gone
		t.spare = t.spare[:mostSpare]
	}
}

// close closes all but those of the services in force.
func (t *tables) close() error {
	t.reclaim(true)
	err := closeAll(t.spare)
	for _, p := range t.parked {
		err = errors.Join(err, p.close())
	}
	return err
}

func closeAll(list []*table) (err error) {
	for _, t := range list {
		err = errors.Join(err, t.close())
	}
	return err
}

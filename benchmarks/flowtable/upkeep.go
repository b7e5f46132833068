package main

import (
	"bytes"
	"fmt"
	"io"

	"github.com/ecmp-go/ecmp/benchmarks/internal/flows"
)

// upkeep is what is done beside packets: the removal of a member, Sweep, Save
// and Restore, beside a plain pass over as much memory.
func upkeep(m *measurement) ([]row, error) {
	var rows []row
	for _, what := range []struct {
		name  string
		slots int
		bar   string
		work  func(*flows.Table) error
	}{
		{"sweep 2M slots", 2_000_000, "under 5 ms",
			func(t *flows.Table) error { t.Sweep(t.Now, t.Buckets()); return nil }},
		{"save 1M flows", 1_333_333, "under 10 ms", func(t *flows.Table) error { return t.Save(io.Discard, 1, t.Now) }},
		{"count the pins of a member, 1M flows", 1_333_333, "reported",
			func(t *flows.Table) error { t.Pins(1); return nil }},
	} {
		table, err := full(randomDigests(what.slots * 3 / 4))
		if err != nil {
			return nil, err
		}
		plain := make([]uint64, table.Cap())
		var failed error
		t, err := duel(m.blocks,
			side{work: func(int) int { failed = what.work(table); return 1 }},
			side{work: func(int) int { return pass(plain) }})
		if err = first(err, failed); err != nil {
			return nil, err
		}
		rows = append(rows, slower(what.name+" : a pass over the memory", t[0], t[1], what.bar))
	}
	more, err := voided(m)
	if err != nil {
		return nil, err
	}
	rows = append(rows, more...)
	last, err := restored(m)
	return append(rows, last), err
}

// pass reads memory and returns 1, whatever is there.
func pass(memory []uint64) int {
	sum := uint64(0)
	for _, w := range memory {
		sum |= w
	}
	return 1 + int(sum>>63)
}

// voided removes a member that a tenth of a million flows are pinned to, and
// adds it again: once with the table full of pins, and once with an empty one,
// since what the table has to do with it is the difference.
func voided(m *measurement) ([]row, error) {
	table, err := full(randomDigests(1_000_000))
	if err != nil {
		return nil, err
	}
	empty, err := flows.NewTable(1)
	if err != nil {
		return nil, err
	}
	var failed error
	change := func(t *flows.Table) side {
		return side{
			prepare: func(int) error { return t.Update(10) },
			work:    func(int) int { failed = first(failed, t.Update(9)); return 1 },
		}
	}
	t, err := duel(m.blocks, change(table), change(empty))
	if err = first(err, failed); err != nil {
		return nil, err
	}
	return []row{{"void the 100,000 pins of a member : of none, the group's update included", t[0].String(),
		t[1].String(),
		duration(t[0].median() - t[1].median()), "under 1 us apart"}}, nil
}

func restored(m *measurement) (row, error) {
	digests := randomDigests(1_000_000)
	table, err := full(digests)
	if err != nil {
		return row{}, err
	}
	var saved bytes.Buffer
	if err := table.Save(&saved, 1, table.Now); err != nil {
		return row{}, err
	}
	var empty *flows.Table
	var failed error
	t, err := duel(m.blocks, side{
		prepare: func(int) (err error) { empty, err = flows.NewTable(len(digests)); return err },
		work: func(int) int {
			failed = first(failed, empty.Restore(bytes.NewReader(saved.Bytes()), 1, 0, empty.Group.Load().View()))
			return 1
		},
	})
	if err = first(err, failed); err != nil {
		return row{}, err
	}
	return row{fmt.Sprintf("restore 1M flows (%.1f bytes each)", float64(saved.Len())/float64(len(digests))),
		t[0].String(), "", "", "reported"}, nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

package selector

import (
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// AllDown says what becomes of hashes while every member of a group is down.
type AllDown uint8

// What becomes of them.
const (
	// DropAll: look-ups find nobody.
	DropAll AllDown = iota

	// UseAll: the group ignores its marks, as if every member were up. It suits
	// marks of a health check that may itself be what fails.
	UseAll
)

// backups are the two tiers of a group that has backups.
type backups struct {
	is    []bool // by member
	tiers [2]tier
	both  bool // of both tiers somebody can take a flow
}

// The indexes of tiers.
const (
	primaryTier = iota
	backupTier
)

// backupsOf returns which hops are backups, nil if none is.
func backupsOf[T any](hops []Hop[T]) []bool {
	if !slices.ContainsFunc(hops, func(h Hop[T]) bool { return h.Backup }) {
		return nil
	}
	is := make([]bool, len(hops))
	for i := range hops {
		is[i] = hops[i].Backup
	}
	return is
}

// tierOf returns a tier of the view as it was built, zero if there is none.
func (v *View) tierOf(n int) tier {
	switch {
	case v.backups != nil:
		return v.backups.tiers[n]
	case n == primaryTier:
		return v.tier
	}
	return tier{}
}

// only returns the members with the weights that they have in a tier.
func only(members []Member, is []bool, n int) []Member {
	placed := slices.Clone(members)
	for i, backup := range is {
		if backup != (n == backupTier) {
			placed[i].Weight = 0
		}
	}
	return placed
}

// placeBoth gives v the tiers of a group with backups. The one in force is that
// of the primaries, unless none of them can take a flow.
func (b *viewBuilder) placeBoth(v, old *View, p *placer, is []bool) error {
	v.backups = &backups{is: is}
	var digest xxhash.Digest
	digest.Reset()
	for n := range v.backups.tiers {
		t, err := b.placeTier(only(v.members, is, n), old, p, n)
		if err != nil {
			return err
		}
		v.backups.tiers[n] = t
		_, _ = digest.Write(binary.LittleEndian.AppendUint64(nil, t.fingerprint)) // never fails
	}
	v.fingerprint = digest.Sum64()
	v.tier = v.backups.tiers[primaryTier]
	if v.selector == nil {
		v.tier = v.backups.tiers[backupTier]
	}
	v.backups.both = v.backups.tiers[primaryTier].selector != nil && v.backups.tiers[backupTier].selector != nil
	return nil
}

// standby returns the tier that takes over when nobody of the one in force is
// up; nil if there is none.
func (v *View) standby() *tier {
	if v.backups == nil || !v.backups.both {
		return nil
	}
	return &v.backups.tiers[backupTier]
}

// Backup reports whether member i is a backup: see [Hop].
func (v *View) Backup(i int32) bool { return v.backups != nil && v.backups.is[i] }

// Usable reports whether packets may be sent to member i: it is alive, or all
// are down and the group uses all then.
func (v *View) Usable(i int32) bool {
	if v.Alive(i) {
		return true
	}
	generation := v.domain.down.Load()
	return generation == 0 || v.allDown == UseAll && v.standing(generation) == 0
}

// TakesNew reports whether member i takes new flows: it is [View.Usable], it is
// not drained, and if it is a backup, no primary takes flows.
func (v *View) TakesNew(i int32) bool {
	if v.members[i].Weight == 0 || !v.Usable(i) {
		return false
	}
	if v.standby() == nil || !v.backups.is[i] {
		return true
	}
	generation := v.domain.down.Load()
	return generation != 0 && v.standing(generation) == standbyUp
}

// Which tiers have a member that is up and can take a flow.
const (
	inForceUp = 1 << iota
	standbyUp
)

// standing returns the tiers that have such a member. It remembers the answer
// for each generation of marks.
func (v *View) standing(generation uint32) (standing uint32) {
	if s := v.live.standing.Load(); uint32(s>>32) == generation {
		return uint32(s)
	}
	if v.survivors(&v.tier, generation).any() {
		standing |= inForceUp
	}
	if b := v.standby(); b != nil && v.survivors(b, generation).any() {
		standing |= standbyUp
	}
	v.live.standing.Store(uint64(generation)<<32 | uint64(standing))
	return standing
}

func (v *View) survivors(t *tier, generation uint32) survivors {
	if t.shared == nil {
		return survivors{live: v.live, generation: generation}
	}
	return survivors{v.live, t.shared.detours.eligible, generation}
}

#pragma once

#include "count.h"
#include "group.h"

// A pin is what the maps of flows hold, in one word, so that it is read and
// written at once:
//
//	40 bits  time of the last refresh, in units of 2^20 ns
//	16 bits  slot of the member
//	 8 bits  state
//
// Where the time stands, an age is a difference of two words, in units of
// 1/16 ns.

INLINE u64 stamp(u64 nanoseconds)
{
	return nanoseconds << PIN_TIME_SCALE >> PIN_TIME_SHIFT << PIN_TIME_SHIFT;
}

INLINE u64 make_pin(u64 now, u32 member, u64 state)
{
	return now | member << PIN_SLOT_SHIFT | state;
}

INLINE u32 pin_member(u64 pin)
{
	return pin >> PIN_SLOT_SHIFT & 0xffff;
}

INLINE u32 pin_state(u64 pin)
{
	return pin & (PIN_STATES - 1);
}

// pin_age is below 0 if another processor's clock is ahead.
INLINE s64 pin_age(u64 pin, u64 now)
{
	return now - (pin >> PIN_TIME_SHIFT << PIN_TIME_SHIFT);
}

// What a packet meets at the pin of its flow.
enum verdict {
	STAY,   // the flow stays where it is
	DETOUR, // it goes where the table says, and will return
	MOVE,   // its member has left
	PLACE,  // it begins anew
	REOPEN, // so it does, but stays where it is if nobody else can take it
};

// A flow is what the maps have for a packet.
struct flow {
	u64 now, digest;
	u64 *pin;         // in one of the two maps; NULL: in none
	u64 was;          // the pin as it was read, once: others may write it
	bool established; // it is in that map
};

INLINE struct flow find(struct table *t, u64 hash)
{
	struct flow f = {
		.now = stamp(bpf_ktime_get_coarse_ns()),
		.digest = hash ^ t->salt,
		.established = true,
	};

	f.pin = bpf_map_lookup_elem(&ecmp_flows, &f.digest);
	if (!f.pin) {
		f.established = false;
		f.pin = bpf_map_lookup_elem(&ecmp_probation, &f.digest);
	}
	if (f.pin)
		f.was = *(volatile u64 *)f.pin;
	return f;
}

// write writes the pin with a new state. A flow that is promoted leaves the map
// of those on probation, where the map of the established has room.
INLINE void write(struct flow *f, u32 member, u64 state, u64 length)
{
	u64 pin = make_pin(f->now, member, state);

	*f->pin = pin;
	if (f->established || state == CLOSING)
		return;
	if (bpf_map_update_elem(&ecmp_flows, &f->digest, &pin, BPF_ANY))
		count_event(REFUSED, length);
	else
		bpf_map_delete_elem(&ecmp_probation, &f->digest);
}

// follow says what the packet meets and writes the pin if that is due. The
// model is timeouts.follow in Go.
INLINE enum verdict follow(struct flow *f, struct packet *p, u32 member,
			   enum member_state member_state)
{
	u32 state = pin_state(f->was);
	s64 age = pin_age(f->was, f->now);
	bool late = age > durations.promote_after;

	if (age > durations.life[state])
		return PLACE;
	if (member_state == GONE)
		return MOVE;
	if (member_state == AWAITED)
		return DETOUR;
	if (member_state == RELEASING) {
		if (!p->flags)
			return MOVE;
		member_state = DRAINED;
	}
	u8 step = steps[member_state != ALIVE][late][p->flags][state];
	if (step == RENEW)
		return member_state == DOWN ? PLACE : REOPEN;
	if (member_state == DOWN)
		return age > durations.grace[state] ? MOVE : DETOUR;
	switch (step) {
	case REFRESH:
		if (age < durations.refresh[state])
			return STAY;
		break;
	case ESTABLISH:
		state = p->state;
		break;
	case CLOSE:
		state = CLOSING;
		break;
	default:
		return STAY;
	}
	write(f, member, state, p->length);
	return STAY;
}

// pin_anew gives the flow a pin to another member.
INLINE void pin_anew(struct flow *f, struct packet *p, u32 member, enum event e)
{
	u64 pin = make_pin(f->now, member, first_state[p->flags]);

	if (f->pin)
		*f->pin = pin;
	else if (bpf_map_update_elem(&ecmp_probation, &f->digest, &pin, BPF_ANY))
		e = REFUSED;
	count_event(e, p->length);
}

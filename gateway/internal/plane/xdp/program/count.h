#pragma once

#include "maps.h"

INLINE void count(void *map, u32 index, u64 length)
{
	struct traffic *t = bpf_map_lookup_elem(map, &index);

	if (t) {
		t->frames++;
		t->bytes += length;
	}
}

INLINE void count_event(enum event e, u64 length)
{
	count(&ecmp_events, e, length);
}

// drop_in counts a frame as dropped, also in a map of struct drops whose first
// reason is given.
INLINE int drop_in(void *map, u32 *index, enum event first, enum event reason, u64 length)
{
	struct drops *d = bpf_map_lookup_elem(map, index);

	if (d)
		d->frames[reason - first]++;
	count_event(reason, length);
	return XDP_DROP;
}

// drop drops a frame for a service that goes to none of its members.
INLINE int drop(u32 *service, enum event reason, u64 length)
{
	return drop_in(&ecmp_unserved, service, EXPIRED, reason, length);
}

// lose drops a frame that was for the member at an output.
INLINE int lose(u32 output, enum event reason, u64 length)
{
	return drop_in(&ecmp_unsent, &output, NO_OUTPUT, reason, length);
}

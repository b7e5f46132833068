#pragma once

#include "count.h"
#include "group.h"

// The slow path answers pings of the gateway's own addresses. It gets no more of
// them than it may answer, so that a flood of pings leaves it time, and room in
// its queue, for what else it does.

enum { SECOND = 1000000000 };

// over_rate reports whether a ping is one more than this processor lets through:
// as many at once as in a second. The model is limit in package plane.
INLINE bool over_rate(void)
{
	u32 only = 0;
	u64 now = bpf_ktime_get_coarse_ns();
	u64 *next = bpf_map_lookup_elem(&ecmp_pings, &only);

	if (!next) // never
		return false;
	if (*next > now + SECOND - ping_interval)
		return true;
	*next = (*next > now ? *next : now) + ping_interval;
	return false;
}

// ping passes a ping to the slow path, or drops it.
INLINE int ping(struct packet *p)
{
	u32 *found = ping_interval ? route(p) : NULL;
	u32 service;

	if (!found || !(*found & PINGED) || !over_rate())
		return XDP_PASS;
	service = *found & ~PINGED;
	return drop(&service, PING_OVER_RATE, p->length);
}

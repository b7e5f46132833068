#include "hash.h"
#include "pings.h"
#include "pins.h"
#include "tunnel.h"

// rewrite makes the frame the one that the router sends: see the function of
// that name in package engine.
INLINE void rewrite(struct packet *p, struct hop *hop)
{
	struct ethernet *e = (void *)p->frame;

	((u32 *)e)[0] = ((u32 *)hop)[0];
	((u32 *)e)[1] = ((u32 *)hop)[1];
	((u32 *)e)[2] = ((u32 *)hop)[2];
	if (p->v6) {
		((struct ipv6 *)(e + 1))->hop_limit = p->lifetime - 1;
		return;
	}
	struct ipv4 *ip = (void *)(e + 1);
	// RFC 1624, equation 3: ~m + m' is 0xfffe for whatever the word of the TTL
	// was, since one is taken from it. The sum does not mind the order of bytes.
	u32 sum = (ip->sum ^ 0xffff) + 0xfffe;
	ip->sum = ~(sum + (sum >> 16));
	ip->ttl = p->lifetime - 1;
}

// over_mtu reports whether the packet, which gets so many bytes longer, is too
// long for an output. The kernel would drop it after the redirect, and count it
// nowhere. To ask takes long, so it is done for what is longer than hop.fits.
INLINE bool over_mtu(struct packet *p, u32 output, s32 more)
{
	u32 mtu = 0;
	u32 *device = bpf_map_lookup_elem(&ecmp_outputs, &output);

	return device && bpf_check_mtu(p->context, *device, &mtu, more, 0) == BPF_MTU_CHK_RET_FRAG_NEEDED;
}

INLINE int send(struct packet *p, struct hop *hop)
{
	u32 output = hop->output, key = hop->tunnel;
	struct tunnel *tunnel = key ? bpf_map_lookup_elem(&ecmp_tunnels, &key) : NULL;

	if (key && !tunnel) // never: the plane puts it there first
		return lose(output, NO_OUTPUT, p->length);
	if (p->length > hop->fits && over_mtu(p, output, tunnel ? tunnel->size : 0))
		return answers ? XDP_PASS : lose(output, OVER_MTU, p->length);
	// XDP_DROP is the result if there is no such output.
	if (bpf_redirect_map(&ecmp_outputs, output, XDP_DROP) != XDP_REDIRECT)
		return lose(output, NO_OUTPUT, p->length);
	rewrite(p, hop);
	if (tunnel && !wrap(p, tunnel))
		return lose(output, NO_ROOM, p->length);
	count(&ecmp_members, output, p->length);
	return XDP_REDIRECT;
}

// place sends the packet to the member that the table has for it.
INLINE int place(struct packet *p, u32 *service, struct table *t, u64 hash)
{
	u32 member = choose(t, hash);
	struct hop *hop = member ? bpf_map_lookup_elem(&ecmp_hops, &member) : NULL;

	return hop ? send(p, hop) : drop(service, NO_MEMBER, p->length);
}

// stick sends the packet to the member of its pin, or makes one.
INLINE int stick(struct packet *p, u32 *service, struct table *t, u64 hash)
{
	struct flow f = find(t, hash);
	enum verdict verdict = PLACE;
	u32 member = 0;

	if (f.pin) {
		member = pin_member(f.was);
		verdict = follow(&f, p, member, state_of(t, member));
	}
	if (verdict != STAY) {
		u32 chosen = choose(t, hash);

		if (chosen) {
			member = chosen;
			if (verdict == DETOUR)
				count_event(DETOURED, p->length);
			else
				pin_anew(&f, p, member, verdict == MOVE ? MOVED : PLACED);
		} else if (verdict != REOPEN) {
			return drop(service, NO_MEMBER, p->length);
		}
	}
	struct hop *hop = bpf_map_lookup_elem(&ecmp_hops, &member);
	return hop ? send(p, hop) : drop(service, NO_MEMBER, p->length);
}

// tell_apart has the packet be of the kind of flows that its service has. A flow
// that is many connections does not end with one of them, so that flags say
// nothing of it.
INLINE void tell_apart(struct packet *p, struct table *t)
{
	p->state = p->protocol == IPPROTO_TCP ? ESTABLISHED_TCP : ESTABLISHED;
	if (t->state) {
		p->state = t->state;
		p->flags = 0;
	}
}

INLINE int forward(struct xdp_md *context, bool sticky)
{
	struct packet p = {};
	u32 *service;
	struct table *t;
	u64 hashed;

	if (!parse(&p, context))
		return p.ping ? ping(&p) : XDP_PASS;
	service = route(&p);
	if (!service)
		return XDP_PASS;
	if (p.lifetime <= 1)
		return answers ? XDP_PASS : drop(service, EXPIRED, p.length);
	t = table_of(service);
	if (!t)
		return XDP_PASS;
	hashed = hash(&p, t->key);
	if (!sticky)
		return place(&p, service, t, hashed);
	tell_apart(&p, t);
	return stick(&p, service, t, hashed);
}

SEC("xdp") int ecmp_table(struct xdp_md *context)
{
	return forward(context, false);
}

SEC("xdp") int ecmp_sticky(struct xdp_md *context)
{
	return forward(context, true);
}

// ecmp_pass keeps the place of the program until the plane runs.
SEC("xdp") int ecmp_pass(struct xdp_md *context)
{
	(void)context;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";

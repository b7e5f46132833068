#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#define INLINE static __always_inline

// The member's address, which packets in tunnels are for. That of IPv4 comes
// first in it.
const volatile u64 address[2] = {};
const volatile bool v6 = false;

struct ethernet {
	u8 dst[6], src[6];
	u16 type;
};

struct ipv4 {
	u8 version;
	u8 service;
	u16 size, id, fragment;
	u8 ttl, protocol;
	u16 sum;
	u32 src, dst;
};

struct ipv6 {
	u32 flow;
	u16 size;
	u8 next, hop_limit;
	u64 src[2], dst[2];
};

// strip takes so many bytes away behind the Ethernet header. The packet that
// follows is of this protocol.
INLINE int strip(struct xdp_md *context, struct ethernet *e, u32 size, u8 protocol)
{
	u32 first = ((u32 *)e)[0], second = ((u32 *)e)[1], third = ((u32 *)e)[2];

	if (bpf_xdp_adjust_head(context, size))
		return XDP_DROP;
	e = (void *)(long)context->data;
	if ((void *)(e + 1) > (void *)(long)context->data_end)
		return XDP_DROP;
	((u32 *)e)[0] = first;
	((u32 *)e)[1] = second;
	((u32 *)e)[2] = third;
	e->type = protocol == IPPROTO_IPIP ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	return XDP_PASS;
}

INLINE bool in_tunnel(u8 protocol)
{
	return protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6;
}

// ecmp_decap takes the outer header off packets in tunnels to the member, for a
// host that has no device that does it. The kernel checks what is in them, as
// it does with any packet.
SEC("xdp") int ecmp_decap(struct xdp_md *context)
{
	void *end = (void *)(long)context->data_end;
	struct ethernet *e = (void *)(long)context->data;

	if ((void *)(e + 1) > end)
		return XDP_PASS;
	if (!v6 && e->type == bpf_htons(ETH_P_IP)) {
		struct ipv4 *ip = (void *)(e + 1);

		if ((void *)(ip + 1) > end || ip->version != 0x45 || ip->fragment & bpf_htons(0x3fff))
			return XDP_PASS;
		if (!in_tunnel(ip->protocol) || ip->dst != (u32)address[0])
			return XDP_PASS;
		return strip(context, e, sizeof *ip, ip->protocol);
	}
	if (v6 && e->type == bpf_htons(ETH_P_IPV6)) {
		struct ipv6 *ip = (void *)(e + 1);

		if ((void *)(ip + 1) > end || !in_tunnel(ip->next))
			return XDP_PASS;
		if (ip->dst[0] != address[0] || ip->dst[1] != address[1])
			return XDP_PASS;
		return strip(context, e, sizeof *ip, ip->next);
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
